"""/api/transcript-templates, and the transcripts that they shape (http-contract.md, 8.3 to 8.5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services.templates import TEMPLATES_MAX
from recordings.models import Recording, TranscriptTemplate
from recordings.models.template import TEMPLATE_MAX_LENGTH
from recordings.services.templates import PLACEHOLDERS_MAX, transcript_templates
from speakr_site.core.api.fields import utc_text
from speakr_site.core.errors import NotFound
from tests.concurrency import at_once, statuses
from tests.factories import make_recording, make_share, make_transcript

pytestmark = pytest.mark.django_db

URL = "/api/transcript-templates"
BODY = {"name": "Court", "template": "{{index}}. {{speaker|upper}}: {{text}}"}
PLAIN = "Zoë: Hello everyone.\nSPEAKER_01: Hello."
COURT = "1. ZOË: Hello everyone.\n2. SPEAKER_01: Hello."
CHANGEABLE = ("name", "template", "description", "is_default")
LONG_AGO = datetime(2024, 1, 15, 10, tzinfo=UTC)
AT_ONCE = 50
committed = pytest.mark.django_db(transaction=True)


def make_template(owner: User, **columns: Any) -> TranscriptTemplate:
    return TranscriptTemplate.objects.create(owner=owner, **{**BODY, **columns})


def age_templates() -> None:
    TranscriptTemplate.objects.update(created_at=LONG_AGO, updated_at=LONG_AGO)


def one(template: TranscriptTemplate) -> str:
    return f"{URL}/{template.pk}"


def defaults(owner: User) -> list[str]:
    rows = TranscriptTemplate.objects.filter(owner=owner, is_default=True)
    return list(rows.values_list("name", flat=True))


@pytest.fixture
def recording(alice: User) -> Recording:
    made = make_recording(owner=alice)
    make_transcript(recording=made, SPEAKER_00="Zoë")
    return made


def shown(client: APIClient, recording: Recording) -> list[str]:
    """The transcript as `format=text` and as the details have it."""
    url = f"/api/v1/recordings/{recording.pk}"
    text = client.get(f"{url}/transcript", {"format": "text"})
    return [text.json()["content"], client.get(url).json()["transcription"]]


# Making, reading, changing, deleting


def test_a_new_template_is_answered_as_it_was_stored(client: APIClient, alice: User) -> None:
    response = client.post(URL, {**BODY, "name": " Court ", "description": " For the file "})
    assert response.status_code == 201
    stored = TranscriptTemplate.objects.get(owner=alice)
    assert response.json() == {
        "id": stored.pk,
        "name": "Court",
        "template": BODY["template"],
        "description": "For the file",
        "is_default": False,
        "created_at": utc_text(stored.created_at),
        "updated_at": utc_text(stored.updated_at),
    }
    assert client.get(one(stored)).json() == response.json()
    assert client.get(URL).json() == {"templates": [response.json()]}


def test_the_list_is_sorted_by_name(client: APIClient, alice: User) -> None:
    for name in ("b", "c", "a"):
        make_template(alice, name=name)
    assert [row["name"] for row in client.get(URL).json()["templates"]] == ["a", "b", "c"]


def test_nobody_needs_a_template(client: APIClient) -> None:
    assert client.get(URL).json() == {"templates": []}


@pytest.mark.parametrize("template", [" {{text}}\n", "\n{{text}}\r\n\t", "no placeholder", "x"])
def test_a_template_is_kept_to_the_letter(client: APIClient, template: str) -> None:
    assert client.post(URL, {**BODY, "template": template}).json()["template"] == template


@pytest.mark.parametrize("description", [None, "", "  "])
def test_no_description_is_null(client: APIClient, description: str | None) -> None:
    assert client.post(URL, {**BODY, "description": description}).json()["description"] is None


@pytest.mark.parametrize("method", ["patch", "put"])
@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Other"},
        {"template": "{{text}}"},
        {"description": None},
        {"description": "New"},
        {"is_default": True},
        {"name": "Other", "is_default": True, "id": 99, "owner": 99, "created_at": None},
        {"unknown": 1},
    ],
)
def test_what_is_not_given_stays(
    client: APIClient, alice: User, method: str, changes: dict[str, Any]
) -> None:
    template = make_template(alice, description="Old")
    age_templates()
    before = client.get(one(template)).json()
    response = getattr(client, method)(one(template), changes)
    assert response.status_code == 200
    after = response.json()
    written = {name: changes[name] for name in changes if name in CHANGEABLE}
    assert after == {**before, **written, "updated_at": after["updated_at"]}
    assert (after["updated_at"] > before["updated_at"]) == bool(written)
    assert client.get(one(template)).json() == after


def test_a_deleted_template_is_gone(client: APIClient, alice: User) -> None:
    template = make_template(alice)
    response = client.delete(one(template))
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Transcript template deleted"}
    for again in (client.get, client.delete):
        assert again(one(template)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": None}, "name is required"),
        ({"name": " "}, "name is required"),
        ({"name": 5}, "name: Not a valid string."),
        ({"name": "x" * 101}, "name: Ensure this field has no more than 100 characters."),
        ({"name": "\0"}, "name: Null characters are not allowed."),
        ({"template": None}, "template is required"),
        ({"template": ""}, "template is required"),
        ({"template": " \n"}, "template is required"),
        ({"template": ["{{text}}"]}, "template: Not a valid string."),
        (
            {"template": "x" * (TEMPLATE_MAX_LENGTH + 1)},
            f"template: Ensure this field has no more than {TEMPLATE_MAX_LENGTH} characters.",
        ),
        (
            {"template": "{{text|upper}}" * (PLACEHOLDERS_MAX + 1)},
            f"template must not have more than {PLACEHOLDERS_MAX} placeholders",
        ),
        (
            {"description": "x" * 501},
            "description: Ensure this field has no more than 500 characters.",
        ),
        ({"description": 5}, "description: Not a valid string."),
        ({"is_default": "true"}, "is_default must be true or false"),
        ({"is_default": 1}, "is_default must be true or false"),
        ({"is_default": None}, "is_default may not be null."),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(
    client: APIClient, alice: User, changes: dict[str, Any], sentence: str
) -> None:
    template = make_template(alice, is_default=True)
    before = TranscriptTemplate.objects.values().get()
    answered = [
        client.post(URL, {**BODY, "is_default": True, **changes}),
        client.patch(one(template), changes),
        client.put(one(template), changes),
    ]
    for response in answered:
        assert response.status_code == 400
        assert response.json()["error"] == sentence
    assert TranscriptTemplate.objects.values().get() == before


@pytest.mark.parametrize("missing", BODY)
def test_a_new_template_needs_a_name_and_a_text(client: APIClient, missing: str) -> None:
    response = client.post(URL, {name: BODY[name] for name in BODY if name != missing})
    assert response.status_code == 400
    assert response.json()["error"] == f"{missing} is required"


@pytest.mark.parametrize("method", ["patch", "put"])
def test_a_change_must_name_something(client: APIClient, alice: User, method: str) -> None:
    for body in ({}, None):
        response = getattr(client, method)(one(make_template(alice)), body)
        assert (response.status_code, response.json()) == (400, {"error": "No data provided"})
    response = getattr(client, method)(one(make_template(alice)), [1])
    assert response.json() == {"error": "A JSON object is expected"}


def test_the_longest_template_fits(client: APIClient) -> None:
    placeholders = "{{end_time|upper|srt}}" * PLACEHOLDERS_MAX
    longest = placeholders + "é" * (TEMPLATE_MAX_LENGTH - len(placeholders))
    response = client.post(URL, {**BODY, "template": longest})
    assert (response.status_code, response.json()["template"]) == (201, longest)


def test_there_is_a_limit_to_how_many_a_person_has(
    client: APIClient, alice: User, bob: User
) -> None:
    for owner in (alice, bob):
        rows = [TranscriptTemplate(owner=owner, **BODY) for _ in range(TEMPLATES_MAX - 1)]
        TranscriptTemplate.objects.bulk_create(rows)
    assert client.post(URL, BODY).status_code == 201
    response = client.post(URL, {**BODY, "is_default": True})
    assert response.status_code == 409
    assert response.json()["error"] == "A person may have at most 100 transcript templates"
    assert len(client.get(URL).json()["templates"]) == TEMPLATES_MAX
    assert client.patch(f"{URL}/{rows[0].pk - 1}", {"name": "Other"}).status_code == 200


# The default


def test_one_template_at_most_is_the_default(client: APIClient, alice: User, bob: User) -> None:
    make_template(bob, name="Bob's", is_default=True)
    first = client.post(URL, {**BODY, "name": "First", "is_default": True}).json()
    assert defaults(alice) == ["First"]
    age_templates()
    second = client.post(URL, {**BODY, "name": "Second", "is_default": True}).json()
    assert (second["is_default"], defaults(alice)) == (True, ["Second"])
    assert client.get(f"{URL}/{first['id']}").json()["updated_at"] > utc_text(LONG_AGO)
    client.patch(f"{URL}/{first['id']}", {"is_default": True})
    assert defaults(alice) == ["First"]
    client.put(f"{URL}/{first['id']}", {"is_default": True, "name": "Still"})
    assert defaults(alice) == ["Still"]
    client.patch(f"{URL}/{second['id']}", {"is_default": False})
    assert defaults(alice) == ["Still"]
    client.patch(f"{URL}/{first['id']}", {"is_default": False})
    assert (defaults(alice), defaults(bob)) == ([], ["Bob's"])


@committed
def test_of_many_new_defaults_at_once_one_stays(client: APIClient, alice: User) -> None:
    make_template(alice, is_default=True)
    bodies = [{**BODY, "name": f"{n}", "is_default": True} for n in range(AT_ONCE)]
    replies = at_once(*[lambda body=body: client.post(URL, body) for body in bodies])
    assert {reply.status_code for reply in replies} == {201}
    assert all(reply.json()["is_default"] for reply in replies)
    assert len(defaults(alice)) == 1
    assert alice.transcript_templates.count() == AT_ONCE + 1


@committed
def test_of_many_changed_to_be_the_default_at_once_one_stays(
    client: APIClient, alice: User
) -> None:
    rows = [make_template(alice, name=f"{n}") for n in range(AT_ONCE)]
    calls = [lambda row=row: client.patch(one(row), {"is_default": True}) for row in rows]
    assert statuses(*calls) == {200: AT_ONCE}
    assert len(defaults(alice)) == 1


@committed
def test_many_at_once_do_not_pass_the_limit(client: APIClient, alice: User) -> None:
    rows = [TranscriptTemplate(owner=alice, **BODY) for _ in range(TEMPLATES_MAX - 2)]
    TranscriptTemplate.objects.bulk_create(rows)
    assert statuses(*[lambda: client.post(URL, BODY)] * AT_ONCE) == {201: 2, 409: AT_ONCE - 2}


def test_a_template_that_goes_meanwhile_is_not_found_and_leaves_the_default(alice: User) -> None:
    make_template(alice, name="Kept", is_default=True)
    going = make_template(alice, name="Going")
    TranscriptTemplate.objects.filter(pk=going.pk).delete()
    with pytest.raises(NotFound):
        transcript_templates.update(template=going, changes={"is_default": True})
    with pytest.raises(NotFound):
        transcript_templates.delete(template=going)
    assert defaults(alice) == ["Kept"]


# Whose


def test_templates_of_others_are_not_there(
    api: Callable[[User | None], APIClient], alice: User, bob: User, dana: User, otto: User
) -> None:
    template = make_template(alice)
    before = TranscriptTemplate.objects.values().get()
    for stranger in (bob, dana, otto):
        client = api(stranger)
        answered = [
            client.get(one(template)),
            client.patch(one(template), {"name": "Mine", "is_default": True}),
            client.put(one(template), {"nonsense": 1}),
            client.delete(one(template)),
        ]
        for response in answered:
            assert response.status_code == 404
            assert response.json() == {"error": "Transcript template not found"}
        assert client.get(URL).json() == {"templates": []}
    assert TranscriptTemplate.objects.values().get() == before


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete"])
def test_nobody_is_told_anything_without_a_log_in(
    api: Callable[[User | None], APIClient], alice: User, method: str
) -> None:
    url = URL if method == "post" else one(make_template(alice))
    response = getattr(api(None), method)(url)
    assert (response.status_code, response.json()) == (401, {"error": "Authentication required"})


def test_a_session_writes_only_with_its_csrf_token(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.get(URL).status_code == 200
    response = browser.post(URL, BODY, content_type="application/json")
    assert response.status_code == 403
    assert "CSRF" in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("patch", URL, 405),
        ("delete", URL, 405),
        ("post", f"{URL}/1", 405),
        ("get", f"{URL}/", 404),
        ("post", f"{URL}/", 404),
        ("get", f"{URL}/abc", 404),
        ("get", f"{URL}/-1", 404),
        ("get", f"{URL}/{2**64}", 404),
        ("get", f"/api/v1{URL.removeprefix('/api')}", 404),
        ("get", "/api/nothing", 404),
    ],
)
def test_what_there_is_not_is_refused_as_json(
    client: APIClient, method: str, path: str, status: int
) -> None:
    response = getattr(client, method)(path)
    assert response.status_code == status
    assert list(response.json()) == ["error"]


# What they do


def test_without_a_default_a_transcript_is_speaker_and_text(
    client: APIClient, alice: User, recording: Recording
) -> None:
    make_template(alice)
    assert shown(client, recording) == [PLAIN, PLAIN]


def test_the_default_shapes_the_text_and_the_details(
    client: APIClient, alice: User, recording: Recording
) -> None:
    template = make_template(alice, is_default=True)
    assert shown(client, recording) == [COURT, COURT]
    client.patch(one(template), {"template": "{{text}}\n"})
    assert shown(client, recording) == ["Hello everyone.\n\nHello.\n"] * 2
    client.post(URL, {"name": "New", "template": "{{speaker}}", "is_default": True})
    assert shown(client, recording) == ["Zoë\nSPEAKER_01"] * 2
    for row in TranscriptTemplate.objects.filter(is_default=True):
        client.delete(one(row))
    assert shown(client, recording) == [PLAIN, PLAIN]


def test_the_default_of_somebody_else_does_nothing(
    client: APIClient, bob: User, recording: Recording
) -> None:
    make_template(bob, is_default=True)
    assert shown(client, recording) == [PLAIN, PLAIN]


def test_who_may_see_a_recording_sees_it_by_their_own_template(
    api: Callable[[User | None], APIClient],
    alice: User,
    bob: User,
    recording: Recording,
    settings: Any,
) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    make_share(recording=recording, user=bob)
    make_template(alice, is_default=True)
    assert shown(api(bob), recording) == [PLAIN, PLAIN]
    make_template(bob, template="{{text}}", is_default=True)
    assert shown(api(bob), recording) == ["Hello everyone.\nHello."] * 2
    assert shown(api(alice), recording) == [COURT, COURT]


def test_subtitles_and_json_know_no_template(
    client: APIClient, alice: User, recording: Recording
) -> None:
    url = f"/api/v1/recordings/{recording.pk}/transcript"
    before = [client.get(url, {"format": form}).json() for form in ("json", "srt", "vtt")]
    make_template(alice, is_default=True)
    assert [client.get(url, {"format": form}).json() for form in ("json", "srt", "vtt")] == before


def test_nobody_s_segment_has_a_name_and_times_in_a_template(
    client: APIClient, alice: User
) -> None:
    made = make_recording(owner=alice)
    said = {"speaker": None, "start": None, "end": None, "text": "{{speaker}} | {{text|upper}}"}
    make_transcript(recording=made, segments=[said])
    make_template(alice, template="{{start_time|srt}} {{speaker}}: {{text}}", is_default=True)
    line = "00:00:00,000 Unknown: {{speaker}} | {{text|upper}}"
    assert shown(client, made) == [line, line]


# What they cost


def queries(client: APIClient, url: str, **query: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url, query).status_code == 200
    return len(captured)


def test_a_template_costs_one_query_however_many_there_are(
    client: APIClient, alice: User, recording: Recording
) -> None:
    url = f"/api/v1/recordings/{recording.pk}"
    plain = queries(client, f"{url}/transcript", format="srt")
    without = queries(client, url, include="summary")
    make_template(alice, is_default=True)
    TranscriptTemplate.objects.bulk_create(
        [TranscriptTemplate(owner=alice, **BODY) for _ in range(50)]
    )
    assert queries(client, f"{url}/transcript", format="text") == plain + 1
    assert queries(client, f"{url}/transcript", format="srt") == plain
    # And one for the names.
    assert queries(client, url) == without + 2
    assert queries(client, url, format="minimal") == without
    assert queries(client, URL) == 1
