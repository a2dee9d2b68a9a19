"""Tokens are issued, replaced and revoked; operators leave a trail."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.models import ApiToken, User, digest
from accounts.services import ensure_user, issue_token, replace_token, revoke_token
from speakr_site.core.models import AuditEntry

PASSWORD = "correct horse battery"


def test_only_the_digest_of_a_token_is_kept(alice: User) -> None:
    token, secret = issue_token(user=alice, name="phone")
    assert len(secret) == 43
    assert token.digest == digest(secret)
    assert secret not in str(ApiToken.objects.values().get())


def test_a_replaced_token_ends_and_others_do_not(alice: User, carol: User) -> None:
    _, first = issue_token(user=alice, name="phone")
    _, other = issue_token(user=alice, name="laptop")
    _, carols = issue_token(user=carol, name="phone")
    _, second = replace_token(user=alice, name="phone")
    usable = [ApiToken.objects.presented(s).exists() for s in (first, other, carols, second)]
    assert usable == [False, True, True, True]


def test_revoking_again_changes_nothing(alice: User) -> None:
    token, _ = issue_token(user=alice, name="phone")
    revoke_token(token=token)
    token.refresh_from_db()
    ended = token.revoked_at
    revoke_token(token=token)
    token.refresh_from_db()
    assert token.revoked_at == ended


def test_who_made_and_revoked_tokens_is_on_record_and_no_secret(alice: User, otto: User) -> None:
    issue_token(user=alice, name="made at the command line")
    assert AuditEntry.objects.get().actor is None
    AuditEntry.objects.all().delete()
    token, secret = issue_token(user=alice, name="phone", by=otto)
    revoke_token(token=token, by=otto)
    revoke_token(token=token, by=otto)
    trail = AuditEntry.objects.order_by("id").values_list("actor", "action", "object_id")
    assert list(trail) == [
        (otto.pk, "token.issue", token.pk),
        (otto.pk, "token.revoke", token.pk),
    ]
    assert secret not in str(AuditEntry.objects.values())


def test_ensuring_a_person_twice_makes_one_and_keeps_the_password(db: None) -> None:
    first, is_new = ensure_user(username="erin", email="erin@example.com", password=PASSWORD)
    again, is_new_again = ensure_user(
        username="erin", email="Erin@Example.com", password="another long password"
    )
    assert (first.pk, is_new, is_new_again) == (again.pk, True, False)
    again.refresh_from_db()
    assert again.check_password(PASSWORD)
    assert not again.is_admin


@pytest.mark.parametrize(
    "values",
    [
        {"username": "alice", "email": "other@example.com"},
        {"username": "erin", "email": "ALICE@example.com"},
        {"username": "erin", "email": "no address"},
        {"username": "erin", "email": ""},
        {"username": "e" * 21},
        {"username": "two words"},
        {"username": ""},
        {"password": "short"},
        {"password": "12345678901"},
        {"password": ""},
    ],
)
def test_a_bad_value_makes_nobody(alice: User, values: dict[str, str]) -> None:
    given = {"username": "erin", "email": "erin@example.com", "password": PASSWORD, **values}
    with pytest.raises(ValidationError):
        ensure_user(**given)
    assert User.objects.count() == 1


def test_nobody_becomes_an_operator_in_passing(alice: User) -> None:
    with pytest.raises(ValidationError):
        ensure_user(username="alice", email=alice.email, password=PASSWORD, is_admin=True)
    alice.refresh_from_db()
    assert not alice.is_admin
