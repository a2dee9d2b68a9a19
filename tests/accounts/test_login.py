"""The log-in page, logging out, and what both doors count of failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from speakr_site.core.attempts import FAILURES_A_MINUTE
from tests.conftest import make_user, signed_in

pytestmark = pytest.mark.django_db

LOGIN, LOGOUT, CONSOLE, ME = "/login", "/logout", "/admin/login/", "/api/v1/users/me"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _no_failures_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty counter, and a minute that does not end in the middle of a test."""
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: 1.7e9))
    cache.clear()
    yield
    cache.clear()


def log_in(name: str, password: str = PASSWORD, *, path: str = LOGIN, **more: str) -> Any:
    return Client().post(path, {"username": name, "password": password, **more})


class TestWho:
    @pytest.mark.parametrize("name", ["alice", "alice@example.com", "ALICE@Example.COM"])
    def test_one_logs_in_by_name_or_e_mail(self, alice: User, name: str) -> None:
        client = Client()
        answer = client.post(LOGIN, {"username": f" {name} ", "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/account")
        assert client.get(ME).json()["username"] == "alice"

    @pytest.mark.parametrize("name", ["otto", "Otto@Example.com"])
    def test_the_console_takes_both_too(self, otto: User, name: str) -> None:
        assert log_in(name, path=CONSOLE).status_code == 302

    @pytest.mark.parametrize("path", [LOGIN, CONSOLE])
    def test_there_is_room_for_a_long_e_mail(self, db: None, path: str) -> None:
        assert 'maxlength="120"' in Client().get(path).content.decode()

    def test_an_e_mail_wins_over_the_name_of_somebody_else(self, alice: User) -> None:
        other = make_user("carla")
        User.objects.filter(pk=other.pk).update(username=alice.email)
        client = Client()
        client.post(LOGIN, {"username": alice.email, "password": PASSWORD})
        assert client.get(ME).json()["id"] == alice.pk

    @pytest.mark.parametrize("path", [LOGIN, CONSOLE])
    def test_the_inactive_do_not(self, otto: User, path: str) -> None:
        User.objects.update(is_active=False)
        assert log_in("otto", path=path).status_code == 200

    @pytest.mark.parametrize("name", ["a\0b", "a" * 100_000, "ﷺ" * 119, "%_", "' OR 1=1 --", ""])
    @pytest.mark.parametrize("path", [LOGIN, CONSOLE])
    def test_odd_names_are_refused_as_any_other(self, otto: User, path: str, name: str) -> None:
        assert log_in(name, path=path).status_code == 200


class TestWhereto:
    @pytest.mark.parametrize("target", ["/account/password", "http://testserver/account"])
    def test_back_to_where_one_came_from(self, alice: User, target: str) -> None:
        assert log_in("alice", next=target)["Location"] == target

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example",
            "http:///evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "ftp://testserver/",
            "\x08//evil.example",
        ],
    )
    def test_never_to_another_host(self, alice: User, target: str) -> None:
        assert log_in("alice", next=target)["Location"] == "/account"
        shown = Client().get(LOGIN, {"next": target}).content.decode()
        assert "evil" not in shown
        assert "javascript" not in shown

    def test_who_is_logged_in_is_sent_on(self, alice: User) -> None:
        assert signed_in(alice).get(LOGIN)["Location"] == "/account"

    def test_pages_of_one_s_own_ask_for_a_log_in_first(self, db: None) -> None:
        for path in ("/account/password", "/account/email"):
            assert Client().get(path)["Location"] == f"/login?next={path}"


class TestLogout:
    def test_it_ends_the_session(self, alice: User) -> None:
        client = signed_in(alice)
        key = client.session.session_key
        answer = client.post(LOGOUT)
        assert (answer.status_code, answer["Location"]) == (302, LOGIN)
        client.cookies["sessionid"] = key
        assert client.get(ME).status_code == 401

    def test_a_link_cannot_log_anyone_out(self, alice: User) -> None:
        client = signed_in(alice)
        assert client.get(LOGOUT).status_code == 405
        assert client.get(ME).status_code == 200


class TestLimit:
    def fail(self, path: str, times: int, client: Client | None = None) -> set[int]:
        form = {"username": "otto", "password": "wrong"}
        return {(client or Client()).post(path, form).status_code for _ in range(times)}

    @pytest.mark.parametrize(("first", "second"), [(LOGIN, CONSOLE), (CONSOLE, LOGIN)])
    def test_page_and_console_count_together(self, otto: User, first: str, second: str) -> None:
        half = FAILURES_A_MINUTE // 2
        assert self.fail(first, half) | self.fail(second, half) == {200}
        for path in (LOGIN, CONSOLE):
            refused = log_in("otto", path=path)
            assert refused.status_code == 429
            assert 1 <= int(refused["Retry-After"]) <= 60
        elsewhere = Client(REMOTE_ADDR="203.0.113.9")
        assert elsewhere.post(LOGIN, {"username": "otto", "password": PASSWORD}).status_code == 302

    def test_the_refusal_is_a_page(self, otto: User) -> None:
        self.fail(LOGIN, FAILURES_A_MINUTE)
        refused = log_in("otto")
        assert "try again in" in refused.content.decode()
        assert "default-src 'none'" in refused["Content-Security-Policy"]

    def test_being_logged_in_is_no_licence_to_guess(self, otto: User, alice: User) -> None:
        client = signed_in(alice)
        assert self.fail(CONSOLE, FAILURES_A_MINUTE, client) == {200}
        assert self.fail(CONSOLE, 1, client) == {429}

    def test_who_succeeds_is_not_counted(self, otto: User) -> None:
        for path in (LOGIN, CONSOLE) * (FAILURES_A_MINUTE // 2 + 1):
            assert log_in("otto", path=path).status_code == 302

    @pytest.mark.parametrize(
        ("path", "field", "rest"),
        [
            ("/account/password", "old_password", {"new_password1": "x", "new_password2": "y"}),
            ("/account/email", "password", {"email": "new@example.com"}),
            ("/admin/password_change/", "old_password", {"new_password1": "x"}),
        ],
    )
    def test_guesses_at_the_current_password_count_too(
        self, otto: User, path: str, field: str, rest: dict[str, str]
    ) -> None:
        client = signed_in(otto)
        for _ in range(FAILURES_A_MINUTE):
            assert client.post(path, {**rest, field: "wrong"}).status_code == 200
        assert client.post(path, {**rest, field: PASSWORD}).status_code == 429
        assert log_in("otto").status_code == 429

    def test_a_weak_new_password_is_no_guess(self, alice: User) -> None:
        client = signed_in(alice)
        form = {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x"}
        for _ in range(FAILURES_A_MINUTE + 1):
            assert client.post("/account/password", form).status_code == 200


class TestPage:
    def test_its_fields_are_labelled_and_known_to_password_managers(self, db: None) -> None:
        html = Client().get(LOGIN).content.decode()
        for name, kind in (("username", "username"), ("password", "current-password")):
            assert re.search(rf'<label for="id_{name}">', html)
            assert re.search(rf'<input[^>]* name="{name}"[^>]* autocomplete="{kind}"', html)

    def test_what_is_wrong_is_tied_to_its_field(self, db: None) -> None:
        html = log_in("alice", "").content.decode()
        assert re.search(r'<input[^>]* aria-describedby="id_password_error"', html)
        assert 'id="id_password_error"' in html

    def test_nobody_keeps_it_and_it_loads_nothing_from_elsewhere(self, alice: User) -> None:
        for answer in (Client().get(LOGIN), log_in("alice"), log_in("alice", "wrong")):
            assert answer["Cache-Control"] == "no-store"
            assert "default-src 'none'" in answer["Content-Security-Policy"]

    @pytest.mark.parametrize("secure", [False, True])
    def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
        self, alice: User, settings: Any, secure: bool
    ) -> None:
        settings.SESSION_COOKIE_SECURE = secure
        cookie = log_in("alice").cookies["sessionid"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
        assert bool(cookie["secure"]) == secure
