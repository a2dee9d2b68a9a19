"""The examples of the API reference: every key, its type, and no key that nobody named.

The reference wins over everything else. Its examples are the document's own (core/api/
examples.json), and every answer here is held against both: against the example, and against the
shape that the OpenAPI document promises, which is what binds what answers are built of to the
serializers that describe them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from constance import config
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from hooks.models import Delivery, Webhook
from organizing.models import Folder, Tag
from recordings.models import (
    CalendarEvent,
    Recording,
    RecordingTag,
    TokenUsage,
    TranscriptionUsage,
)
from speakers.models import Speaker
from speakr_site.core.api.openapi import examples, examples_of, operations
from speakr_site.core.api.schema import document
from tests.conftest import REPOSITORY
from tests.factories import (
    make_folder,
    make_job,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
    make_webhook,
)
from tests.model_server import ModelServer, model_server
from tests.names import Names, names
from tests.recordings.api.uploading import wav

__all__ = ["model_server", "names"]

pytestmark = pytest.mark.django_db

REFERENCE = REPOSITORY.parent / "shared" / "contract" / "api-reference.txt"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SHELF_KEYS = {
    "default_hotwords",
    "default_initial_prompt",
    "default_transcription_model",
    "retention_days",
    "auto_share_on_apply",
    "share_with_group_lead",
    "naming_template_id",
    "naming_template_name",
}
EVENT_KEYS = {"events.attendees", "events.reminder_minutes"}
# Keys of ours, where they may stand.
OURS = {
    "get /users/me": {"preferences.timezone"},
    "patch /users/me": {"preferences.timezone"},
    "post /recordings/upload": {"warnings", "duplicate_warning"},
    "get /recordings/{id}/status": {"progress", "stage", "eta_seconds", "warnings"},
    # Of somebody else's recording; tags: S leaves them out of the example, I has them: include
    # (contract 8.0).
    "get /recordings": {"recordings.shared_by", "recordings.can_edit"},
    "get /recordings/{id}": {"tags", "shared_by", "can_edit"} | EVENT_KEYS,
    "get /recordings/{id}/events": EVENT_KEYS,
    "get /recordings/{id}/summary": {"summary_meta"},
    # Only for operators (contract 6).
    "get /stats": {"users"},
    # Extra fields that tags take and return (contract 18).
    "get /tags": {f"tags.{key}" for key in SHELF_KEYS},
    "post /tags": SHELF_KEYS,
    "put /tags/{id}": {f"tag.{key}" for key in SHELF_KEYS},
    # Of an item that failed.
    "patch /recordings/batch": {"results.error"},
    "delete /recordings/batch": {"results.error"},
}
# Where the keys are data: each value is like the example's first.
KEYED = {".suggestions", ".speaker_map"}
OPERATIONS = {f"{method} {path}": described for path, method, described in operations(document())}
held: set[str] = set()


def assert_like(example: Any, answer: Any, *, ours: set[str] = frozenset(), at: str = "") -> None:
    """Same keys and types, all the way down; null fits any type but an id's. An item of a list is
    like one of those in the example.
    """
    if isinstance(example, dict) and answer is not None:
        assert isinstance(answer, dict), at
        if at in KEYED:
            example = dict.fromkeys(answer, next(iter(example.values())))
        named = {key for key in ours if "." not in key}
        missing, extra = set(example) - set(answer), set(answer) - set(example) - named
        assert (missing, extra) == (set(), set()), f"{at}: missing {missing}, extra {extra}"
        for key, value in example.items():
            deeper = {name.partition(".")[2] for name in ours if name.startswith(f"{key}.")}
            assert_like(value, answer[key], ours=deeper, at=f"{at}.{key}")
    elif isinstance(example, list) and answer is not None:
        assert isinstance(answer, list), at
        for item in answer:
            assert_like_one(example, item, ours=ours, at=f"{at}[]")
    elif isinstance(example, str) and TIMESTAMP.fullmatch(example):
        assert answer is None or TIMESTAMP.fullmatch(answer), f"{at}: {answer!r}"
    elif answer is None or example is None:
        assert not at.endswith(".id"), at
    else:
        assert type(answer) is type(example), f"{at}: {answer!r} is not like {example!r}"


def assert_like_one(examples: list[Any], answer: Any, *, ours: set[str], at: str) -> None:
    complaint = AssertionError(f"{at}: the example has none")
    for example in examples:
        try:
            return assert_like(example, answer, ours=ours, at=at)
        except AssertionError as error:
            complaint = error
    raise complaint


def as_json_schema(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: null by union, and no property that is not named."""
    if isinstance(schema, list):
        return [as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    if isinstance(plain.get("properties"), dict):
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def assert_as_described(described: dict[str, Any], value: Any) -> None:
    """`described`: a body or an answer of the OpenAPI document, in JSON."""
    if "$ref" in described:
        described = document()["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = next(iter(described["content"].values()))["schema"]
    components = as_json_schema({"components": document()["components"]})
    jsonschema.validate(value, {**as_json_schema(schema), **components})


def check(
    operation: str, response: Response, status: int = 200, *, like: Any = None
) -> dict[str, Any]:
    """The answer, which is like the reference's example (or like `like`) and as described."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    answer = response.json()
    example = like or examples()["reference"][operation][str(status)]
    assert_like(example, answer, ours=OURS.get(operation, set()))
    assert_as_described(OPERATIONS[operation]["responses"][str(status)], answer)
    held.add(operation)
    return answer


def body_of(operation: str, **changes: Any) -> dict[str, Any]:
    """The reference's body, with ids that exist here."""
    return {**examples()["reference"][operation]["request"], **changes}


def of_the_reference() -> Iterator[tuple[str, Any]]:
    """(title of the part, value) of every example in the reference's text."""
    title, end, text = "", 0, REFERENCE.read_text(encoding="utf-8")
    for line in re.finditer(r"^.*$", text, re.MULTILINE):
        if line[0].endswith("¶"):
            title = line[0].removesuffix("¶")
        if line[0] in ("{", "[") and line.start() >= end:
            value, end = json.JSONDecoder().raw_decode(text, line.start())
            yield title, value


@pytest.fixture(autouse=True)
def _folders(db: None) -> None:
    config.enable_folders = True


@pytest.fixture
def folder(alice: User) -> Folder:
    return make_folder(owner=alice, name="Client Calls", default_language="en")


@pytest.fixture
def tag(alice: User) -> Tag:
    return make_tag(owner=alice, name="Work", custom_prompt="Focus on action items...")


@pytest.fixture
def speaker(alice: User) -> Speaker:
    return Speaker.objects.create(owner=alice, name="Alice", use_count=2)


@pytest.fixture
def full(alice: User, folder: Folder, tag: Tag) -> Recording:
    """A recording with nothing missing, of an owner who has dates looked for."""
    User.objects.filter(pk=alice.pk).update(extract_events=True)
    now = datetime(2024, 1, 15, 10, 0, 0, 123456, tzinfo=UTC)
    made = make_recording(
        owner=alice,
        title="Team Meeting",
        participants="Alice, Bob",
        notes="Personal notes...",
        summary="## Meeting Summary\n- Key point 1...",
        summary_meta=dict(examples_of("get /recordings/{id}/summary")["200"]["summary_meta"]),
        meeting_date=now - timedelta(hours=1),
        created_at=now,
        completed_at=now + timedelta(minutes=5),
        is_inbox=False,
        is_highlighted=True,
        duration_seconds=1830.5,
        processing_seconds=45.2,
        transcription_seconds=38.1,
        summarization_seconds=7.1,
        folder=folder,
    )
    make_transcript(recording=made, SPEAKER_00="Alice", SPEAKER_01="Bob")
    RecordingTag.objects.create(recording=made, tag=tag, position=0)
    CalendarEvent.objects.create(
        recording=made,
        title="Follow-up Meeting",
        start_datetime=now + timedelta(days=7),
        end_datetime=now + timedelta(days=7, hours=1),
        description="Discuss project progress",
        location="Conference Room A",
        attendees=["Alice", "Bob"],
    )
    return made


def test_the_examples_are_those_of_the_reference() -> None:
    if not REFERENCE.is_file():
        pytest.skip("../shared/contract is not on this machine")
    ours = [example for places in examples()["reference"].values() for example in places.values()]
    for title, example in of_the_reference():
        assert example in ours, f"{title}: {example}"


@pytest.mark.parametrize("operation", examples()["reference"])
def test_an_example_of_the_document_is_as_the_document_describes_it(operation: str) -> None:
    for place, example in examples_of(operation).items():
        described = OPERATIONS[operation]
        assert_as_described(
            described["requestBody"] if place == "request" else described["responses"][place],
            example,
        )


def test_the_current_user(api: Callable[[User], APIClient], alice: User) -> None:
    group = Group.objects.create(name="Engineering")
    Membership.objects.create(group=group, user=alice, role=Membership.Role.ADMIN)
    User.objects.update(
        name="Alice Johnson",
        job_title="Product Manager",
        company="Acme Inc",
        transcription_language="en",
        output_language="en",
        auto_speaker_labelling_threshold=0.75,
    )
    response = api(User.objects.get()).get("/api/v1/users/me")
    answer = check("get /users/me", response)
    assert None not in {**answer, "sso_provider": ""}.values()


def test_a_change_of_the_current_user(client: APIClient) -> None:
    operation = "patch /users/me"
    answer = check(operation, client.patch("/api/v1/users/me", body_of(operation)))
    assert (answer["job_title"], answer["preferences"]["diarize"]) == ("Head of Product", True)


def test_the_groups(api: Callable[[User], APIClient], otto: User, alice: User, bob: User) -> None:
    client = api(otto)
    made = client.post("/api/v1/groups", body_of("post /groups", name="Platform team"))
    url = f"/api/v1/groups/{check('post /groups', made, 201)['id']}"
    for user in ("alice", "bob@example.com"):
        body = {"user": user, "role": "admin"}
        check("post /groups/{id}/members", client.post(f"{url}/members", body), 201)
    one = "/groups/{id}/members/{user_id}"
    answer = check(f"patch {one}", client.patch(f"{url}/members/{bob.pk}", {"role": "member"}))
    assert (answer["user_id"], answer["role"]) == (bob.pk, "member")
    check("patch /groups/{id}", client.patch(url, {"name": "Platform"}))
    detail = check("get /groups/{id}", api(alice).get(url))
    assert (detail["role"], len(detail["members"])) == ("admin", 2)
    check("get /groups", client.get("/api/v1/groups"))
    assert client.delete(f"{url}/members/{bob.pk}").status_code == 204
    assert client.delete(url).status_code == 204


def test_the_transcript_templates(client: APIClient) -> None:
    one, many = "/transcript-templates/{id}", "/transcript-templates"
    made = client.post("/api/transcript-templates", body_of(f"post {many}"))
    url = f"/api/transcript-templates/{check(f'post {many}', made, 201)['id']}"
    check(f"get {many}", client.get("/api/transcript-templates"))
    check(f"get {one}", client.get(url))
    for method in ("put", "patch"):
        check(f"{method} {one}", getattr(client, method)(url, body_of(f"{method} {one}")))
    check(f"delete {one}", client.delete(url))


def test_the_tokens(client: APIClient) -> None:
    made = client.post("/api/tokens", body_of("post /tokens"))
    answer = check("post /tokens", made, 201)
    assert len(answer["token"]) == 43
    url = f"/api/tokens/{answer['id']}"
    check("get /tokens", client.get("/api/tokens"))
    for method in ("put", "patch"):
        operation = f"{method} /tokens/{{id}}"
        check(operation, getattr(client, method)(url, body_of(operation)))
    check("delete /tokens/{id}", client.delete(url))


def test_the_switch_of_summaries(client: APIClient) -> None:
    operation = "put /settings/auto-summarization"
    response = client.put("/api/v1/settings/auto-summarization", body_of(operation))
    check(operation, response)


def test_the_statistics(api: Callable[[User], APIClient], alice: User, full: Recording) -> None:
    User.objects.update(monthly_tokens=1_000_000, monthly_transcription_minutes=600)
    month = timezone.now().date().replace(day=1)
    TokenUsage.objects.create(user=alice, month=month, operation="summary", prompt_tokens=450_000)
    TranscriptionUsage.objects.create(user=alice, month=month, connector="x", seconds=3600.0)
    answer = check("get /stats", api(User.objects.get()).get("/api/v1/stats"))
    for part in answer.values():
        assert None not in part.values()


def test_the_statistics_of_everybody(api: Callable[[User], APIClient], otto: User) -> None:
    answer = check("get /stats", api(otto).get("/api/v1/stats?scope=all"))
    assert answer["users"] == {"total": 1, "active": 0}


def test_an_upload(client: APIClient, tag: Tag) -> None:
    for _ in range(2):  # the second has a duplicate_warning
        file = SimpleUploadedFile("meeting.wav", wav())
        fields = {"notes": "Quick test upload", "language": "xx", "tag_ids[0]": tag.pk}
        response = client.post(
            "/api/v1/recordings/upload", {"file": file, **fields}, format="multipart"
        )
        answer = check("post /recordings/upload", response, 202)
        assert None not in answer.values()
    assert set(answer["duplicate_warning"]) == {
        "existing_recording_id",
        "existing_title",
        "existing_created_at",
    }


def test_a_list(client: APIClient, full: Recording) -> None:
    (item,) = check("get /recordings", client.get("/api/v1/recordings"))["recordings"]
    assert {name for name, value in item.items() if value is None} == {"error_message"}
    assert (item["created_at"], len(item["tags"])) == ("2024-01-15T10:00:00Z", 1)


def test_the_details(client: APIClient, full: Recording) -> None:
    answer = check("get /recordings/{id}", client.get(f"/api/v1/recordings/{full.pk}"))
    absent = {name for name, value in answer.items() if value is None}
    assert absent == {"error_message", "duplicate_info"}
    assert answer["transcription"].startswith("Alice: Hello everyone.")
    assert [event["title"] for event in answer["events"]] == ["Follow-up Meeting"]


def test_the_details_of_a_recording_that_has_nothing_yet(client: APIClient, alice: User) -> None:
    empty = dict.fromkeys(
        ("title", "original_filename", "mime_type", "size_bytes", "duration_seconds")
    )
    made = [make_recording(owner=alice, status="PENDING", **empty) for _ in range(2)]
    described = OPERATIONS["get /recordings/{id}"]["responses"]["200"]
    for query in ("", "?format=minimal"):
        answer = client.get(f"/api/v1/recordings/{made[0].pk}{query}").json()
        assert answer["duplicate_info"]["total_copies"] == 2
        assert_as_described(described, answer)
    check("get /recordings", client.get("/api/v1/recordings"))


def test_a_recording_of_somebody_else_has_two_keys_more(
    api: Callable[[User], APIClient], full: Recording, carol: User, settings: Any
) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    own = make_recording(owner=carol)
    make_share(recording=full, user=carol, can_edit=True)
    client = api(carol)
    listed = check("get /recordings", client.get("/api/v1/recordings?scope=all"))["recordings"]
    theirs = {item["id"]: item for item in listed}
    for name in ("get /recordings/{id}", "get /recordings"):
        for recording, more in ((own, {}), (full, {"shared_by": "alice", "can_edit": True})):
            item = theirs[recording.pk]
            if name != "get /recordings":
                item = check(name, client.get(f"/api/v1/recordings/{recording.pk}"))
            assert {key: item[key] for key in ("shared_by", "can_edit") if key in item} == more


def test_the_status(client: APIClient, full: Recording) -> None:
    for job in ({}, {"status": "running"}):
        full.jobs.all().delete()
        make_job(recording=full, **job)
        check("get /recordings/{id}/status", client.get(f"/api/v1/recordings/{full.pk}/status"))


def test_a_transcript(client: APIClient, full: Recording) -> None:
    operation, url = "get /recordings/{id}/transcript", f"/api/v1/recordings/{full.pk}/transcript"
    check(operation, client.get(url))
    for form in ("text", "srt", "vtt"):
        response = client.get(url, {"format": form})
        check(operation, response, like={"format": form, "content": ""})


@pytest.mark.parametrize("name", ["notes", "summary"])
def test_notes_and_summary(client: APIClient, full: Recording, name: str) -> None:
    url, path = f"/api/v1/recordings/{full.pk}/{name}", f"/recordings/{{id}}/{name}"
    for body in (body_of(f"put {path}"), {name: None}):
        check(f"put {path}", client.put(url, body))
        assert check(f"get {path}", client.get(url))[name] == body[name]


def test_what_made_a_summary(client: APIClient, full: Recording) -> None:
    operation, url = "get /recordings/{id}/summary", f"/api/v1/recordings/{full.pk}/summary"
    assert check(operation, client.get(url))["summary_meta"] == full.summary_meta
    client.put(url, {"summary": "By hand"})
    assert check(operation, client.get(url))["summary_meta"] is None


def test_a_change(client: APIClient, full: Recording, alice: User) -> None:
    operation = "patch /recordings/{id}"
    body = body_of(operation, folder_id=make_folder(owner=alice, name="Other").pk)
    answer = check(operation, client.patch(f"/api/v1/recordings/{full.pk}", body))
    assert answer["recording"].items() >= body.items()


def test_a_deletion(client: APIClient, full: Recording) -> None:
    check("delete /recordings/{id}", client.delete(f"/api/v1/recordings/{full.pk}"))


def test_queueing_a_transcription(client: APIClient, full: Recording) -> None:
    operation = "post /recordings/{id}/transcribe"
    url = f"/api/v1/recordings/{full.pk}/transcribe"
    check(operation, client.post(url, body_of(operation)))
    refused = client.post(url, {"language": "de"})
    assert refused.status_code == 409
    assert_as_described(OPERATIONS[operation]["responses"]["409"], refused.json())


def test_queueing_a_summary(client: APIClient, full: Recording) -> None:
    operation = "post /recordings/{id}/summarize"
    url = f"/api/v1/recordings/{full.pk}/summarize"
    check(operation, client.post(url, body_of(operation)))
    refused = client.post(url, {"custom_prompt": "In rhymes."})
    assert refused.status_code == 409
    assert_as_described(OPERATIONS[operation]["responses"]["409"], refused.json())


def test_the_events(client: APIClient, full: Recording) -> None:
    CalendarEvent.objects.create(
        recording=full, title="Standup", start_datetime=datetime(2024, 1, 16, 8, tzinfo=UTC)
    )
    url = f"/api/v1/recordings/{full.pk}/events"
    first, second = check("get /recordings/{id}/events", client.get(url))["events"]
    assert (first["title"], first["end_datetime"], first["location"]) == ("Standup", None, None)
    example = examples_of("get /recordings/{id}/events")["200"]["events"][0]
    assert second == {**example, "id": second["id"]}
    file = client.get(f"{url}/ics")
    assert file["Content-Type"] == "text/calendar; charset=utf-8"
    assert file["Content-Disposition"] == f"attachment; filename=events-{full.pk}.ics"
    assert file.content.count(b"BEGIN:VEVENT") == 2


def test_a_question(client: APIClient, full: Recording, model_server: ModelServer) -> None:
    operation, url = "post /recordings/{id}/chat", f"/api/v1/recordings/{full.pk}/chat"
    model_server.answers = ["Alice said hello to everyone."]
    body = body_of(operation)
    with_sources = examples_of(operation)["200"]
    answer = check(operation, client.post(url, body), like=with_sources)
    assert answer["response"] == "Alice said hello to everyone."
    (source, *_) = answer["sources"]
    assert (source["speaker"], source["text"]) == ("Alice", "Hello everyone.")
    (told,) = model_server.prompts()
    said = [turn["content"] for turn in body["conversation_history"]] + [body["message"]]
    assert re.search(".*".join(map(re.escape, said)), told, re.DOTALL)
    streamed = client.post(url, {**body, "stream": True})
    assert streamed["Content-Type"] == "text/event-stream"
    events = [
        json.loads(line.removeprefix("data: "))
        for line in b"".join(streamed).decode().split("\n\n")
        if line
    ]
    assert "".join(event.get("delta", "") for event in events) == answer["response"]
    assert events[-2:] == [{"sources": answer["sources"]}, {"end_of_stream": True}]


def test_who_the_voices_may_be(
    client: APIClient, full: Recording, model_server: ModelServer
) -> None:
    make_transcript(recording=full)
    model_server.answers = ['{"SPEAKER_00": "Zoë", "SPEAKER_01": ""}']
    url = f"/api/v1/recordings/{full.pk}/speakers/identify"
    answer = check("post /recordings/{id}/speakers/identify", client.post(url))
    assert answer["speaker_map"] == {"SPEAKER_00": "Zoë", "SPEAKER_01": ""}


def test_a_new_title(client: APIClient, full: Recording, model_server: ModelServer) -> None:
    model_server.answers = ["A round of greetings"]
    url = f"/api/v1/recordings/{full.pk}"
    answer = check("post /recordings/{id}/regenerate_title", client.post(f"{url}/regenerate_title"))
    assert answer["title"] == "A round of greetings"
    assert answer["recording"] == client.get(url).json()
    assert answer["recording"]["title"] == "A round of greetings"


@pytest.mark.parametrize("part", ["chat", "speakers/identify"])
def test_what_asks_a_model_says_that_there_is_none(
    client: APIClient, full: Recording, part: str
) -> None:
    make_transcript(recording=full)
    refused = client.post(f"/api/v1/recordings/{full.pk}/{part}", {"message": "Who?"})
    assert refused.status_code == 503
    assert int(refused["Retry-After"]) > 0
    operation = OPERATIONS[f"post /recordings/{{id}}/{part}"]
    assert_as_described(operation["responses"]["503"], refused.json())


def test_the_naming_templates(client: APIClient) -> None:
    one, many = "/naming-templates/{id}", "/naming-templates"
    body = body_of(f"post {many}")
    made = check(f"post {many}", client.post("/api/naming-templates", body), 201)
    assert made.items() >= body.items()
    url = f"/api/naming-templates/{made['id']}"
    check(f"get {many}", client.get("/api/naming-templates"))
    check(f"get {one}", client.get(url))
    for method in ("put", "patch"):
        check(f"{method} {one}", getattr(client, method)(url, body_of(f"{method} {one}")))
    tag = client.post("/api/v1/tags", {"name": "Named", "naming_template_id": made["id"]})
    told = check("post /tags", tag, 201)
    assert (told["naming_template_id"], told["naming_template_name"]) == (made["id"], body["name"])
    check(f"delete {one}", client.delete(url))
    (told,) = check("get /tags", client.get("/api/v1/tags"))["tags"]
    assert told["naming_template_id"] is None


def test_a_naming_template_that_is_tried(client: APIClient) -> None:
    operation = "post /naming-templates/preview"
    tried = client.post("/api/naming-templates/preview", body_of(operation))
    today = timezone.now().date().isoformat()
    assert check(operation, tried) == {"title": f"{today} Acme: What was talked about"}


def test_the_connector(client: APIClient) -> None:
    check("get /transcription", client.get("/api/v1/transcription"))


def test_the_tags(client: APIClient, tag: Tag, group: Group) -> None:
    make_tag(group=group)
    assert len(check("get /tags", client.get("/api/v1/tags"))["tags"]) == 2
    made = check("post /tags", client.post("/api/v1/tags", body_of("post /tags")), 201)
    assert made.items() >= body_of("post /tags").items()
    url = f"/api/v1/tags/{made['id']}"
    check("put /tags/{id}", client.put(url, body_of("put /tags/{id}")))
    check("delete /tags/{id}", client.delete(url))


def test_the_tags_of_a_recording(client: APIClient, full: Recording, alice: User) -> None:
    tag = make_tag(owner=alice, name="Second")
    url = f"/api/v1/recordings/{full.pk}/tags"
    answer = check("post /recordings/{id}/tags", client.post(url, {"tag_ids": [tag.pk, 10**6]}))
    assert (len(answer["added_tags"]), len(answer["errors"])) == (1, 1)
    check("post /recordings/{id}/tags", client.post(url, {"tag_id": tag.pk}))
    check("delete /recordings/{id}/tags/{tag_id}", client.delete(f"{url}/{tag.pk}"))


def test_the_shares(
    client: APIClient, full: Recording, bob: User, dana: User, group: Group, settings: Any
) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    body, url = body_of("post /recordings/{id}/shares"), f"/api/v1/recordings/{full.pk}/shares"
    given = check("post /recordings/{id}/shares", client.post(url, body), 201)
    assert (
        given.items() >= {"username": body["user"], "can_edit": False, "source": "manual"}.items()
    )
    again = client.post(url, {**body, "can_edit": True})
    assert check("post /recordings/{id}/shares", again)["can_edit"] is True
    tag = make_tag(group=group, auto_share_on_apply=True)
    RecordingTag.objects.create(recording=full, tag=tag, position=1)
    full.folder = make_folder(group=group, auto_share_on_apply=True)
    full.save()
    shares = check("get /recordings/{id}/shares", client.get(url))["shares"]
    assert {(share["username"], share["source"]) for share in shares} == {
        *(("bob", source) for source in ("manual", "tag", "folder")),
        *(("dana", source) for source in ("tag", "folder")),
    }
    assert client.delete(f"{url}/{bob.pk}").status_code == 204
    refused = client.delete(f"{url}/{bob.pk}")
    assert refused.status_code == 409
    described = OPERATIONS["delete /recordings/{id}/shares/{user_id}"]["responses"]["409"]
    assert_as_described(described, refused.json())


def test_the_public_link(client: APIClient, full: Recording, settings: Any) -> None:
    settings.PUBLIC_URL = "https://speakr.example.com"
    operation, url = "/recordings/{id}/public-link", f"/api/v1/recordings/{full.pk}/public-link"
    body = body_of(f"post {operation}", expires_at="2199-02-01T00:00:00Z")
    made = check(f"post {operation}", client.post(url, body), 201)
    told = {"has_password": True, **{key: body[key] for key in body if key != "password"}}
    assert made.items() >= told.items()
    assert check(f"post {operation}", client.post(url, {"password": None})) == {
        **made,
        "has_password": False,
    }
    assert check(f"get {operation}", client.get(url))["url"] == made["url"]
    assert re.fullmatch(r"https://speakr\.example\.com/s/[\w-]{22,}", made["url"])
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


def test_the_webhooks(client: APIClient, names: Names) -> None:
    operation = "post /webhooks"
    made = check(operation, client.post("/api/v1/webhooks", body_of(operation)), 201)
    assert made.items() >= body_of(operation).items()
    assert len(made["secret"]) == 43
    url, one = f"/api/v1/webhooks/{made['id']}", "/webhooks/{id}"
    Webhook.objects.update(last_delivery_at=timezone.now())
    answer = check("get /webhooks", client.get("/api/v1/webhooks"))
    assert answer["event_types"] == examples_of("get /webhooks")["200"]["event_types"]
    assert None not in answer["webhooks"][0].values()
    check(f"get {one}", client.get(url))
    changed = check(f"patch {one}", client.patch(url, body_of(f"patch {one}")))
    assert changed.items() >= body_of(f"patch {one}").items()
    operation = f"post {one}/rotate-secret"
    rotated = check(operation, client.post(f"{url}/rotate-secret", body_of(operation)))
    assert rotated["secret"] != made["secret"]
    operation = OPERATIONS["post /webhooks"]["responses"]
    refused = client.post("/api/v1/webhooks", {**body_of("post /webhooks"), "events": ["odd"]})
    assert refused.status_code == 400
    assert_as_described(operation["400"], refused.json())
    for _ in range(9):
        client.post("/api/v1/webhooks", body_of("post /webhooks"))
    refused = client.post("/api/v1/webhooks", body_of("post /webhooks"))
    assert refused.status_code == 409
    assert_as_described(operation["409"], refused.json())
    assert client.delete(url).status_code == 204


def test_the_deliveries(client: APIClient, alice: User) -> None:
    url, one = f"/api/v1/webhooks/{make_webhook(owner=alice).pk}", "/webhooks/{id}"
    waiting = check(f"post {one}/test", client.post(f"{url}/test"), 202)
    Delivery.objects.update(
        status=Delivery.Status.DONE,
        attempt_count=1,
        response_status=200,
        response_body_preview='{"ok":true}',
        delivered_at=timezone.now(),
    )
    (row,) = check(f"get {one}/deliveries", client.get(f"{url}/deliveries"))["deliveries"]
    assert {name for name, value in row.items() if value is None} == {
        "error_message",
        "next_retry_at",
    }
    at = f"{url}/deliveries/{waiting['id']}"
    detail = check(f"get {one}/deliveries/{{delivery_id}}", client.get(at))
    assert json.loads(detail["payload"])["id"] == waiting["event_id"]
    again = client.post(f"{at}/replay")
    assert check(f"post {one}/deliveries/{{delivery_id}}/replay", again, 202)["id"] > row["id"]


def test_the_folders(client: APIClient, full: Recording, group: Group) -> None:
    make_folder(group=group)
    listed = client.get("/api/v1/folders")
    assert [row["recording_count"] for row in check("get /folders", listed)] == [1, 0]
    body = body_of("post /folders", name="Next")
    made = check("post /folders", client.post("/api/v1/folders", body), 201)
    assert made.items() >= body.items()
    url = f"/api/v1/folders/{made['id']}"
    check("get /folders/{id}", client.get(url))
    for method in ("put", "patch"):
        operation = f"{method} /folders/{{id}}"
        check(operation, getattr(client, method)(url, body_of(operation)))
    check("delete /folders/{id}", client.delete(url))


def test_folders_while_they_are_disabled(client: APIClient, folder: Folder) -> None:
    config.enable_folders = False
    assert client.get("/api/v1/folders").json() == []
    for method in ("post", "get", "put", "patch", "delete"):
        url = "/api/v1/folders" + ("" if method == "post" else f"/{folder.pk}")
        refused = getattr(client, method)(url, {"name": "Other"})
        assert refused.status_code == 403
        assert refused.json() == {"error": "Folders feature is not enabled"}


def test_the_speakers(client: APIClient, speaker: Speaker) -> None:
    check("get /speakers", client.get("/api/v1/speakers"))
    made = client.post("/api/v1/speakers", body_of("post /speakers"))
    url = f"/api/v1/speakers/{check('post /speakers', made, 201)['id']}"
    check("put /speakers/{id}", client.put(url, body_of("put /speakers/{id}")))
    check("delete /speakers/{id}", client.delete(url))


def test_the_speakers_of_a_recording(client: APIClient, full: Recording, speaker: Speaker) -> None:
    url = f"/api/v1/recordings/{full.pk}/speakers"
    first, second = check("get /recordings/{id}/speakers", client.get(url))["speakers"]
    assert (first["speaker_id"], second["speaker_id"]) == (speaker.pk, None)
    operation = "put /recordings/{id}/speakers/assign"
    check(operation, client.put(f"{url}/assign", body_of(operation)))


def test_the_batches(client: APIClient, full: Recording, tag: Tag, folder: Folder) -> None:
    ids = [full.pk, 10**6]
    updates = {
        "is_inbox": False,
        "is_highlighted": True,
        "add_tag_ids": [tag.pk],
        "remove_tag_ids": [tag.pk],
        "folder_id": folder.pk,
    }
    assert set(updates) == set(body_of("patch /recordings/batch")["updates"])
    url = "/api/v1/recordings/batch"
    answers = [
        check(
            "patch /recordings/batch",
            client.patch(url, {"recording_ids": ids, "updates": updates}),
        ),
        check(
            "post /recordings/batch/transcribe",
            client.post(f"{url}/transcribe", {"recording_ids": ids}),
        ),
        check("delete /recordings/batch", client.delete(url, {"recording_ids": ids})),
    ]
    assert [answer["failed"] for answer in answers] == [1, 1, 1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 415])
def test_a_refusal_is_as_described(
    api: Callable[[User | None], APIClient], alice: User, carol: User, status: int
) -> None:
    recording = make_recording(owner=carol)
    url = f"/api/v1/recordings/{recording.pk}"
    refused = {
        400: lambda: api(alice).get("/api/v1/recordings?status=odd"),
        401: lambda: api(None).get(url),
        403: lambda: api(alice).get(url),
        404: lambda: api(alice).get("/api/v1/recordings/1000000"),
        405: lambda: api(alice).post(url, {}),
        415: lambda: api(carol).patch(url, "title: x", content_type="text/yaml"),
    }[status]()
    assert refused.status_code == status
    error = document()["components"]["responses"]["BadRequest"]
    assert_as_described(error, refused.json())


def test_every_operation_with_an_answer_in_json_was_held_against_its_example() -> None:
    """The last test of this file: whoever adds a route adds a test above."""
    with_json = {
        name
        for name, operation in OPERATIONS.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and "application/json" in answer.get("content", {})
    }
    assert held == with_json == set(examples()["reference"])
