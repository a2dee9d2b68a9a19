"""/api/tokens, and what a token can and cannot do for whoever holds it (contract 2.3; 0.1, 28)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.api.views import tokens as views
from accounts.models import ApiToken, User
from accounts.services import end_tokens, issue_token, revoke_token, set_password
from tests.concurrency import statuses
from tests.conftest import Api, signed_in

pytestmark = pytest.mark.django_db

TOKENS, ME = "/api/tokens", "/api/v1/users/me"
KEYS = {"id", "name", "created_at", "last_used_at", "expires_at", "revoked"}
DAYS = "expires_in_days must be a non-negative integer"
NEW_PASSWORD = "another long password"


def holder(secret: str) -> APIClient:
    """Who has nothing but a token."""
    return APIClient(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})


def works(secret: str) -> bool:
    return holder(secret).get(ME).status_code == 200


def days_left(answer: dict[str, Any]) -> float:
    moment = datetime.fromisoformat(answer["expires_at"])
    return (moment - datetime.now(UTC)) / timedelta(days=1)


def with_days(user: User, days: int | None) -> tuple[ApiToken, str]:
    expires_at = timezone.now() + timedelta(days=days) if days else None
    return issue_token(user=user, name="phone", expires_at=expires_at, by=user)


class TestMaking:
    def test_the_secret_is_shown_once_and_works(self, api: Api, alice: User, trail: Any) -> None:
        answer = api(alice).post(TOKENS, {"name": " laptop ", "expires_in_days": 30})
        assert answer.status_code == 201
        made = answer.json()
        assert set(made) == KEYS | {"token"}
        assert re.fullmatch(r"[\w-]{43}", made["token"])
        assert (made["name"], made["revoked"], made["last_used_at"]) == ("laptop", False, None)
        assert 29.9 < days_left(made) <= 30
        assert answer["Cache-Control"] == "no-store"
        assert works(made["token"])
        listed = api(alice).get(TOKENS)
        assert made["token"] not in listed.content.decode()
        assert trail() == [("alice", "token.issue", "laptop of alice")]

    @pytest.mark.parametrize("body", [None, {}, {"name": None}, {"name": "  "}])
    def test_without_a_name_it_has_one_all_the_same(self, api: Api, alice: User, body: Any) -> None:
        made = api(alice).post(TOKENS, body).json()
        assert (made["name"], made["expires_at"]) == ("Unnamed Token", None)

    @pytest.mark.parametrize("days", [0, None])
    def test_no_days_are_no_end(self, api: Api, alice: User, days: int | None) -> None:
        assert api(alice).post(TOKENS, {"expires_in_days": days}).json()["expires_at"] is None

    @pytest.mark.parametrize("days", [True, False, -1, 1.0, 1.5, "30", "", [], {}, [1]])
    def test_days_are_a_whole_number_from_0_up(self, api: Api, alice: User, days: Any) -> None:
        answer = api(alice).post(TOKENS, {"expires_in_days": days})
        assert (answer.status_code, answer.json()["error"]) == (400, DAYS)
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("days", [36_501, 10**9, 10**18, 10**40])
    def test_days_beyond_a_lifetime_are_refused(self, api: Api, alice: User, days: int) -> None:
        answer = api(alice).post(TOKENS, {"expires_in_days": days})
        assert answer.status_code == 400
        assert "expires_in_days" in answer.json()["error"]
        assert api(alice).post(TOKENS, {"expires_in_days": 36_500}).status_code == 201

    @pytest.mark.parametrize("name", ["x" * 101, 5, True, [], {}, "a\x00b"])
    def test_a_bad_name_is_refused(self, api: Api, alice: User, name: Any) -> None:
        answer = api(alice).post(TOKENS, {"name": name})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("name")
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("body", ["[]", '"a"', "1", "{", "", '{"name":"\\ud800"}', "nul"])
    def test_a_bad_body_is_a_sentence(self, api: Api, alice: User, body: str) -> None:
        answer = api(alice).post(TOKENS, body, content_type="application/json")
        assert answer.status_code == (201 if body == "" else 400)
        assert body == "" or set(answer.json()) <= {"error", "fields"}


class TestReading:
    def test_a_list_has_one_s_own_and_the_newest_first(
        self, api: Api, alice: User, carol: User
    ) -> None:
        with_days(carol, 1)
        first, second = (with_days(alice, days)[0] for days in (1, None))
        expired, _ = with_days(alice, 1)
        ApiToken.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
        gone, _ = with_days(alice, None)
        revoke_token(token=gone, by=alice)
        rows = api(alice).get(TOKENS).json()["tokens"]
        assert [row["id"] for row in rows] == [expired.pk, second.pk, first.pk]
        assert all(set(row) == KEYS for row in rows)

    def test_it_costs_the_same_for_any_number(self, api: Api, alice: User) -> None:
        with_days(alice, 1)
        with CaptureQueriesContext(connection) as one:
            api(alice).get(TOKENS)
        for _ in range(20):
            with_days(alice, 1)
        with CaptureQueriesContext(connection) as many:
            api(alice).get(TOKENS)
        assert len(many) == len(one) == 1


class TestChanging:
    @pytest.mark.parametrize("method", ["patch", "put"])
    def test_it_is_renamed_and_nothing_else_changes(
        self, api: Api, alice: User, method: str
    ) -> None:
        token, secret = with_days(alice, 1)
        body = {"name": " tablet ", "expires_at": None, "revoked": True, "expires_in_days": 0}
        answer = getattr(api(alice), method)(f"{TOKENS}/{token.pk}", body)
        assert (answer.status_code, answer.json()["name"]) == (200, "tablet")
        stored = ApiToken.objects.get()
        assert (stored.name, stored.expires_at) == ("tablet", token.expires_at)
        assert works(secret)

    @pytest.mark.parametrize("body", [None, {}, {"name": ""}, {"name": " "}, {"name": None}])
    @pytest.mark.parametrize("method", ["patch", "put"])
    def test_a_name_is_required(self, api: Api, alice: User, method: str, body: Any) -> None:
        token, _ = with_days(alice, 1)
        answer = getattr(api(alice), method)(f"{TOKENS}/{token.pk}", body)
        assert (answer.status_code, answer.json()["error"]) == (400, "name is required")

    def test_revoking_is_immediate_and_final(self, api: Api, alice: User, trail: Any) -> None:
        token, secret = with_days(alice, None)
        assert works(secret)
        url = f"{TOKENS}/{token.pk}"
        answer = api(alice).delete(url)
        assert answer.status_code == 200
        assert answer.json() == {"message": "Token revoked successfully"}
        assert not works(secret)
        assert api(alice).get(TOKENS).json() == {"tokens": []}
        assert api(alice).delete(url).status_code == 404
        assert api(alice).patch(url, {"name": "back"}).status_code == 404
        assert trail("token.revoke") == [("alice", "token.revoke", "phone of alice")]

    def test_a_token_may_end_itself(self, alice: User) -> None:
        token, secret = with_days(alice, None)
        assert holder(secret).delete(f"{TOKENS}/{token.pk}").status_code == 200
        assert holder(secret).delete(f"{TOKENS}/{token.pk}").status_code == 401

    @pytest.mark.parametrize("person", ["carol", "otto"])
    @pytest.mark.parametrize("method", ["patch", "put", "delete"])
    def test_those_of_others_do_not_exist(
        self, request: Any, api: Api, alice: User, person: str, method: str
    ) -> None:
        token, secret = with_days(alice, None)
        client = api(request.getfixturevalue(person))
        for pk in (token.pk, 999_999, 0, 10**30):
            answer = getattr(client, method)(f"{TOKENS}/{pk}", {"name": "mine"})
            assert (answer.status_code, answer.json()) == (404, {"error": "Token not found"})
        assert client.get(TOKENS).json() == {"tokens": []}
        assert works(secret)
        assert ApiToken.objects.get().name == "phone"


class TestAddresses:
    @pytest.mark.parametrize("path", [TOKENS, f"{TOKENS}/1"])
    @pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete"])
    def test_without_a_log_in_there_is_nothing(self, api: Api, path: str, method: str) -> None:
        answer = getattr(api(None), method)(path, {})
        if (path, method) in ((TOKENS, "get"), (TOKENS, "post")) or path != TOKENS:
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert set(answer.json()) == {"error"}

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("put", TOKENS, 405),
            ("delete", TOKENS, 405),
            ("get", f"{TOKENS}/1", 405),
            ("post", f"{TOKENS}/1", 405),
            ("get", f"{TOKENS}/", 404),
            ("post", f"{TOKENS}/x", 404),
            ("delete", f"{TOKENS}/1/", 404),
            ("patch", f"{TOKENS}/-1", 404),
            ("get", "/api", 404),
            ("post", "/api/", 404),
            ("delete", "/api/nothing", 404),
            ("post", "/api/v2/tokens", 404),
        ],
    )
    def test_refusals_are_json(self, alice: User, method: str, path: str, status: int) -> None:
        _, secret = with_days(alice, None)
        answer = getattr(holder(secret), method)(path)
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/json"
        assert set(answer.json()) == {"error"}

    def test_another_media_type_is_refused(self, alice: User) -> None:
        _, secret = with_days(alice, None)
        answer = holder(secret).post(TOKENS, "name=x", content_type="text/plain")
        assert (answer.status_code, set(answer.json())) == (415, {"error"})

    def test_a_browser_needs_a_csrf_token(self, alice: User) -> None:
        token, _ = with_days(alice, None)
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(alice)
        body: dict[str, Any] = {"data": {"name": "stolen"}, "content_type": "application/json"}
        refused = [
            browser.post(TOKENS, **body),
            browser.patch(f"{TOKENS}/{token.pk}", **body),
            browser.delete(f"{TOKENS}/{token.pk}"),
        ]
        for answer in refused:
            assert answer.status_code == 403
            assert answer.json()["error"].startswith("CSRF Failed")
        assert ApiToken.objects.get().name == "phone"
        browser.cookies["csrftoken"] = "a" * 32
        assert browser.post(TOKENS, **body, headers={"X-CSRFToken": "a" * 32}).status_code == 201
        assert browser.get(TOKENS).status_code == 200

    def test_reads_and_writes_are_limited_apart(
        self, api: Api, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: 1.7e9))
        cache.clear()
        settings.RATE_LIMITS = {"read": (2, 60), "write": (3, 60)}
        seen = [api(alice).post(TOKENS, {}).status_code for _ in range(4)]
        assert seen == [201, 201, 201, 429]
        answers = [api(alice).get(TOKENS) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert int(answers[-1]["Retry-After"]) > 0
        cache.clear()


class TestStolen:
    """What somebody can do who found a token."""

    @pytest.mark.parametrize("days", [None, 0, 30, 36_500])
    def test_it_makes_none_that_lasts_longer(self, alice: User, days: int | None) -> None:
        parent, secret = with_days(alice, 3)
        body = {} if days is None else {"expires_in_days": days}
        made = holder(secret).post(TOKENS, body).json()
        child = ApiToken.objects.get(pk=made["id"])
        assert (child.expires_at, child.parent) == (parent.expires_at, parent)
        grandchild = holder(made["token"]).post(TOKENS, body).json()
        assert ApiToken.objects.get(pk=grandchild["id"]).expires_at == parent.expires_at

    def test_one_that_ends_sooner_is_made_as_asked(self, alice: User) -> None:
        _, secret = with_days(alice, 3)
        assert days_left(holder(secret).post(TOKENS, {"expires_in_days": 1}).json()) < 1.01

    def test_one_made_without_a_token_has_no_parent(self, api: Api, alice: User) -> None:
        api(alice).post(TOKENS)
        assert ApiToken.objects.get().parent is None

    def test_those_made_with_it_end_with_it_and_no_others(
        self, api: Api, alice: User, trail: Any
    ) -> None:
        token, secret = with_days(alice, None)
        _, other = with_days(alice, None)
        child = holder(secret).post(TOKENS, {"name": "child"}).json()
        grandchild = holder(child["token"]).post(TOKENS, {"name": "grandchild"}).json()
        sibling = holder(secret).post(TOKENS, {"name": "sibling"}).json()
        others = holder(other).post(TOKENS).json()
        api(alice).delete(f"{TOKENS}/{child['id']}")
        secrets = [child["token"], grandchild["token"], sibling["token"], secret, other]
        assert [works(each) for each in secrets] == [False, False, True, True, True]
        api(alice).delete(f"{TOKENS}/{token.pk}")
        assert [works(each) for each in secrets] == [False, False, False, False, True]
        assert works(others["token"])
        assert [detail for _, _, detail in trail("token.revoke")] == [
            "child of alice",
            "grandchild of alice",
            "phone of alice",
            "sibling of alice",
        ]

    @pytest.mark.parametrize("end", ["revoke", "password", "tokens", "expire"])
    def test_a_child_that_was_asked_for_before_is_not_made_after(
        self, alice: User, otto: User, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        """The request was let in; by the time the service asks, its token has ended."""
        token, secret = with_days(alice, 3)

        def ended_meanwhile(**given: Any) -> Any:
            if end == "revoke":
                revoke_token(token=token, by=alice)
            elif end == "password":
                set_password(user=User.objects.get(pk=alice.pk), password=NEW_PASSWORD, by=otto)
            elif end == "tokens":
                end_tokens(user=alice, by=alice)
            else:
                ApiToken.objects.update(expires_at=timezone.now())
            return issue_token(**given)

        monkeypatch.setattr(views, "issue_token", ended_meanwhile)
        answer = holder(secret).post(TOKENS)
        assert (answer.status_code, answer.json()) == (403, {"error": "This log-in has ended"})
        assert ApiToken.objects.count() == 1

    def test_neither_does_a_session_whose_password_was_changed_meanwhile(
        self, alice: User, otto: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        browser = signed_in(alice)

        def changed_meanwhile(**given: Any) -> Any:
            set_password(user=User.objects.get(pk=alice.pk), password=NEW_PASSWORD, by=otto)
            return issue_token(**given)

        monkeypatch.setattr(views, "issue_token", changed_meanwhile)
        assert browser.post(TOKENS, {}, content_type="application/json").status_code == 403
        assert not ApiToken.objects.exists()

    def test_a_new_password_ends_every_token_and_session(
        self, alice: User, carol: User, otto: User, trail: Any
    ) -> None:
        _, secret = with_days(alice, None)
        child = holder(secret).post(TOKENS).json()["token"]
        _, carols = with_days(carol, None)
        browser = signed_in(alice)
        assert browser.get(ME).status_code == 200
        set_password(user=alice, password=NEW_PASSWORD, by=otto)
        assert [works(each) for each in (secret, child, carols)] == [False, False, True]
        assert browser.get(ME).status_code == 401
        alice.refresh_from_db()
        assert alice.check_password(NEW_PASSWORD)
        assert ("otto", "user.password", "alice") in trail()
        assert len(trail("token.revoke")) == 2
        assert works(issue_token(user=alice, name="new", by=alice)[1])

    @pytest.mark.parametrize("key", ["email", "password", "username"])
    def test_it_does_not_take_the_account_over(self, alice: User, key: str) -> None:
        _, secret = with_days(alice, None)
        before = User.objects.values().get()
        answer = holder(secret).patch(ME, {key: "mallory@example.com", "name": "M"})
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": f"{key} cannot be changed here"},
        )
        assert User.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_no_child_survives_a_parent_that_ends_at_the_same_moment(alice: User) -> None:
    token, secret = with_days(alice, None)
    mint = [lambda: holder(secret).post(TOKENS) for _ in range(8)]
    answers = statuses(*mint[:4], lambda: revoke_token(token=token, by=alice), *mint[4:])
    assert set(answers) <= {201, 401, 403, None}
    assert not ApiToken.objects.usable().exists()


@pytest.mark.django_db(transaction=True)
def test_no_child_survives_a_new_password_at_the_same_moment(alice: User, otto: User) -> None:
    secrets = [with_days(alice, None)[1] for _ in range(4)]
    mint = [lambda secret=secret: holder(secret).post(TOKENS) for secret in secrets]

    def reset() -> None:
        set_password(user=User.objects.get(pk=alice.pk), password=NEW_PASSWORD, by=otto)

    answers = statuses(*mint, reset, *mint)
    assert set(answers) <= {201, 401, 403, None}
    assert not ApiToken.objects.usable().exists()
