"""The examples of the API reference: every key, its type, and no key that nobody named.

The reference wins over everything else, so its examples stand here as they stand there. Every
answer is also held against the OpenAPI document, which is what binds api/shapes.py to
serializers/out.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from recordings.models import Recording
from speakr_site.core.api.schema import document
from tests.factories import make_job, make_recording, make_transcript
from tests.recordings.api.uploading import wav

pytestmark = pytest.mark.django_db

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

CURRENT_USER = """
{"id": 42, "username": "alice", "email": "alice@example.com", "name": "Alice Johnson",
"job_title": "Product Manager", "company": "Acme Inc", "is_admin": false, "email_verified": true,
"sso_provider": null, "can_share_publicly": true,
"preferences": {"ui_language": "en", "transcription_language": "en", "output_language": "en",
"extract_events": true, "auto_speaker_labelling": true, "auto_speaker_labelling_threshold": 0.75,
"auto_summarization": true, "show_timestamps_simple_view": false, "editor_autosave": true,
"diarize": true},
"group_memberships": [{"group_id": 3, "group_name": "Engineering", "role": "admin",
"joined_at": "2024-01-10T08:00:00Z"}]}
"""
UPLOADED = """
{"id": 123, "title": "Recording - meeting.mp3", "status": "PENDING",
"created_at": "2024-01-15T10:00:00Z", "meeting_date": "2024-01-15T09:00:00Z",
"file_size": 15728640, "original_filename": "meeting.mp3", "mime_type": "audio/mpeg",
"notes": "Quick test upload"}
"""
LIST = """
{"recordings": [{"id": 123, "title": "Team Meeting", "status": "COMPLETED",
"created_at": "2024-01-15T10:00:00Z", "completed_at": "2024-01-15T10:05:00Z",
"meeting_date": "2024-01-15T09:00:00Z", "file_size": 15728640, "original_filename": "meeting.mp3",
"participants": "Alice, Bob", "is_inbox": false, "is_highlighted": true, "audio_available": true,
"audio_duration": 1830.5, "has_transcription": true, "has_summary": true,
"processing_time_seconds": 45.2, "transcription_duration_seconds": 38.1,
"summarization_duration_seconds": 7.1, "folder_id": 5, "folder": {"id": 5, "name": "Client Calls"},
"deletion_exempt": false, "error_message": null, "keep_audio_only": false,
"tags": [{"id": 1, "name": "Work", "color": "#3B82F6"}]}],
"pagination": {"page": 1, "per_page": 25, "total": 150, "total_pages": 6, "has_next": true,
"has_prev": false}}
"""
DETAIL = """
{"id": 123, "title": "Team Meeting", "status": "COMPLETED", "participants": "Alice, Bob",
"created_at": "2024-01-15T10:00:00Z", "meeting_date": "2024-01-15T09:00:00Z",
"completed_at": "2024-01-15T10:05:00Z", "file_size": 15728640, "original_filename": "meeting.mp3",
"mime_type": "audio/mpeg", "is_inbox": false, "is_highlighted": true, "audio_available": true,
"audio_duration": 1830.5, "processing_time_seconds": 45.2, "transcription_duration_seconds": 38.1,
"summarization_duration_seconds": 7.1, "folder_id": 5, "folder": {"id": 5, "name": "Client Calls"},
"deletion_exempt": false,
"events": [{"id": 1, "title": "Follow-up Meeting", "start_datetime": "2024-01-22T10:00:00Z",
"end_datetime": "2024-01-22T11:00:00Z", "description": "Discuss project progress",
"location": "Conference Room A"}],
"error_message": null, "duplicate_info": null, "keep_audio_only": false,
"transcription": "Alice: Hello everyone...", "summary": "## Meeting Summary\\n- Key point 1...",
"notes": "Personal notes..."}
"""
STATUS = """
{"id": 123, "status": "PROCESSING", "queue_position": 2, "error_message": null,
"completed_at": null}
"""
PATCH_BODY = """
{"title": "Updated Title", "participants": "Alice, Bob, Charlie", "notes": "Updated notes...",
"summary": "Updated summary...", "meeting_date": "2024-01-15T09:00:00Z", "is_inbox": false,
"is_highlighted": true}
"""
TRANSCRIBE_BODY = """
{"language": "en", "min_speakers": 1, "max_speakers": 5,
"hotwords": "Speakr, WhisperX, diarization",
"initial_prompt": "Technical discussion about audio transcription.",
"transcription_model": "gpt-4o-transcribe-diarize"}
"""
CONNECTOR = """
{"connector": "openai_transcribe", "capabilities": {"diarization": true,
"speaker_count_control": false, "hotwords": true, "initial_prompt": true, "timestamps": true,
"language_detection": true, "chunking": false},
"models": [{"value": "gpt-4o-transcribe-diarize", "label": "GPT-4o Diarize"}],
"default_model": "gpt-4o-transcribe-diarize"}
"""
# What http-contract.md shows where the reference was cut short.
SEGMENTS = """
{"format": "json", "segments": [{"speaker": "Alice", "sentence": "Hello everyone.",
"start_time": 0.0, "end_time": 2.5}]}
"""
PATCHED = """
{"success": true, "recording": {"id": 123, "title": "Updated Title", "participants": "Alice, Bob",
"notes": "n", "summary": "s", "meeting_date": "2024-01-15T09:00:00Z", "is_inbox": false,
"is_highlighted": true, "folder_id": 5}}
"""
QUEUED = '{"success": true, "job_id": 7, "status": "QUEUED", "message": "Transcription queued"}'

# Keys of ours, where they may stand.
OURS = {
    "users/me": {"preferences.timezone"},
    "upload": {"warnings", "duplicate_warning"},
    "status": {"progress", "stage", "eta_seconds", "warnings"},
    # S leaves them out of the example, I has them: include (contract 8.0).
    "detail": {"tags"},
}


def assert_like(
    example: Any, answer: Any, *, ours: frozenset[str] = frozenset(), at: str = ""
) -> None:
    """Same keys and types, all the way down; null fits any type but an id's."""
    if isinstance(example, dict) and answer is not None:
        assert isinstance(answer, dict), at
        named = {key for key in ours if "." not in key}
        assert set(example) <= set(answer), f"{at}: missing {set(example) - set(answer)}"
        assert set(answer) - set(example) <= named, f"{at}: extra {set(answer) - set(example)}"
        for key, value in example.items():
            deeper = frozenset(
                name.partition(".")[2] for name in ours if name.startswith(f"{key}.")
            )
            assert_like(value, answer[key], ours=deeper, at=f"{at}.{key}")
    elif isinstance(example, list):
        assert isinstance(answer, list), at
        for item in answer:
            assert_like(example[0], item, at=f"{at}[]")
    elif isinstance(example, str) and TIMESTAMP.fullmatch(example):
        assert answer is None or TIMESTAMP.fullmatch(answer), f"{at}: {answer!r}"
    elif answer is None or example is None:
        assert not at.endswith(".id"), at
    else:
        assert type(answer) is type(example), f"{at}: {answer!r} is not like {example!r}"


def check(example: str, response: Response, name: str = "", status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    answer = response.json()
    assert_like(json.loads(example), answer, ours=frozenset(OURS.get(name, ())))
    return answer


def as_json_schema(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema: null by union, and no property that is not named."""
    if isinstance(schema, list):
        return [as_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    if "properties" in plain:
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def assert_as_described(path: str, method: str, response: Response) -> None:
    """The answer has the shape that the OpenAPI document promises for it."""
    described = document()["paths"][path][method]["responses"][str(response.status_code)]
    schema = described["content"]["application/json"]["schema"]
    components = as_json_schema({"components": document()["components"]})
    jsonschema.validate(response.json(), {**as_json_schema(schema), **components})


@pytest.fixture
def full(alice: User) -> Recording:
    """A recording with nothing missing."""
    now = datetime(2024, 1, 15, 10, 0, 0, 123456, tzinfo=UTC)
    made = make_recording(
        owner=alice,
        title="Team Meeting",
        participants="Alice, Bob",
        notes="Personal notes...",
        summary="## Meeting Summary\n- Key point 1...",
        meeting_date=now - timedelta(hours=1),
        created_at=now,
        completed_at=now + timedelta(minutes=5),
        is_inbox=False,
        is_highlighted=True,
        duration_seconds=1830.5,
        processing_seconds=45.2,
        transcription_seconds=38.1,
        summarization_seconds=7.1,
    )
    make_transcript(recording=made, SPEAKER_00="Alice", SPEAKER_01="Bob")
    return made


@pytest.fixture
def client(api: Callable[[User], APIClient], alice: User) -> APIClient:
    return api(alice)


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
    answer = check(CURRENT_USER, response, "users/me")
    assert None not in {**answer, "sso_provider": ""}.values()
    assert_as_described("/users/me", "get", response)


def test_an_upload(client: APIClient) -> None:
    for _ in range(2):  # the second has a duplicate_warning
        file = SimpleUploadedFile("meeting.wav", wav())
        response = client.post(
            "/api/v1/recordings/upload",
            {"file": file, "notes": "Quick test upload", "language": "xx"},
            format="multipart",
        )
        answer = check(UPLOADED, response, "upload", 202)
        assert None not in answer.values()
        assert_as_described("/recordings/upload", "post", response)
    assert set(answer["duplicate_warning"]) == {
        "existing_recording_id",
        "existing_title",
        "existing_created_at",
    }


def test_a_list(client: APIClient, full: Recording) -> None:
    response = client.get("/api/v1/recordings")
    (item,) = check(LIST, response)["recordings"]
    absent = {name for name, value in item.items() if value is None}
    assert absent == {"folder_id", "folder", "error_message"}
    assert item["created_at"] == "2024-01-15T10:00:00Z"
    assert_as_described("/recordings", "get", response)


def test_the_details(client: APIClient, full: Recording) -> None:
    response = client.get(f"/api/v1/recordings/{full.pk}")
    answer = check(DETAIL, response, "detail")
    absent = {name for name, value in answer.items() if value is None}
    assert absent == {"folder_id", "folder", "error_message", "duplicate_info"}
    assert answer["transcription"].startswith("Alice: Hello everyone.")
    assert_as_described("/recordings/{id}", "get", response)


def test_the_details_of_a_recording_that_has_nothing_yet(client: APIClient, alice: User) -> None:
    empty = dict.fromkeys(
        ("title", "original_filename", "mime_type", "size_bytes", "duration_seconds")
    )
    made = [make_recording(owner=alice, status="PENDING", **empty) for _ in range(2)]
    for query in ("", "?format=minimal"):
        response = client.get(f"/api/v1/recordings/{made[0].pk}{query}")
        assert response.json()["duplicate_info"]["total_copies"] == 2
        assert_as_described("/recordings/{id}", "get", response)
    assert_as_described("/recordings", "get", client.get("/api/v1/recordings"))


def test_the_status(client: APIClient, full: Recording) -> None:
    for job in ({}, {"status": "running"}):
        full.jobs.all().delete()
        make_job(recording=full, **job)
        response = client.get(f"/api/v1/recordings/{full.pk}/status")
        check(STATUS, response, "status")
        assert_as_described("/recordings/{id}/status", "get", response)


def test_a_transcript(client: APIClient, full: Recording) -> None:
    url, path = f"/api/v1/recordings/{full.pk}/transcript", "/recordings/{id}/transcript"
    response = client.get(url)
    check(SEGMENTS, response)
    assert_as_described(path, "get", response)
    for form in ("text", "srt", "vtt"):
        response = client.get(url, {"format": form})
        check(json.dumps({"format": form, "content": ""}), response)
        assert_as_described(path, "get", response)


@pytest.mark.parametrize("name", ["notes", "summary"])
def test_notes_and_summary(client: APIClient, full: Recording, name: str) -> None:
    url, path = f"/api/v1/recordings/{full.pk}/{name}", f"/recordings/{{id}}/{name}"
    for text in ("before", None):
        response = client.put(url, {name: text})
        check(json.dumps({"success": True, name: ""}), response)
        assert_as_described(path, "put", response)
        response = client.get(url)
        check(json.dumps({name: "", f"has_{name}": True}), response)
        assert_as_described(path, "get", response)


def test_a_change(client: APIClient, full: Recording) -> None:
    response = client.patch(f"/api/v1/recordings/{full.pk}", json.loads(PATCH_BODY))
    answer = check(PATCHED, response)
    assert answer["recording"].items() >= json.loads(PATCH_BODY).items()
    assert_as_described("/recordings/{id}", "patch", response)


def test_a_deletion(client: APIClient, full: Recording) -> None:
    response = client.delete(f"/api/v1/recordings/{full.pk}")
    check('{"success": true, "message": "Recording deleted"}', response)
    assert_as_described("/recordings/{id}", "delete", response)


def test_queueing_a_transcription(client: APIClient, full: Recording) -> None:
    response = client.post(f"/api/v1/recordings/{full.pk}/transcribe", json.loads(TRANSCRIBE_BODY))
    check(QUEUED, response)
    assert_as_described("/recordings/{id}/transcribe", "post", response)


def test_the_connector(client: APIClient) -> None:
    response = client.get("/api/v1/transcription")
    check(CONNECTOR, response)
    assert_as_described("/transcription", "get", response)


def test_every_operation_with_an_answer_in_json_is_held_against_the_document() -> None:
    """Whoever adds a route adds a test here: the names of those that have one."""
    described = {
        f"{method} {path}"
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        if any(
            "application/json" in answer.get("content", {})
            for status, answer in operation["responses"].items()
            if status.startswith("2")
        )
    }
    assert described == HELD


HELD = {
    "get /users/me",
    "get /transcription",
    "get /recordings",
    "post /recordings/upload",
    "get /recordings/{id}",
    "patch /recordings/{id}",
    "delete /recordings/{id}",
    "get /recordings/{id}/status",
    "get /recordings/{id}/transcript",
    "get /recordings/{id}/notes",
    "put /recordings/{id}/notes",
    "get /recordings/{id}/summary",
    "put /recordings/{id}/summary",
    "post /recordings/{id}/transcribe",
}
