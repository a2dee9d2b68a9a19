"""Whoever stole a token, a session or a look at the network does not get the account with it."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, PBKDF2PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, ResetRequest, User
from accounts.pages.urls import urlpatterns
from accounts.services import (
    change_email,
    change_password,
    issue_token,
    request_reset,
    reset_tokens,
    set_password,
)
from tests.accounts.mail import SITE, Clock, deliver, link_in, use
from tests.accounts.test_admin import user_form
from tests.conftest import make_user, signed_in
from tests.routes import Route, api_routes

pytestmark = pytest.mark.django_db

ME, TOKENS = "/api/v1/users/me", "/api/tokens"
LOGIN, RESET, DONE = "/login", "/reset", "/reset/done"
PASSWORD, NEW = "correct horse battery", "another long password"
PAGES = [f"/{re.sub('<.*?>', '1', str(entry.pattern))}" for entry in urlpatterns]
OWN_PAGES = [path for path in PAGES if path.startswith("/account")]
# Headers that follow the moment, or the length of what was typed.
MOMENTARY = {"Content-Length", "Expires"}
GREED = {
    "email": "thief@example.com",
    "password": NEW,
    "new_password": NEW,
    "new_password1": NEW,
    "new_password2": NEW,
    "password1": NEW,
    "password2": NEW,
    "usable_password": "true",
    "is_admin": True,
    "is_staff": True,
    "is_superuser": True,
    "name": "Alice",
    "user": "alice",
    "preferences": {"email": "thief@example.com", "password": NEW},
}


@pytest.fixture(autouse=True)
def _resets(settings: Any) -> Iterator[None]:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "127.0.0.1", SITE
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock().install(monkeypatch)


def thief(secret: str) -> APIClient:
    return APIClient(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})


def mailed_link(address: str = "alice") -> str:
    User.objects.update(reset_mailed_at=None)
    request_reset(address=address)
    deliver()
    return link_in(mail.outbox[-1])


def is_as_before(user: User) -> bool:
    now = User.objects.get(pk=user.pk)
    columns = ("email", "password", "is_staff", "is_superuser", "is_active", "username")
    return all(getattr(now, name) == getattr(user, name) for name in columns)


class TestStolenToken:
    @pytest.mark.parametrize("days", [0, None, 365])
    def test_it_makes_none_that_lives_longer(self, alice: User, days: int | None) -> None:
        ends = timezone.now() + timedelta(hours=1)
        _, secret = issue_token(user=alice, name="phone", expires_at=ends)
        child = thief(secret).post(TOKENS, {"name": "mine", "expires_in_days": days}).json()
        grandchild = thief(child["token"]).post(TOKENS, {"expires_in_days": days}).json()
        assert {child["id"], grandchild["id"]} < set(
            ApiToken.objects.filter(expires_at=ends).values_list("pk", flat=True)
        )

    @pytest.mark.parametrize("route", api_routes(), ids=str)
    @pytest.mark.parametrize("how", ["token", "session"])
    def test_no_route_changes_what_lets_one_in(self, alice: User, route: Route, how: str) -> None:
        if how == "token":
            client = thief(issue_token(user=alice, name="phone")[1])
        else:
            client = APIClient(raise_request_exception=False)
            client.force_login(alice)
        answer = client.generic(
            route.method, route.url(alice.pk), json.dumps(GREED), "application/json"
        )
        assert answer.status_code < 500
        assert is_as_before(alice)
        assert User.objects.count() == 1

    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("way", ["Authorization", "X-API-Token", "API-Token", "token"])
    def test_it_opens_no_page(self, alice: User, path: str, way: str) -> None:
        _, secret = issue_token(user=alice, name="phone")
        headers = {way: f"Bearer {secret}" if way == "Authorization" else secret}
        anonymous, client = Client(), Client(headers={} if way == "token" else headers)
        query = {"token": secret} if way == "token" else {}
        assert client.get(ME, query).status_code == 200
        for method in ("get", "post"):
            answer = getattr(client, method)(path, query_params=query)
            without = getattr(anonymous, method)(path)
            assert answer.status_code == without.status_code
            assert "sessionid" not in answer.cookies
            if path in OWN_PAGES:
                assert answer["Location"].startswith(f"/login?next={path}")
        assert is_as_before(alice)

    @pytest.mark.parametrize("end", ["change", "reset", "operator"])
    def test_it_ends_with_the_password_and_so_does_what_it_made(
        self, alice: User, otto: User, end: str
    ) -> None:
        _, secret = issue_token(user=alice, name="phone")
        child = thief(secret).post(TOKENS, {"name": "mine"}).json()["token"]
        if end == "change":
            change_password(user=alice, password=NEW)
        elif end == "reset":
            assert use(mailed_link(), NEW)["Location"] == DONE
        else:
            set_password(user=alice, password=NEW, by=otto)
        assert [thief(token).get(ME).status_code for token in (secret, child)] == [401, 401]
        assert thief(child).post(TOKENS, {"name": "again"}).status_code == 401


class TestStolenSession:
    @pytest.mark.parametrize("current", ["", "wrong", None])
    def test_without_the_current_password_nothing_changes(
        self, otto: User, current: str | None
    ) -> None:
        session = signed_in(otto)
        given = {} if current is None else {"old_password": current, "password": current}
        form = {**GREED, "preferences": "", **given}
        if current is None:
            del form["password"]
        for path in ("/account/password", "/account/email", "/admin/password_change/"):
            assert session.post(path, form).status_code == 200
        assert is_as_before(otto)

    def test_an_operator_s_does_not_change_the_operator_s_own_in_the_console(
        self, console: Client, otto: User
    ) -> None:
        page = f"/admin/accounts/user/{otto.pk}/"
        form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
        answer = console.post(f"{page}password/", form)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/")
        sent = user_form(console, otto, email="thief@example.com", name="Otto")
        assert console.post(f"{page}change/", sent).status_code == 302
        otto.refresh_from_db()
        assert (otto.name, otto.email) == ("Otto", "otto@example.com")
        assert otto.check_password(PASSWORD)

    def test_it_ends_with_the_password(self, alice: User) -> None:
        stolen = signed_in(alice)
        assert use(mailed_link(), NEW)["Location"] == DONE
        assert stolen.get(ME).status_code == 401
        assert stolen.get("/account/password").status_code == 302

    def test_a_session_from_before_the_log_in_is_worth_nothing_after_it(self, alice: User) -> None:
        victim = Client()
        planted = victim.session
        planted["planted"] = True
        planted.save()
        victim.cookies["sessionid"] = planted.session_key
        victim.post(LOGIN, {"username": "alice", "password": PASSWORD})
        assert victim.get(ME).status_code == 200
        assert victim.cookies["sessionid"].value != planted.session_key
        attacker = Client()
        attacker.cookies["sessionid"] = planted.session_key
        assert attacker.get(ME).status_code == 401


class TestLink:
    @pytest.mark.parametrize("hops", [0, 1])
    def test_it_leads_to_us_whatever_the_request_says(
        self, alice: User, settings: Any, hops: int
    ) -> None:
        settings.TRUSTED_PROXY_HOPS = hops
        evil = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "X-Forwarded-Server": "evil.example",
            "X-Original-URL": "https://evil.example/",
            "Forwarded": "host=evil.example",
            "Origin": "https://evil.example",
            "Referer": "https://evil.example/",
        }
        answer = Client().post(RESET, {"address": "alice"}, headers=evil)
        assert answer["Location"] == "/reset/sent"
        deliver()
        assert "evil" not in mail.outbox[0].message().as_string()
        assert link_in(mail.outbox[0])

    def test_it_works_once(self, alice: User) -> None:
        path, first, second = mailed_link(), Client(), Client()
        waiting = second.get(path)["Location"]
        assert use(path, NEW, first)["Location"] == DONE
        form = {"new_password1": "a third password", "new_password2": "a third password"}
        for answer in (use(path, "a third password"), second.post(waiting, form)):
            assert "is too old, has been used" in answer.content.decode()
        alice.refresh_from_db()
        assert alice.check_password(NEW)

    @pytest.mark.parametrize(("seconds", "works"), [(3595, True), (3601, False)])
    @pytest.mark.parametrize("opened", [False, True])
    def test_it_lives_an_hour(
        self, alice: User, clock: Clock, seconds: int, works: bool, opened: bool
    ) -> None:
        path, client = mailed_link(), Client()
        if opened:
            path = client.get(path)["Location"]
        clock.wait(seconds=seconds)
        if opened:
            client.post(path, {"new_password1": NEW, "new_password2": NEW})
        else:
            use(path, NEW, client)
        alice.refresh_from_db()
        assert alice.check_password(NEW) == works

    @pytest.mark.parametrize(
        ("made", "minutes", "works"),
        [("2026-03-29T00:30Z", 45, True), ("2026-10-25T00:30Z", 75, False)],
        ids=["clocks go forward", "clocks go back"],
    )
    def test_daylight_saving_makes_no_other_hour_of_it(
        self,
        alice: User,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        made: str,
        minutes: int,
        works: bool,
    ) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        now = [datetime.fromisoformat(made)]
        monkeypatch.setattr("django.utils.timezone.now", lambda: now[0])
        token = reset_tokens.make_token(alice)
        now[0] += timedelta(minutes=minutes)
        assert reset_tokens.check_token(alice, token) == works

    @pytest.mark.parametrize("event", ["password", "email", "log-in"])
    def test_it_is_dead_after(self, alice: User, event: str) -> None:
        path = mailed_link()
        if event == "password":
            change_password(user=alice, password="a third password", keep_tokens=True)
        elif event == "email":
            change_email(user=alice, email="new@example.com")
        else:
            Client().post(LOGIN, {"username": "alice", "password": PASSWORD})
        assert use(path, NEW).status_code == 200
        alice.refresh_from_db()
        assert not alice.check_password(NEW)

    def test_it_is_of_one_person_and_one_browser(self, alice: User, carol: User) -> None:
        of_alice, of_carol = mailed_link(), mailed_link("carol")
        crossed = of_carol.rpartition("/")[0] + "/" + of_alice.rpartition("/")[2]
        assert use(crossed, NEW).status_code == 200
        form_at = Client().get(of_alice)["Location"]
        form = {"new_password1": NEW, "new_password2": NEW}
        assert Client().post(form_at, form).status_code == 200
        assert is_as_before(alice)
        assert is_as_before(carol)


class TestSameAnswers:
    """Nothing tells who has an account."""

    @pytest.fixture
    def names(self, alice: User, carol: User) -> list[str]:
        make_user("gone")
        User.objects.filter(username="gone").update(is_active=False)
        carol.set_unusable_password()
        carol.save()
        known = ["alice", "alice@example.com", "carol", "gone", "gone@example.com"]
        return [*known, "nobody", "nobody@example.com"]

    @staticmethod
    def seen(send: Callable[[], Any], name: str) -> tuple[Any, ...]:
        """Status, headers, body and statements, without what is the request's own."""

        def plain(text: str) -> str:
            return re.sub(r"[\w-]{64}|[\w-]{32}", "[random]", text.replace(name, "[name]"))

        with CaptureQueriesContext(connection) as captured:
            answer = send()
        cookies = {key: bool(value.value) for key, value in answer.cookies.items()}
        statements = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in captured]
        return (
            answer.status_code,
            {key: value for key, value in answer.items() if key not in MOMENTARY},
            cookies,
            plain(answer.content.decode()),
            statements,
        )

    @pytest.mark.parametrize("path", [LOGIN, "/admin/login/"])
    def test_of_the_log_in(
        self, names: list[str], path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hashed = []
        encode = MD5PasswordHasher.encode

        def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
            hashed.append(password)
            return encode(self, password, salt)

        monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
        answers = []
        for name in names:
            form = {"username": name, "password": "a wrong password"}
            answers.append(self.seen(lambda form=form: Client().post(path, form), name))
            assert len(hashed) == len(answers)
        for answer in answers[1:]:
            assert answer == answers[0]
        assert len(answers[0][-1]) == 1

    def test_of_a_request_for_a_link(
        self, names: list[str], django_capture_on_commit_callbacks: Any
    ) -> None:
        answers = []
        for number, name in enumerate(names):
            client = Client(REMOTE_ADDR=f"203.0.113.{number}")

            def send(client: Client = client, name: str = name) -> Any:
                with django_capture_on_commit_callbacks(execute=True):
                    return client.post(RESET, {"address": name})

            answers.append(self.seen(send, name))
        for answer in answers[1:]:
            assert answer == answers[0]
        assert answers[0][0] == 302
        assert ResetRequest.objects.count() == len(names)

    def test_of_the_clock(self, names: list[str], settings: Any) -> None:
        """Under the hasher of production with fewer rounds: without one hash for each, who is not
        there would be refused in a tenth of the time.
        """
        settings.PASSWORD_HASHERS = ["tests.accounts.test_takeover.ShortPBKDF2"]
        for user in User.objects.exclude(username="carol"):
            user.set_password(PASSWORD)
            user.save()
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(5):
            for name in names:
                # Of the processor: whatever else the machine does meanwhile.
                start = time.thread_time()
                Client().post(LOGIN, {"username": name, "password": "a wrong password"})
                seconds[name].append(time.thread_time() - start)
        least = [min(times) for times in seconds.values()]
        assert max(least) < 2 * min(least)


class ShortPBKDF2(PBKDF2PasswordHasher):
    iterations = 100_000


class TestForms:
    @pytest.mark.parametrize("path", [*PAGES, "/admin/login/", "/admin/password_change/"])
    def test_none_is_taken_without_a_csrf_token(self, otto: User, path: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(otto)
        answer = client.post(path, {**GREED, "preferences": "", "old_password": PASSWORD})
        assert answer.status_code == 403
        assert is_as_before(otto)
        assert not ResetRequest.objects.exists()

    def test_nor_is_that_of_a_link(self, alice: User) -> None:
        client = Client(enforce_csrf_checks=True)
        form_at = client.get(mailed_link())["Location"]
        form = {"new_password1": NEW, "new_password2": NEW}
        assert client.post(form_at, form).status_code == 403
        assert is_as_before(alice)

    @pytest.mark.parametrize("path", [*PAGES, "/admin/login/", "/admin/password_change/"])
    def test_none_shows_a_password_again(self, otto: User, path: str) -> None:
        typed = "typed by mistake"
        names = ("password", "old_password", "new_password1", "new_password2", "password1")
        for client in (Client(), signed_in(otto)):
            html = client.post(path, dict.fromkeys(names, typed)).content.decode()
            assert typed not in html


class TestLog:
    def test_no_line_holds_a_secret(
        self, alice: User, caplog: pytest.LogCaptureFixture, settings: Any
    ) -> None:
        """All that happens to a password, with every address as runserver and gunicorn would write
        it down.
        """
        caplog.set_level(logging.DEBUG)
        _, secret = issue_token(user=alice, name="phone")
        client = Client()

        def send(method: str, path: str, form: dict[str, str] | None = None) -> Any:
            answer = getattr(client, method)(path, form)
            line = f"{method.upper()} {path} HTTP/1.1"
            logging.getLogger("django.server").info('"%s" %s', line, answer.status_code)
            logging.getLogger("gunicorn.access").info(
                '%(r)s "%(f)s"', {"r": line, "f": SITE + path}
            )
            return answer

        wrong = "a wrong password"
        send("post", LOGIN, {"username": "alice", "password": wrong})
        send("post", LOGIN, {"username": "alice", "password": PASSWORD})
        form = {"new_password1": NEW, "new_password2": NEW}
        send("post", "/account/password", {"old_password": wrong, **form})
        send("post", "/account/email", {"email": "new@example.com", "password": wrong})
        send("get", f"{ME}?token={secret}")
        send("get", f"/account/password?token={secret}")
        send("post", "/logout")
        send("post", RESET, {"address": "alice"})
        settings.EMAIL_BACKEND, settings.EMAIL_PORT = (
            "django.core.mail.backends.smtp.EmailBackend",
            1,
        )
        deliver()
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        path = mailed_link()
        send("delete", path)
        form_at = send("get", path)["Location"]
        send("get", path.replace(path[-4:], "xxxx"))
        send("post", form_at, {**form, "new_password2": wrong})
        session = client.session.session_key
        assert send("post", form_at, form)["Location"] == DONE
        secrets = {PASSWORD, NEW, wrong, secret, session, path.rpartition("/")[2][:-4]}
        assert "no mail could be sent" in caplog.text
        assert "[redacted]" in caplog.text
        assert [text for text in secrets if text in caplog.text] == []
