"""Every page outside the console: who is shown what, as one table, and that nothing that a browser
can send breaks one. Found in the URLconf, so a page without a row fails.

Alice has the account in question; she and Bob are in the group. Carol is a stranger, Otto operates
the server. `page`: it is shown. `done`: sent on after the deed. `login`: sent to log in first.
`none`: there is no such page, for them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import ApiToken, Group, Membership, User
from accounts.services import issue_token
from accounts.services.resets import reset_tokens
from hooks.models import Delivery, Webhook
from organizing.models import NamingTemplate
from recordings.models import PublicLink, Share, TranscriptTemplate
from speakr_site.core.pages import CONTENT_POLICY
from tests.conftest import signed_in
from tests.factories import (
    make_delivery,
    make_naming_template,
    make_public_link,
    make_recording,
    make_share,
    make_transcript,
    make_webhook,
)
from tests.names import names
from tests.recordings.api.test_junk import BODIES, FIELD_VALUES, HEADERS, MEDIA_TYPES, QUERY_VALUES
from tests.recordings.api.uploading import wav
from tests.routes import Route, page_routes

__all__ = ["names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

PEOPLE = ("alice", "bob", "carol", "otto", "nobody")
TABLE = """
                                         alice bob   carol otto  nobody
GET  /                                   done  done  done  done  done
POST /                                   done  done  done  done  done
GET  /login                              done  done  done  done  page
POST /login                              done  done  done  done  done
POST /logout                             done  done  done  done  done
GET  /reset                              page  page  page  page  page
POST /reset                              done  done  done  done  done
GET  /reset/sent                         page  page  page  page  page
GET  /reset/done                         page  page  page  page  page
GET  /reset/{uidb64}/{token}             done  done  done  done  done
POST /reset/{uidb64}/{token}             done  done  done  done  done
GET  /s/{token}                          page  page  page  page  page
POST /s/{token}                          done  done  done  done  done
GET  /s/{token}/audio                    page  page  page  page  page

GET  /account                            page  page  page  page  login
POST /account                            done  done  done  done  login
GET  /account/groups/{pk}/leave          page  page  none  none  login
POST /account/groups/{pk}/leave          done  done  none  none  login
GET  /account/email                      page  page  page  page  login
POST /account/email                      done  done  done  done  login
GET  /account/password                   page  page  page  page  login
POST /account/password                   done  done  done  done  login
GET  /account/preferences                page  page  page  page  login
POST /account/preferences                done  done  done  done  login
GET  /account/prompts                    page  page  page  page  login
POST /account/prompts                    done  done  done  done  login
GET  /account/tokens                     page  page  page  page  login
POST /account/tokens                     page  page  page  page  login
GET  /account/tokens/{pk}                page  none  none  none  login
POST /account/tokens/{pk}                done  none  none  none  login
GET  /account/tokens/{pk}/revoke         page  none  none  none  login
POST /account/tokens/{pk}/revoke         done  none  none  none  login
GET  /account/webhooks                   page  page  page  page  login
GET  /account/webhooks/new               page  page  page  page  login
POST /account/webhooks/new               page  page  page  page  login
GET  /account/webhooks/{pk}              page  none  none  none  login
POST /account/webhooks/{pk}              done  none  none  none  login
GET  /account/webhooks/{pk}/deliveries   page  none  none  none  login
GET  /account/webhooks/{pk}/secret       page  none  none  none  login
POST /account/webhooks/{pk}/secret       page  none  none  none  login
GET  /account/webhooks/{pk}/test         page  none  none  none  login
POST /account/webhooks/{pk}/test         done  none  none  none  login
GET  /account/webhooks/{pk}/on           page  none  none  none  login
POST /account/webhooks/{pk}/on           done  none  none  none  login
GET  /account/webhooks/{pk}/off          page  none  none  none  login
POST /account/webhooks/{pk}/off          done  none  none  none  login
GET  /account/webhooks/{pk}/delete       page  none  none  none  login
POST /account/webhooks/{pk}/delete       done  none  none  none  login
GET  /account/sharing                    page  page  page  page  login
GET  /account/sharing/{pk}/end           page  page  none  none  login
POST /account/sharing/{pk}/end           done  done  none  none  login
GET  /account/sharing/links/{pk}/end     page  none  none  none  login
POST /account/sharing/links/{pk}/end     done  none  none  none  login
GET  /account/naming                     page  page  page  page  login
GET  /account/naming/new                 page  page  page  page  login
POST /account/naming/new                 done  done  done  done  login
GET  /account/naming/{pk}                page  none  none  none  login
POST /account/naming/{pk}                done  none  none  none  login
GET  /account/naming/{pk}/default        page  none  none  none  login
POST /account/naming/{pk}/default        done  none  none  none  login
GET  /account/naming/{pk}/delete         page  none  none  none  login
POST /account/naming/{pk}/delete         done  none  none  none  login
GET  /account/templates                  page  page  page  page  login
GET  /account/templates/new              page  page  page  page  login
POST /account/templates/new              done  done  done  done  login
GET  /account/templates/{pk}             page  none  none  none  login
POST /account/templates/{pk}             done  none  none  none  login
GET  /account/templates/{pk}/default     page  none  none  none  login
POST /account/templates/{pk}/default     done  none  none  none  login
GET  /account/templates/{pk}/delete      page  none  none  none  login
POST /account/templates/{pk}/delete      done  none  none  none  login
"""
PASSWORD, NEW = "correct horse battery", "another long password"
WEBHOOK = {"name": "After", "url": "https://after.example.com/", "events": "recording.deleted"}
# What is sent along: all that a form requires.
FORMS: dict[str, dict[str, str]] = {
    "/login": {"username": "alice", "password": PASSWORD},
    "/reset": {"address": "alice"},
    "/account": {"name": "After"},
    "/account/email": {"email": "after@example.com", "password": PASSWORD},
    "/account/password": {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    "/account/preferences": {"ui_language": "en", "auto_speaker_labelling_threshold": "0.5"},
    "/account/tokens": {"name": "After", "expires": "90"},
    "/account/tokens/{pk}": {"name": "After"},
    "/account/webhooks/new": WEBHOOK,
    "/account/webhooks/{pk}": WEBHOOK,
    "/account/webhooks/{pk}/secret": {"overlap": "0"},
    "/account/naming/new": {"name": "After", "template": "{{date}}"},
    "/account/naming/{pk}": {"name": "After", "template": "{{date}}"},
    "/account/templates/new": {"name": "After", "template": "{{text}}"},
    "/account/templates/{pk}": {"name": "After", "template": "{{text}}"},
}
# Whose form carries its own authority, a password, and no cookie's.
WITHOUT_CSRF = {"/s/{token}"}
REDIRECTS_ONLY = {"/"}
SECRET = "Confidential"
KEPT: tuple[type[Model], ...] = (
    User,
    ApiToken,
    NamingTemplate,
    TranscriptTemplate,
    Webhook,
    Delivery,
    Membership,
    PublicLink,
    Share,
)
ROUTES = {str(route): route for route in page_routes()}
FORMS_SENT = [route for route in ROUTES.values() if route.method == "POST"]

Address = Callable[[Route], str]
Browser = Callable[[str], Client]


def policy() -> dict[str, dict[str, str]]:
    header, *rows = TABLE.strip().splitlines()
    assert tuple(header.split()) == PEOPLE
    table = {}
    for row in filter(None, rows):
        method, path, *words = row.split()
        table[f"{method} {path}"] = dict(zip(PEOPLE, words, strict=True))
    return table


@pytest.fixture(autouse=True)
def _everything_is_switched_on(settings: Any) -> None:
    settings.EMAIL_HOST, settings.PUBLIC_URL = "localhost", "http://testserver"
    settings.ENABLE_INTERNAL_SHARING = True


@pytest.fixture(autouse=True)
def _no_failed_attempts() -> None:
    """Too many of them are answered with 429."""
    cache.clear()


@pytest.fixture
def address(alice: User, bob: User, group: Group) -> Address:
    """Of a page, with what is Alice's in it."""
    key = default_storage.save("audio/1/2024/01/pages.wav", ContentFile(wav()))
    recording = make_recording(owner=alice, audio_key=key)
    make_transcript(recording=recording)
    template = TranscriptTemplate.objects.create(owner=alice, name=SECRET, template=SECRET)
    webhook = make_webhook(owner=alice, name=SECRET)
    make_delivery(webhook=webhook)
    ids = {
        "groups": group.pk,
        "tokens": issue_token(user=alice, name=SECRET)[0].pk,
        "naming": make_naming_template(owner=alice, name=SECRET, template=SECRET).pk,
        "templates": template.pk,
        "sharing": make_share(recording=recording, user=bob).pk,
        "webhooks": webhook.pk,
    }
    link = make_public_link(recording=recording)
    ids["links"] = link.pk
    uid = urlsafe_base64_encode(force_bytes(alice.pk))

    def of_page(route: Route) -> str:
        kind = route.path.partition("/{pk}")[0].rpartition("/")[2]
        # One that was mailed before they logged in last would be spent.
        mailed = reset_tokens.make_token(User.objects.get(pk=alice.pk))
        token = mailed if "{uidb64}" in route.path else link.token
        return route.url(ids.get(kind, 1), token=token, uidb64=uid)

    return of_page


@pytest.fixture
def browser_of(alice: User, bob: User, carol: User, otto: User) -> Browser:
    """With the session of one of PEOPLE; an error of the server's is an answer."""
    people = {user.username: user for user in (alice, bob, carol, otto)}

    def made(name: str) -> Client:
        client = signed_in(people[name]) if name in people else Client()
        client.raise_request_exception = False
        return client

    return made


def send(client: Client, route: Route, url: str) -> HttpResponse:
    if route.method == "GET":
        return client.get(url)
    return client.post(url, FORMS.get(route.path, {}))


def contents(response: HttpResponse) -> bytes:
    return b"".join(response) if response.streaming else response.content


def state() -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in KEPT]


def in_a_word(response: HttpResponse, url: str) -> str:
    """As the table has it."""
    words = {200: "page", 302: "done", 404: "none"}
    if response.status_code == 302 and response["Location"].startswith("/login?"):
        assert response["Location"] == f"/login?next={url}"
        return "login"
    return words.get(response.status_code, str(response.status_code))


def test_every_page_has_a_row() -> None:
    assert set(policy()) == set(ROUTES)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("row", policy())
def test_the_table_holds(browser_of: Browser, address: Address, row: str, person: str) -> None:
    client, url, before = browser_of(person), address(ROUTES[row]), state()
    response = send(client, ROUTES[row], url)
    expected = policy()[row][person]
    assert in_a_word(response, url) == expected, contents(response)
    if expected in ("none", "login"):
        assert state() == before
    if person not in ("alice", "bob") and "/account" in row:
        assert SECRET.encode() not in contents(response)
    if expected != "none" and ROUTES[row].path not in REDIRECTS_ONLY:
        assert response["Cache-Control"] == "no-store"
        assert response["Content-Security-Policy"] == CONTENT_POLICY


@pytest.mark.parametrize("row", [row for row in policy() if row.startswith("GET")])
def test_a_page_has_one_heading_and_nothing_inline(
    browser_of: Browser, address: Address, row: str
) -> None:
    url = address(ROUTES[row])
    for person in (person for person in PEOPLE if policy()[row][person] == "page"):
        response = browser_of(person).get(url)
        if response["Content-Type"].startswith("text/html"):
            shown = contents(response).decode()
            assert shown.count("<h1>") == 1
            assert not re.search(r"<style|style=|<script(?! src=)|\son[a-z]+=", shown)


@pytest.mark.parametrize("route", FORMS_SENT, ids=str)
def test_a_form_that_another_site_sends_is_refused(
    address: Address, alice: User, route: Route
) -> None:
    client, url = Client(enforce_csrf_checks=True), address(route)
    client.force_login(alice)
    before = state()
    response = send(client, route, url)
    assert response.status_code == (302 if route.path in WITHOUT_CSRF else 403)
    if response.status_code == 403:
        assert "This form was not sent" in response.content.decode()
    assert state() == before


@pytest.mark.parametrize("route", FORMS_SENT, ids=str)
def test_no_form_takes_a_file(
    browser_of: Browser, address: Address, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    """Or strangers could fill the disk."""
    kept = []
    monkeypatch.setattr(TemporaryUploadedFile, "__init__", lambda *_args: kept.append(route))
    file = SimpleUploadedFile("large.bin", b"x" * 3_000_000)
    client = browser_of("nobody")
    client.cookies["csrftoken"] = "a" * 32
    assert client.post(address(route), {**FORMS.get(route.path, {}), "f": file}).status_code < 500
    assert not kept


@pytest.mark.parametrize("row", [row for row in policy() if "/reset" in row])
def test_without_mail_there_is_no_reset(
    browser_of: Browser, address: Address, settings: Any, row: str
) -> None:
    settings.EMAIL_HOST = ""
    url = address(ROUTES[row])
    assert in_a_word(send(browser_of("nobody"), ROUTES[row], url), url) == "none"


# What follows sends whatever a browser, or anything else, can send.

PATHS = list({route.path: route for route in ROUTES.values()}.values())
ODD_METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "NONSENSE", "")
ODD_PARTS = [
    *("0", "-1", "1.5", "9" * 19, "9" * 5000, "%00", "a%00b", "%FF%FE", "%ED%A0%80", "%", "%zz"),
    *("..", "%2F", "%2e%2e%2f", "'", "%22", "%3Cb%3E", "٣", "%E2%80%AE", "%F0%9F%8E%99", "%0D%0A"),
    *("a" * 22, "-" * 22, "_" * 64, "x" * 60_000, "set-password", "MQ", "MQ==", "LTE", "OTk5OTk5"),
    *("AAAA", "____", "zzzzzzzzzzzzzz-" + "0" * 32, "Λ" * 22, "%0A" * 22),
]
COOKIES = ["", "\0", "x" * 4000, "é", '"', "a=b; c", "[]", ".eJx:1:x", "a" * 32]


@pytest.fixture(params=["alice", "nobody"])
def browser(request: pytest.FixtureRequest, browser_of: Browser) -> Client:
    return browser_of(request.param)


class Sweep:
    """Collects every answer that is a server's failure, so that one run shows all of it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.wrong: list[str] = []

    def send(
        self, method: str, url: str, body: bytes = b"", media_type: str = "", **more: Any
    ) -> HttpResponse:
        # Django's own stand-in for a socket fails when more is read than was sent.
        environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        response = self.client.generic(method, url, body, media_type, **environ, **more)
        if response.status_code >= 500:
            sent = (method, url, body, media_type, more)
            self.wrong.append(
                f"{response.status_code}: {' '.join(str(part)[:80] for part in sent)}"
            )
        # Whoever tried too often meets nothing but that.
        cache.clear()
        return response


@pytest.fixture
def sweep(browser: Client) -> Iterator[Sweep]:
    made = Sweep(browser)
    yield made
    assert not made.wrong, "\n".join(made.wrong)


@pytest.mark.parametrize("route", PATHS, ids=str)
def test_no_method_breaks_a_page(sweep: Sweep, address: Address, route: Route) -> None:
    for method in ODD_METHODS:
        sweep.send(method, address(route))


@pytest.mark.parametrize("route", PATHS, ids=str)
def test_no_query_breaks_a_page(sweep: Sweep, address: Address, route: Route) -> None:
    url = address(route)
    for value in QUERY_VALUES:
        for name in ("next", ""):
            # A server hands a query string on as Latin-1.
            raw = f"{name}={value}".encode().decode("latin-1")
            sweep.send("GET", url, QUERY_STRING=raw)


@pytest.mark.parametrize("route", [route for route in PATHS if "{" in route.path], ids=str)
def test_no_part_of_an_address_breaks_a_page(sweep: Sweep, route: Route) -> None:
    for part in ODD_PARTS:
        for method in ("GET", "POST"):
            sweep.send(method, route.url(part, token=part, uidb64=part))
            if "{uidb64}" in route.path:
                sweep.send(method, route.url(token=part, uidb64="MQ"))
                sweep.send(method, route.url(token="set-password", uidb64=part))


@pytest.mark.parametrize("route", FORMS_SENT, ids=str)
def test_no_body_breaks_a_page(sweep: Sweep, address: Address, route: Route) -> None:
    url = address(route)
    for body in BODIES:
        sweep.send("POST", url, body, "application/x-www-form-urlencoded")
    for media_type in MEDIA_TYPES:
        sweep.send("POST", url, b"name=x", media_type)
    for charset in ("utf-7", "unicode_escape", "utf-16", "nonsense"):
        media_type = f"application/x-www-form-urlencoded; charset={charset}"
        sweep.send("POST", url, b"name=%2B%32%41%41%2D%ff", media_type)


@pytest.mark.parametrize("route", FORMS_SENT, ids=str)
def test_no_value_of_a_field_breaks_a_page(sweep: Sweep, address: Address, route: Route) -> None:
    """Of each field that the page's form has, with the others in order."""
    url = address(route)
    shown = sweep.send("GET", url)
    if shown.status_code == 302 and "/reset/" in url:
        url = shown["Location"]
        shown = sweep.send("GET", url)
    form = shown.context and shown.context.get("form")
    valid = FORMS.get(route.path, {})
    for name in [*(form.fields if form else ()), "next", "csrfmiddlewaretoken", "preview"]:
        for value in FIELD_VALUES:
            body = encode_form({**valid, name: value})
            sweep.send("POST", url, body, "application/x-www-form-urlencoded")


def encode_form(values: dict[str, str | bytes]) -> bytes:
    return urlencode(values).encode()


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_no_header_breaks_a_page(sweep: Sweep, address: Address, headers: dict[str, str]) -> None:
    for route in ROUTES.values():
        sweep.send(route.method, address(route), headers=headers)


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "unlocked", "messages"])
def test_no_cookie_breaks_a_page(sweep: Sweep, address: Address, name: str) -> None:
    for route in ROUTES.values():
        for value in COOKIES:
            sweep.send(route.method, address(route), headers={"Cookie": f"{name}={value}"})
