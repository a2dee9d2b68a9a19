"""Changing one's own password and e-mail on the pages (contract 0.1, 28 and 29)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from accounts.models import EMAIL_TAKEN, ApiToken, User
from accounts.services import change_email, change_password, issue_token, set_password
from speakr_site.core.errors import Conflict, NotAllowed
from tests.conftest import make_user, signed_in

pytestmark = pytest.mark.django_db

PASSWORD_PAGE, EMAIL_PAGE, ME = "/account/password", "/account/email", "/api/v1/users/me"
CONSOLE_PAGE = "/admin/password_change/"
PASSWORD, NEW = "correct horse battery", "another long password"
TICKED = {"end_tokens": "on"}


def change(client: Client, *, old: str = PASSWORD, new: str = NEW, **more: str) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": new, **more}
    return client.post(PASSWORD_PAGE, form, follow=True)


def lets_in(client: Client) -> bool:
    return client.get(ME).status_code == 200


class TestPassword:
    def test_it_ends_every_other_session_and_every_token(
        self, alice: User, carol: User, trail: Any
    ) -> None:
        issue_token(user=alice, name="phone", by=alice)
        issue_token(user=carol, name="phone", by=carol)
        here, elsewhere = signed_in(alice), signed_in(alice)
        key = here.session.session_key
        answer = change(here, **TICKED)
        assert answer.redirect_chain == [("/account", 302)]
        assert "Your password has been changed." in answer.content.decode()
        alice.refresh_from_db()
        assert alice.check_password(NEW)
        assert (lets_in(here), lets_in(elsewhere)) == (True, False)
        assert here.session.session_key != key
        assert [token.user for token in ApiToken.objects.usable()] == [carol]
        assert trail()[-2:] == [
            ("alice", "user.password", "alice"),
            ("alice", "token.revoke", "phone of alice"),
        ]

    def test_who_unticks_it_keeps_the_tokens(self, alice: User) -> None:
        issue_token(user=alice, name="phone", by=alice)
        here, elsewhere = signed_in(alice), signed_in(alice)
        change(here)
        assert (lets_in(here), lets_in(elsewhere)) == (True, False)
        assert ApiToken.objects.usable().count() == 1

    def test_the_box_is_ticked_at_first(self, alice: User) -> None:
        html = signed_in(alice).get(PASSWORD_PAGE).content.decode()
        assert re.search(r'<input[^>]* name="end_tokens"[^>]* checked', html)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"old": "wrong"},
            {"old": ""},
            {"new": "short"},
            {"new": "12345678901"},
            {"new": "alice@example.com"},
            {"new_password2": "other"},
        ],
    )
    def test_a_wrong_or_weak_one_changes_nothing(self, alice: User, wrong: dict[str, str]) -> None:
        issue_token(user=alice, name="phone", by=alice)
        here, elsewhere = signed_in(alice), signed_in(alice)
        answer = change(here, **wrong, **TICKED)
        assert (answer.status_code, answer.redirect_chain) == (200, [])
        assert 'aria-invalid="true"' in answer.content.decode()
        alice.refresh_from_db()
        assert alice.check_password(PASSWORD)
        assert lets_in(here)
        assert lets_in(elsewhere)
        assert ApiToken.objects.usable().exists()

    def test_one_that_was_set_meanwhile_stands(self, alice: User, otto: User) -> None:
        early = User.objects.get(pk=alice.pk)
        set_password(user=alice, password="an operator's choice", by=otto)
        with pytest.raises(NotAllowed):
            change_password(user=early, password=NEW)
        with pytest.raises(NotAllowed):
            change_email(user=early, email="new@example.com")
        alice.refresh_from_db()
        assert alice.check_password("an operator's choice")
        assert alice.email == "alice@example.com"

    @pytest.mark.parametrize("path", [PASSWORD_PAGE, CONSOLE_PAGE])
    def test_being_too_late_is_a_sentence(
        self, otto: User, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody sets another one after the current one was found to be right."""
        client, check = signed_in(otto), User.check_password

        def checked(self: User, raw: str) -> bool:
            right = check(self, raw)
            set_password(user=User.objects.get(pk=self.pk), password="their choice", by=None)
            return right

        monkeypatch.setattr(User, "check_password", checked)
        form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        answer = client.post(path, form)
        assert answer.status_code == 200
        assert "has just been changed" in answer.content.decode()

    def test_passwords_are_never_shown_again(self, alice: User) -> None:
        answer = change(signed_in(alice), old="a wrong secret", new="short")
        assert "a wrong secret" not in answer.content.decode()
        assert 'value="short"' not in answer.content.decode()

    def test_the_fields_are_known_to_password_managers(self, alice: User) -> None:
        html = signed_in(alice).get(PASSWORD_PAGE).content.decode()
        for name, kind in (
            ("username", "username"),
            ("old_password", "current-password"),
            ("new_password1", "new-password"),
            ("new_password2", "new-password"),
        ):
            assert re.search(rf'<input[^>]* name="{name}"[^>]* autocomplete="{kind}"', html)


class TestEmail:
    def change(self, client: Client, email: str, password: str = PASSWORD) -> Any:
        return client.post(EMAIL_PAGE, {"email": email, "password": password}, follow=True)

    def test_it_takes_the_password_and_is_unverified_then(self, alice: User, trail: Any) -> None:
        User.objects.filter(pk=alice.pk).update(email_verified=True)
        client = signed_in(alice)
        answer = self.change(client, "New@Example.COM")
        assert answer.redirect_chain == [("/account", 302)]
        assert "Your e-mail has been changed." in answer.content.decode()
        me = client.get(ME).json()
        assert (me["email"], me["email_verified"]) == ("New@example.com", False)
        assert trail() == [("alice", "user.email", "alice")]

    def test_a_wrong_password_changes_nothing_and_tells_nothing(
        self, alice: User, carol: User
    ) -> None:
        client = signed_in(alice)
        for email in ("new@example.com", carol.email):
            html = self.change(client, email, "a wrong secret").content.decode()
            assert "not your current password" in html
            assert EMAIL_TAKEN not in html
            assert "a wrong secret" not in html
        alice.refresh_from_db()
        assert alice.email == "alice@example.com"

    def test_that_of_somebody_else_is_refused_in_any_case(self, alice: User, carol: User) -> None:
        html = self.change(signed_in(alice), "CAROL@Example.com").content.decode()
        assert EMAIL_TAKEN in html
        assert re.search(r'<input[^>]* name="email"[^>]* aria-describedby="id_email_error"', html)

    def test_one_s_own_in_another_case_is_fine(self, alice: User) -> None:
        assert self.change(signed_in(alice), "Alice@example.com").redirect_chain
        alice.refresh_from_db()
        assert alice.email == "Alice@example.com"

    @pytest.mark.parametrize(
        "email", ["", "no address", "a@b", f"{'a' * 120}@example.com", "a\0@b.de"]
    )
    def test_it_must_be_an_address(self, alice: User, email: str) -> None:
        assert self.change(signed_in(alice), email).redirect_chain == []

    def test_the_service_refuses_a_taken_one_too(self, alice: User, carol: User) -> None:
        with pytest.raises(Conflict, match=EMAIL_TAKEN):
            change_email(user=alice, email="CAROL@example.com")
        alice.refresh_from_db()
        assert alice.email == "alice@example.com"

    def test_the_database_knows_one_e_mail_once(self, alice: User) -> None:
        other = make_user("other")
        other.email = "ALICE@example.com"
        with pytest.raises(IntegrityError):
            other.save()
