"""The page of one's API tokens."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services import issue_token, set_password
from tests.accounts.pages import filled, problems, said, send
from tests.accounts.test_tokens import works
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db

TOKENS = "/account/tokens"


@pytest.fixture(autouse=True)
def _no_form_was_sent_yet() -> None:
    cache.clear()


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    return signed_in(alice)


def secret_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    return answer.context["secret"]


def days_left() -> float:
    return (ApiToken.objects.get().expires_at - timezone.now()) / timedelta(days=1)


def test_the_secret_of_a_new_token_works_and_is_shown_this_once(
    browser_of_alice: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = send(browser_of_alice, TOKENS, name="phone")
    secret = secret_of(answer)
    assert works(secret)
    assert answer.content.decode().count(secret) == 1
    assert answer["Cache-Control"] == "no-store"
    assert secret not in browser_of_alice.get(TOKENS).content.decode()
    assert secret not in caplog.text
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    assert kept and not any(secret in session for session in kept)


def test_a_form_that_is_sent_twice_makes_one_token(browser_of_alice: Client) -> None:
    form = {**filled(browser_of_alice, TOKENS), "name": "phone"}
    secret_of(browser_of_alice.post(TOKENS, form))
    again = browser_of_alice.post(TOKENS, form)
    assert again.status_code == 302
    assert said(browser_of_alice, TOKENS) == [
        "This form was sent before, and its token is in the list. Its secret was shown then."
    ]
    assert ApiToken.objects.count() == 1


def test_a_form_with_a_mistake_can_be_mended_and_sent(browser_of_alice: Client) -> None:
    wrong = send(browser_of_alice, TOKENS, name="x" * 101)
    assert list(problems(wrong)) == ["name"]
    nonce = wrong.context["form"]["nonce"].value()
    mended = {"name": "phone", "expires": "never", "nonce": nonce}
    assert works(secret_of(browser_of_alice.post(TOKENS, mended)))


@pytest.mark.parametrize("days", [30, 90, 365])
def test_a_token_ends_after_the_days_that_were_chosen(browser_of_alice: Client, days: int) -> None:
    secret_of(send(browser_of_alice, TOKENS, expires=str(days)))
    assert days_left() == pytest.approx(days, abs=0.01)


def test_a_token_may_have_no_end_and_no_name(browser_of_alice: Client) -> None:
    # A day that was typed and then not chosen counts for nothing.
    secret_of(send(browser_of_alice, TOKENS, expires="never", name="  ", day="2030-01-01"))
    token = ApiToken.objects.get()
    assert (token.name, token.expires_at) == ("Unnamed Token", None)


def test_a_last_day_counts_to_its_end_where_the_person_is(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(timezone="Pacific/Auckland")
    day = datetime.now(ZoneInfo("Pacific/Auckland")).date() + timedelta(days=3)
    secret_of(send(signed_in(alice), TOKENS, expires="day", day=day.isoformat()))
    ends = ApiToken.objects.get().expires_at.astimezone(ZoneInfo("Pacific/Auckland"))
    assert ends.date() == day
    assert (ends + timedelta(seconds=1)).date() == day + timedelta(days=1)


@pytest.mark.parametrize("day", ["", "2020-01-01", "9999-12-31", "soon", "2026-02-30"])
def test_a_last_day_must_be_one_that_comes(browser_of_alice: Client, day: str) -> None:
    assert list(problems(send(browser_of_alice, TOKENS, expires="day", day=day))) == ["day"]
    assert not ApiToken.objects.exists()


def test_an_end_that_is_not_offered_is_refused(browser_of_alice: Client) -> None:
    assert list(problems(send(browser_of_alice, TOKENS, expires="9" * 30))) == ["expires"]


def test_the_list_has_one_s_own_and_says_which_have_expired(
    browser_of_alice: Client, alice: User, carol: User
) -> None:
    issue_token(user=carol, name="of Carol", by=carol)
    issue_token(user=alice, name="for good", by=alice)
    over, _ = issue_token(user=alice, name="over", by=alice)
    ended, _ = issue_token(user=alice, name="revoked", by=alice)
    ApiToken.objects.filter(pk=over.pk).update(
        expires_at=timezone.now() - timedelta(days=1), last_used_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    ApiToken.objects.filter(pk=ended.pk).update(revoked_at=timezone.now())
    page = browser_of_alice.get(TOKENS)
    assert [token.name for token in page.context["tokens"]] == ["over", "for good"]
    shown = page.content.decode()
    assert shown.count(">expired</span>") == 1
    assert "last used" in shown and "2 Jan 2026" in shown and "never used" in shown
    assert "does not expire" in shown


def test_a_token_is_renamed(browser_of_alice: Client, alice: User) -> None:
    token, secret = issue_token(user=alice, name="phone", by=alice)
    path = f"{TOKENS}/{token.pk}"
    assert send(browser_of_alice, path, name="tablet")["Location"] == TOKENS
    assert ApiToken.objects.get().name == "tablet"
    assert list(problems(send(browser_of_alice, path, name=" "))) == ["name"]
    assert works(secret)


def test_a_token_is_revoked_after_being_asked_with_those_that_were_made_with_it(
    browser_of_alice: Client, alice: User
) -> None:
    token, secret = issue_token(user=alice, name="phone", by=alice)
    _, other = issue_token(user=alice, name="laptop", by=alice)
    _, childs = issue_token(user=alice, name="watch", by=alice, parent=token)
    path = f"{TOKENS}/{token.pk}/revoke"
    assert "“watch”" in browser_of_alice.get(path).content.decode()
    assert works(secret)
    assert browser_of_alice.post(path)["Location"] == TOKENS
    assert [works(each) for each in (secret, childs, other)] == [False, False, True]
    assert said(browser_of_alice, TOKENS) == ["The token “phone” is revoked."]


def test_a_token_that_is_revoked_twice_stays_as_it_ended(
    browser_of_alice: Client, alice: User
) -> None:
    token, _ = issue_token(user=alice, name="phone", by=alice)
    path = f"{TOKENS}/{token.pk}/revoke"
    browser_of_alice.post(path)
    ended = ApiToken.objects.get().revoked_at
    assert browser_of_alice.post(path).status_code == 302
    assert ApiToken.objects.get().revoked_at == ended
    assert send_rename(browser_of_alice, token).status_code == 404


def send_rename(browser: Client, token: ApiToken) -> HttpResponse:
    return browser.post(f"{TOKENS}/{token.pk}", {"name": "again"})


def test_a_log_in_that_has_ended_makes_no_token(browser_of_alice: Client, alice: User) -> None:
    form = filled(browser_of_alice, TOKENS)
    set_password(user=alice, password="another long password", by=alice)
    assert browser_of_alice.post(TOKENS, form)["Location"] == f"/login?next={TOKENS}"
    assert not ApiToken.objects.exists()
