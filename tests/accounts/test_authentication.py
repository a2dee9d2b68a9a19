"""Who is let in, in which order, and what is said to those who are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services import issue_token, revoke_token
from speakr_site.core.attempts import FAILURES_A_MINUTE
from tests.factories import make_recording

ME = "/api/v1/users/me"


@pytest.fixture(autouse=True)
def _no_failures_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty counter, and a minute that does not end in the middle of a test."""
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: 1.7e9))
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def secret(alice: User) -> str:
    return issue_token(user=alice, name="phone")[1]


def who(*, query: dict[str, str] | None = None, **headers: str) -> Any:
    return Client().get(
        ME, query or {}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


WAYS: list[Callable[[str], dict[str, Any]]] = [
    lambda secret: {"Authorization": f"Bearer {secret}"},
    lambda secret: {"Authorization": f"bearer  {secret} "},
    lambda secret: {"X_API_Token": secret},
    lambda secret: {"API_Token": secret},
    lambda secret: {"query": {"token": secret}},
]


@pytest.mark.parametrize("way", WAYS)
def test_a_token_is_taken_in_each_of_four_places(
    secret: str, way: Callable[[str], dict[str, Any]]
) -> None:
    response = who(**way(secret))
    assert response.status_code == 200
    assert response.json()["username"] == "alice"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", ["wrong", "x" * 43, "a b", "ü", "x" * 10_000, "null", "'\";--"])
def test_a_bad_token_is_401_in_each_of_them(
    db: None, way: Callable[[str], dict[str, Any]], bad: str
) -> None:
    response = who(**way(bad))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json() == {"error": "Invalid or expired token"}


def test_a_nul_in_a_token_is_401(db: None) -> None:
    assert who(query={"token": "\x00"}).status_code == 401
    assert Client().get(ME, HTTP_X_API_TOKEN="\x00").status_code == 401


def test_no_token_is_401(db: None) -> None:
    response = who()
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert response.json() == {"error": "Authentication required"}


def test_an_empty_token_counts_as_none_but_an_empty_bearer_is_bad(db: None) -> None:
    for empty in (who(X_API_Token=""), who(API_Token=" "), who(query={"token": ""})):
        assert empty.json() == {"error": "Authentication required"}
    assert who(Authorization="Bearer ").json() == {"error": "Invalid or expired token"}


def test_the_first_place_that_holds_a_token_is_final(secret: str) -> None:
    bad = "wrong"
    assert who(Authorization=f"Bearer {bad}", X_API_Token=secret).status_code == 401
    assert who(X_API_Token=bad, API_Token=secret).status_code == 401
    assert who(API_Token=bad, query={"token": secret}).status_code == 401
    assert who(Authorization=f"Bearer {secret}", query={"token": bad}).status_code == 200


@pytest.mark.parametrize("other", ["Basic YWxpY2U6eA==", "Token abc", "Bearerabc", ""])
def test_another_scheme_is_skipped(secret: str, other: str) -> None:
    assert who(Authorization=other, X_API_Token=secret).status_code == 200
    assert who(Authorization=other).json() == {"error": "Authentication required"}


def test_the_query_parameter_can_be_switched_off(secret: str, settings: Any) -> None:
    settings.ALLOW_QUERY_TOKEN = False
    assert who(query={"token": secret}).status_code == 401
    assert who(X_API_Token=secret).status_code == 200


def test_an_expired_token_is_refused(alice: User) -> None:
    now = timezone.now()
    _, gone = issue_token(user=alice, name="a", expires_at=now - timedelta(seconds=1))
    _, good = issue_token(user=alice, name="b", expires_at=now + timedelta(minutes=1))
    assert who(X_API_Token=gone).status_code == 401
    assert who(X_API_Token=good).status_code == 200


def test_a_revoked_token_is_refused_at_once(alice: User) -> None:
    token, secret = issue_token(user=alice, name="phone")
    assert who(X_API_Token=secret).status_code == 200
    revoke_token(token=token)
    assert who(X_API_Token=secret).status_code == 401


def test_the_tokens_of_who_is_not_active_are_refused(alice: User, secret: str) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert who(X_API_Token=secret).status_code == 401


def test_its_digest_is_no_token(alice: User, secret: str) -> None:
    assert who(X_API_Token=ApiToken.objects.get().digest).status_code == 401


def test_the_use_is_remembered_once_a_minute(
    alice: User, secret: str, django_assert_num_queries: Any
) -> None:
    who(X_API_Token=secret)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    # Only the token with its person, and that person's groups.
    with django_assert_num_queries(2):
        who(X_API_Token=secret)
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    who(X_API_Token=secret)
    assert ApiToken.objects.get().last_used_at >= first


class TestSession:
    def test_a_login_session_reads(self, alice: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice)
        assert client.get(ME).json()["username"] == "alice"

    def test_a_session_of_who_is_not_active_does_not(self, alice: User) -> None:
        client = Client()
        client.force_login(alice)
        User.objects.filter(pk=alice.pk).update(is_active=False)
        assert client.get(ME).status_code == 401

    def test_a_session_writes_only_with_a_csrf_token(self, alice: User) -> None:
        path = f"/api/v1/recordings/{make_recording(owner=alice).pk}"
        client = Client(enforce_csrf_checks=True)
        client.force_login(alice)
        change: dict[str, Any] = {"data": {"title": "New"}, "content_type": "application/json"}
        refused = client.patch(path, **change)
        assert refused.status_code == 403
        assert refused.json()["error"].startswith("CSRF Failed")
        client.cookies["csrftoken"] = "a" * 32
        assert client.patch(path, **change, headers={"X-CSRFToken": "a" * 32}).status_code == 200

    def test_a_token_writes_without_one(self, alice: User, secret: str) -> None:
        path = f"/api/v1/recordings/{make_recording(owner=alice).pk}"
        response = Client(enforce_csrf_checks=True).patch(
            path,
            {"title": "New"},
            content_type="application/json",
            headers={"X-API-Token": secret},
        )
        assert response.status_code == 200

    def test_a_token_wins_over_a_session_for_better_or_worse(
        self, secret: str, carol: User
    ) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(carol)
        assert client.get(ME, headers={"X-API-Token": secret}).json()["username"] == "alice"
        assert client.get(ME, headers={"X-API-Token": "wrong"}).status_code == 401


class TestFailures:
    def fail(self, times: int, **extra: Any) -> list[int]:
        return [
            Client().get(ME, headers={"X-API-Token": "wrong"}, **extra).status_code
            for _ in range(times)
        ]

    def test_the_sixty_first_within_a_minute_has_to_wait(self, db: None) -> None:
        assert set(self.fail(FAILURES_A_MINUTE)) == {401}
        response = who(X_API_Token="wrong")
        assert response.status_code == 429
        assert 1 <= int(response["Retry-After"]) <= 60
        assert response.json()["error"].startswith("Too many failed attempts. Expected")

    def test_a_good_token_is_never_refused_for_them(self, secret: str) -> None:
        self.fail(FAILURES_A_MINUTE + 1)
        assert who(X_API_Token=secret).status_code == 200

    def test_successes_and_visits_without_a_token_do_not_count(self, secret: str) -> None:
        for _ in range(FAILURES_A_MINUTE):
            assert who(X_API_Token=secret).status_code == 200
            who()
        assert who(X_API_Token="wrong").status_code == 401

    def test_another_address_is_not_held_responsible(self, db: None) -> None:
        self.fail(FAILURES_A_MINUTE + 1)
        assert self.fail(1, REMOTE_ADDR="203.0.113.9") == [401]

    def test_a_made_up_forwarded_address_is_no_way_out(self, db: None) -> None:
        statuses = [
            Client()
            .get(ME, headers={"X-API-Token": "wrong", "X-Forwarded-For": f"10.0.0.{number}"})
            .status_code
            for number in range(FAILURES_A_MINUTE + 1)
        ]
        assert statuses[-1] == 429
