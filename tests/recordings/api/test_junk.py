"""Nothing that a client can send is a server error: every route, every field, any nonsense.

The database is part of it: what PostgreSQL cannot hold must be refused before it gets there.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.http import HttpResponse
from rest_framework.test import APIClient

from accounts.models import Membership, User
from accounts.services import issue_token
from recordings.models import Recording
from recordings.services.filing import add_tags
from speakers.models import Speaker
from tests.factories import (
    make_delivery,
    make_folder,
    make_recording,
    make_tag,
    make_transcript,
    make_webhook,
)
from tests.model_server import ModelServer, model_server
from tests.names import names
from tests.recordings.api.test_upload import BAD_HINTS
from tests.recordings.api.uploading import UPLOAD, field_part, file_part, form, post_body, wav
from tests.routes import METHODS, Route, api_routes

__all__ = ["model_server", "names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

ANSWERS = {200, 201, 202, 204, 400, 403, 404, 405, 409, 413, 415}
ROUTES = api_routes()
PAGES = {"docs", "openapi.json"}

SHELF_FIELDS = [
    "name",
    "color",
    "group_id",
    "custom_prompt",
    "default_language",
    "default_min_speakers",
    "default_max_speakers",
    "default_hotwords",
    "default_initial_prompt",
    "default_transcription_model",
    "protect_from_deletion",
    "retention_days",
    "auto_share_on_apply",
    "share_with_group_lead",
    "naming_template_id",
    "export_template_id",
]
TEMPLATE_FIELDS = ["name", "template", "description", "is_default"]
NAMING_FIELDS = [*TEMPLATE_FIELDS, "pattern"]
WEBHOOK_FIELDS = ["name", "url", "events", "allow_http", "enabled", "unknown"]
WRITES = {
    "PATCH recordings/{pk}": [
        "title",
        "participants",
        "notes",
        "summary",
        "meeting_date",
        "is_inbox",
        "is_highlighted",
        "folder_id",
        "deletion_exempt",
        "keep_audio_only",
        "unknown",
    ],
    "POST recordings/{pk}/tags": ["tag_ids", "tag_id"],
    "POST recordings/{pk}/shares": ["user", "can_edit"],
    "POST recordings/{pk}/public-link": [
        "share_summary",
        "share_notes",
        "expires_at",
        "password",
        "unknown",
    ],
    "PATCH recordings/batch": ["recording_ids", "updates"],
    "POST recordings/batch/transcribe": ["recording_ids"],
    "PUT recordings/{pk}/notes": ["notes"],
    "PUT recordings/{pk}/summary": ["summary"],
    "PUT recordings/{pk}/speakers/assign": ["speaker_map", "regenerate_summary"],
    "POST speakers": ["name"],
    "PUT speakers/{pk}": ["name"],
    "POST tags": SHELF_FIELDS,
    "PUT tags/{pk}": SHELF_FIELDS,
    "POST folders": SHELF_FIELDS,
    "PATCH folders/{pk}": SHELF_FIELDS,
    "PUT folders/{pk}": SHELF_FIELDS,
    "POST groups": ["name"],
    "PATCH groups/{pk}": ["name"],
    "POST groups/{pk}/members": ["user", "role"],
    "PATCH groups/{pk}/members/{user_id}": ["role"],
    "PATCH users/me": ["name", "job_title", "company", "email", "preferences", "unknown"],
    "PUT settings/auto-summarization": ["enabled"],
    "POST recordings/{pk}/transcribe": [
        "language",
        "min_speakers",
        "max_speakers",
        "hotwords",
        "initial_prompt",
        "transcription_model",
    ],
    "POST recordings/{pk}/summarize": ["custom_prompt", "unknown"],
    "POST recordings/{pk}/chat": ["message", "conversation_history", "stream", "unknown"],
    "POST recordings/{pk}/speakers/identify": ["unknown"],
    "POST recordings/{pk}/regenerate_title": ["unknown"],
    "POST naming-templates": NAMING_FIELDS,
    "PUT naming-templates/{pk}": NAMING_FIELDS,
    "PATCH naming-templates/{pk}": NAMING_FIELDS,
    "POST naming-templates/preview": ["template", "pattern", "filename"],
    "POST transcript-templates": TEMPLATE_FIELDS,
    "PUT transcript-templates/{pk}": TEMPLATE_FIELDS,
    "PATCH transcript-templates/{pk}": TEMPLATE_FIELDS,
    "POST webhooks": WEBHOOK_FIELDS,
    "PATCH webhooks/{pk}": WEBHOOK_FIELDS,
    "POST webhooks/{pk}/rotate-secret": ["overlap_seconds", "unknown"],
    "POST webhooks/{pk}/test": ["unknown"],
    "POST webhooks/{pk}/deliveries/{delivery_id}/replay": ["unknown"],
    "POST tokens": ["name", "expires_in_days"],
    "PUT tokens/{pk}": ["name"],
    "PATCH tokens/{pk}": ["name"],
}
# What a body needs besides the field in question; of a name that comes twice the last counts.
ALONG = {
    "POST recordings/{pk}/shares": '"user": "bob", ',
    "POST recordings/{pk}/chat": '"message": "Who spoke?", ',
    "POST naming-templates": '"name": "New", "template": "{{date}}", ',
    "POST naming-templates/preview": '"template": "{{date}}", "filename": "a.mp3", ',
    "POST transcript-templates": '"name": "New", "template": "{{text}}", ',
    "POST webhooks": '"name": "New", "url": "https://example.com", "events": ["webhook.test"], ',
}
QUERIES = {
    "GET recordings": [
        "scope",
        "page",
        "per_page",
        "status",
        "sort_by",
        "sort_order",
        "date_from",
        "date_to",
        "tag_id",
        "q",
        "inbox",
        "starred",
        "folder_id",
        "unknown",
    ],
    "GET recordings/{pk}": ["format", "include"],
    "GET recordings/{pk}/transcript": ["format"],
    "GET recordings/{pk}/audio": ["download"],
    "GET recordings/{pk}/status": ["format"],
    "GET webhooks/{pk}/deliveries": ["limit"],
}

# JSON texts, as sent: some of them no JSON library would write.
VALUES = [
    *("null", "true", "false", "0", "-1", "1.5", "-0.0", "1e400", "-1e400", "1" * 30, "9" * 5000),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e3", "NaN"),
    *('""', '" "', '"x"', '"true"', '"0"', '"-1"', '"null"', '"\\u0000"', '"a\\u0000b"'),
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\uffff"', '"\\u202e"', '"\\ud83c\\udf99"', '"\\r\\n"'),
    *('"2024-01-15T10:00:00Z"', '"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"'),
    *('"2024-W03-1"', '"20240115T100000,5+0530"', '"24:00"', '"%s%n"', '"../../etc/passwd"'),
    *('"["', '"*"', '"(?P<a>"', '"(?P<date>.)"', '"(.{1000}){1000}"', '"{{"', '"{{a}}}}{{{{"'),
    *("[]", "{}", "[null]", '[""]', "[1,2,3]", '{"a":1}', '{"$gt":""}', '{"":{"":[]}}'),
    *('"' + "x" * 300 + '"', '"' + "é" * 12_000 + '"', "[" * 500 + "]" * 500),
    '{"a":' * 500 + "1" + "}" * 500,
]
BODIES = [
    *(b"", b" ", b"\0", b"\xff\xfe{}", b"{", b"}", b"{]", b"nonsense", b"'a'", b'{"a":1,}', b"[,]"),
    *(b"null", b"true", b"5", b'"text"', b"[]", b"[1]", b"[{}]", b"NaN", b"{}{}", b'{"title"}'),
    *(b"[" * 100_000, b'{"a":' * 100_000, b'{"title":"' + b"x" * 100, b'\xef\xbb\xbf{"title":"x"}'),
    *(b'{"title":"\xff"}', b'{"title":"\xed\xa0\x80"}', b"a=b&c=d", b"--x\r\n\r\n--x--"),
    b'{"title":"a","title":["b"]}',
]
MEDIA_TYPES = [
    *("application/json", "text/plain", "application/x-www-form-urlencoded", "", "/", "*/*"),
    *("multipart/form-data", "multipart/form-data; boundary=x", "application/json; charset=utf-7"),
    *("application/json; charset=nonsense", "APPLICATION/JSON", "application/xml", "é", "a" * 200),
]
QUERY_VALUES = [
    *("%00", "a%00b", "%FF%FE", "%ED%A0%80", "%", "%zz", "'", "%22", "%3Cb%3E", "x" * 60_000),
    *("0", "-1", "1.5", "1e9", "9" * 18, "9" * 19, "9" * 5000, "NaN", "null", "true", "[]", "{}"),
    *("%E2%80%AE", "%F0%9F%8E%99", "٣", "%09", "%0D%0A", "2024-01-15", "0001-01-01", "9999-12-31"),
    *("2024-01-15T10:00:00%2B05:00", "2024-01-15T10:00:00+05:00", "0001-01-01T00:00:00%2B14:00"),
    *("+2AA-", "%2B2AA-", "\\ud800", "a,b,,c", ",", "none", "all", "created_at", "owner__password"),
]
CHARSETS = ["utf-7", "unicode_escape", "utf-16", "nonsense"]
IDS = [
    *(
        "0",
        "00",
        "-1",
        "abc",
        "1.5",
        "1e3",
        "%00",
        "%31",
        "٣",
        "９",
        "",
        " ",
        "..",
        "1;",
        "1'",
        "null",
    ),
    *("9223372036854775807", "9223372036854775808", "9" * 20, "9" * 5000, "true", "{pk}", "1%2F2"),
]


@pytest.fixture
def recording(alice: User) -> Recording:
    key = default_storage.save("audio/1/2024/01/junk.wav", ContentFile(wav()))
    made = make_recording(owner=alice, audio_key=key)
    make_transcript(recording=made)
    return made


@pytest.fixture
def url(alice: User, bob: User, recording: Recording) -> Callable[[Route], str]:
    """Of a route, with the ids of what Alice owns and, being an operator here, may all change."""
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    alice.is_superuser = True
    Membership.objects.filter(user=alice).update(role=Membership.Role.ADMIN)
    tag = make_tag(owner=alice)
    add_tags(recording=recording, by=alice, tag_ids=[tag.pk])
    hook = make_webhook(owner=alice)
    ids = {
        "recordings": recording.pk,
        "tags": tag.pk,
        "folders": make_folder(owner=alice).pk,
        "speakers": Speaker.objects.create(owner=alice, name="Ann").pk,
        "groups": bob.memberships.get().group_id,
        "naming-templates": alice.naming_templates.create(name="A", template="{{date}}").pk,
        "transcript-templates": alice.transcript_templates.create(name="A", template="A").pk,
        "webhooks": hook.pk,
        "tokens": issue_token(user=alice, name="A")[0].pk,
    }
    seconds = {"tag_id": tag.pk, "user_id": bob.pk, "delivery_id": make_delivery(webhook=hook).pk}

    def of_route(route: Route) -> str:
        thing = route.path.partition("/")[0]
        return route.url(ids.get(thing, 1), **seconds)

    return of_route


@pytest.fixture(autouse=True)
def _folders_and_sharing(alice: User, settings: Any) -> None:
    call_command("constance", "set", "enable_folders", "true")
    settings.ENABLE_INTERNAL_SHARING = True
    settings.WEBHOOK_MAX_PER_USER = 1000


@pytest.fixture(autouse=True)
def _a_model_answers(model_server: ModelServer) -> None:
    """Or all that asks one would be refused whatever is sent. JSON, which identify reads."""
    model_server.answers = ["{}"]


@pytest.fixture(autouse=True)
def _an_error_here_is_an_answer(client: APIClient) -> None:
    client.raise_request_exception = False


class Sweep:
    """Collects what was answered wrongly, so that one run shows all of it."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *error: Any) -> None:
        if error == (None, None, None):
            assert not self.wrong, "\n".join(self.wrong)

    def expect_answer(self, response: HttpResponse, *sent: Any) -> None:
        complaint = complaint_about(response)
        if complaint:
            self.wrong.append(f"{complaint}: {' '.join(str(part)[:80] for part in sent)}")


def complaint_about(response: HttpResponse) -> str | None:
    if response.status_code not in ANSWERS:
        return f"status {response.status_code}"
    if response.status_code < 300:
        return None
    if response["Content-Type"] != "application/json":
        return f"{response.status_code} as {response['Content-Type']}"
    error = response.json().get("error")
    if not isinstance(error, str) or not error or len(error) > 300:
        return f"{response.status_code} without a sentence: {error!r}"
    return None


def send(
    client: APIClient, method: str, url: str, body: bytes, media_type: str = "application/json"
) -> HttpResponse:
    # Django's own stand-in for a socket fails when more is read than was sent.
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    response = client.generic(method, url, body, media_type, **environ)
    if response.streaming:
        list(response)
    return response


def ask(client: APIClient, url: str, query: str, media_type: str = "") -> HttpResponse:
    # A server hands a query string on as Latin-1.
    raw = query.encode().decode("latin-1")
    return client.generic("GET", url, "", media_type, QUERY_STRING=raw)


def of(name: str) -> Route:
    return next(route for route in ROUTES if str(route) == name)


def test_the_table_of_bodies_has_every_route_that_takes_json() -> None:
    takes = {str(route) for route in ROUTES if route.method in ("POST", "PUT", "PATCH")}
    assert takes - {"POST recordings/upload"} == set(WRITES)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, fields in WRITES.items() for field in fields]
)
def test_no_value_of_a_field_breaks_anything(
    client: APIClient,
    url: Callable[[Route], str],
    recording: Recording,
    name: str,
    field: str,
) -> None:
    route = of(name)
    with Sweep() as sweep:
        for value in VALUES:
            body = f'{{{ALONG.get(name, "")}"{field}": {value}}}'.encode()
            response = send(client, route.method, url(route), body)
            sweep.expect_answer(response, value)
            if response.status_code < 300:
                # What was stored can be read again.
                sweep.expect_answer(
                    client.get(f"/api/v1/recordings/{recording.pk}"), "read after", value
                )
                recording.jobs.all().delete()


@pytest.mark.parametrize("name", WRITES)
def test_no_body_breaks_anything(client: APIClient, url: Callable[[Route], str], name: str) -> None:
    route = of(name)
    with Sweep() as sweep:
        for body in BODIES:
            sweep.expect_answer(send(client, route.method, url(route), body), body)
        for media_type in MEDIA_TYPES:
            response = send(client, route.method, url(route), b"{}", media_type)
            sweep.expect_answer(response, media_type)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each) for name, all_ in QUERIES.items() for each in all_]
)
def test_no_query_breaks_anything(
    client: APIClient, url: Callable[[Route], str], name: str, parameter: str
) -> None:
    place = url(of(name))
    with Sweep() as sweep:
        for value in QUERY_VALUES:
            query = f"{parameter}={value}"
            sweep.expect_answer(ask(client, place, query), query)
        for query in (f"{parameter}", f"{parameter}=&{parameter}=x", f"{parameter}[]=1", "&&=&=="):
            sweep.expect_answer(ask(client, place, query), query)
        for charset in CHARSETS:
            media_type = f"text/plain; charset={charset}"
            sweep.expect_answer(
                ask(client, place, f"{parameter}=%2B%32%41%41%2D%ff", media_type), charset
            )


@pytest.mark.parametrize("route", [route for route in ROUTES if "{pk}" in route.path], ids=str)
def test_no_id_breaks_anything(client: APIClient, route: Route) -> None:
    with Sweep() as sweep:
        for pk in IDS:
            response = send(client, route.method, route.url(pk), b'{"title":"x"}')
            sweep.expect_answer(response, route.method, route.url(pk))
            if response.status_code not in (404, 405):
                sweep.wrong.append(f"{response.status_code} for {pk!r}")


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.path.count("{") == 2], ids=str
)
def test_no_second_id_breaks_anything(
    client: APIClient, url: Callable[[Route], str], route: Route
) -> None:
    place_of = url(replace(route, path=re.sub(r"{\w+_id}", "SECOND", route.path)))
    with Sweep() as sweep:
        for pk in sorted({*IDS} - {"%31"}):  # Which is 1, and may be somebody's.
            place = place_of.replace("SECOND", pk)
            response = send(client, route.method, place, b'{"role":"member"}')
            sweep.expect_answer(response, route.method, place)
            if response.status_code not in (404, 405):
                sweep.wrong.append(f"{response.status_code} for {pk!r}")


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_trailing_slash_is_not_found_and_never_a_redirect(
    client: APIClient, url: Callable[[Route], str], route: Route
) -> None:
    response = send(client, route.method, f"{url(route)}/", b"{}")
    assert response.status_code == 404
    assert response.json() == {"error": "Not found"}


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES} - PAGES))
def test_a_wrong_method_is_refused_in_json(
    client: APIClient, url: Callable[[Route], str], path: str
) -> None:
    routes = [route for route in ROUTES if route.path == path]
    known = {route.method for route in routes}
    for method in {name.upper() for name in METHODS} - known:
        response = send(client, method, url(routes[0]), b"{}")
        assert response.status_code == 405
        assert response.json() == {"error": "Method not allowed"}
        assert set(response["Allow"].split(", ")) >= known


HEADERS = [
    {"Accept": "audio/*"},
    {"Accept": "nonsense"},
    {"Accept": ",;,;q=x"},
    {"Accept": "application/json; indent=9999999999"},
    {"Range": "bytes=9999999999999999999-"},
    {"If-None-Match": '"' * 5000},
    {"If-Modified-Since": "Mon, 99 Foo 0000 99:99:99 GMT"},
    {"If-Match": "W/"},
    {"Host": "evil.example"},
    {"X-Forwarded-For": "nonsense,,"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Transfer-Encoding": "chunked"},
    {"Cookie": "sessionid=%00; csrftoken=x"},
    {"Expect": "100-continue"},
]
# A body of unknown length; conditions and ranges, which are about a copy that the client has.
ALSO = {411, 412, 416}


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_no_header_breaks_anything(
    client: APIClient, url: Callable[[Route], str], headers: dict[str, str]
) -> None:
    with Sweep() as sweep:
        for route in ROUTES:
            if route.method == "DELETE":
                continue
            body = b"" if route.method == "GET" else b"{}"
            response = client.generic(
                route.method, url(route), body, "application/json", headers=headers
            )
            if response.status_code not in ALSO:
                sweep.expect_answer(response, route, headers)


FIELD_VALUES = [
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        b"a\0b",
        b"\xed\xa0\x80",
        b"x" * 20_000,
        b"-1",
        b"NaN",
        b"[]",
        b"{}",
    ),
    *(b"null", "٣".encode(), b"9" * 5000, b"+2AA-", b"\r\n", b"true", b"1e400", b'"\\ud800"'),
]


@pytest.mark.parametrize("value", FIELD_VALUES)
def test_no_field_of_an_upload_costs_a_recording(client: APIClient, value: bytes) -> None:
    names = sorted({name for name, _ in BAD_HINTS} | {"tag_ids", "tag_ids[x]", "unknown", ""})
    fields = [field_part(name, value) for name in names]
    response = post_body(client, form(*fields, file_part(wav(0.05))))
    assert response.status_code == 202, response.content
    assert client.get(f"/api/v1/recordings/{response.json()['id']}").status_code == 200


def test_no_body_of_an_upload_breaks_anything(client: APIClient) -> None:
    with Sweep() as sweep:
        for media_type in MEDIA_TYPES:
            for body in (*BODIES[:8], form(), form(file_part(b""))):
                sweep.expect_answer(
                    send(client, "POST", UPLOAD, body, media_type), media_type, body
                )
