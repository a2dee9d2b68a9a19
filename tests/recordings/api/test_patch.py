"""PATCH /recordings/{id}: what may change, and that all of it changes or nothing.

http-contract.md, 8.8.
"""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording

pytestmark = pytest.mark.django_db

BEFORE = {
    "title": "Before",
    "participants": "Alice, Bob",
    "notes": "notes",
    "summary": "summary",
    "is_inbox": True,
    "is_highlighted": False,
}


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice, meeting_date="2024-01-15T09:00:00Z", **BEFORE)


def patch(client: APIClient, recording: Recording, body: Any) -> Response:
    return client.patch(f"/api/v1/recordings/{recording.pk}", body)


def stored(recording: Recording) -> dict[str, Any]:
    return Recording.objects.values(*BEFORE, "meeting_date").get(pk=recording.pk)


def test_every_field_can_change_at_once(client: APIClient, recording: Recording) -> None:
    changes = {
        "title": "Updated Title",
        "participants": "Alice, Bob, Charlie",
        "notes": "Updated notes...",
        "summary": "Updated summary...",
        "meeting_date": "2024-02-01T10:00:00Z",
        "is_inbox": False,
        "is_highlighted": True,
    }
    response = patch(client, recording, changes)
    assert response.status_code == 200
    shape = {"id": recording.pk, **changes, "folder_id": None}
    assert response.json() == {"success": True, "recording": shape}
    again = client.get(f"/api/v1/recordings/{recording.pk}").json()
    assert {name: again[name] for name in changes} == changes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", None),
        ("title", "x" * 200),
        ("title", "會議 🎙"),
        ("participants", ""),
        ("participants", None),
        ("participants", "é" * 500),
        ("notes", None),
        ("notes", "  kept as it is \n"),
        ("summary", ""),
        ("summary", "x" * 100_000),
        ("is_inbox", False),
        ("is_highlighted", True),
        ("meeting_date", None),
    ],
)
def test_one_field_changes_alone(
    client: APIClient, recording: Recording, field: str, value: Any
) -> None:
    before = stored(recording)
    response = patch(client, recording, {field: value})
    assert response.status_code == 200, response.content
    assert response.json()["recording"][field] == value
    assert stored(recording) == {**before, field: value}


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2024-01-15T09:00:00+05:00", "2024-01-15T04:00:00Z"),
        ("2024-01-15T09:00:00", "2024-01-15T09:00:00Z"),
        ("2024-01-15T09:00:00.987654Z", "2024-01-15T09:00:00Z"),
        ("2024-01-15", "2024-01-15T00:00:00Z"),
        ("2024-01-15T09:00Z", "2024-01-15T09:00:00Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
        ("2200-12-31T23:59:59Z", "2200-12-31T23:59:59Z"),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_taken_to_utc_and_an_empty_one_clears(
    client: APIClient, recording: Recording, given: str | None, answered: str | None
) -> None:
    response = patch(client, recording, {"meeting_date": given})
    assert response.status_code == 200, response.content
    assert response.json()["recording"]["meeting_date"] == answered
    assert client.get(f"/api/v1/recordings/{recording.pk}").json()["meeting_date"] == answered


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("title", 5),
        ("title", ["a"]),
        ("title", "x" * 201),
        ("title", "a\0b"),
        ("participants", ["Alice", "Bob"]),
        ("participants", "x" * 501),
        ("notes", ["a"]),
        ("notes", {"a": 1}),
        ("summary", False),
        ("meeting_date", "tomorrow"),
        ("meeting_date", "2024-02-30"),
        ("meeting_date", " "),
        ("meeting_date", 1705309200),
        ("meeting_date", ["2024-01-15"]),
        ("meeting_date", "0001-01-01T00:00:00+01:00"),
        ("meeting_date", "0001-01-01T00:00:00Z"),
        ("meeting_date", "1900-01-01T00:30:00+01:00"),
        ("meeting_date", "2201-01-01"),
        ("meeting_date", "9999-12-31T23:59:59Z"),
        ("is_inbox", "false"),
        ("is_inbox", None),
        ("is_inbox", 0),
        ("is_highlighted", 1),
        ("is_highlighted", "true"),
        ("is_highlighted", []),
        ("folder_id", "abc"),
        ("folder_id", 1.5),
        ("folder_id", True),
        ("folder_id", 10**30),
    ],
)
def test_one_wrong_field_leaves_all_as_they_were(
    client: APIClient, recording: Recording, field: str, wrong: Any
) -> None:
    before = stored(recording)
    good = {"title": "After", "notes": "After", "is_highlighted": True}
    response = patch(client, recording, {**good, field: wrong})
    assert response.status_code == 400, response.content
    assert field in response.json()["error"]
    assert stored(recording) == before


@pytest.mark.parametrize("folder", [5, 0, -1, None])
def test_folders_are_refused_while_there_are_none(
    client: APIClient, recording: Recording, folder: int | None
) -> None:
    before = stored(recording)
    response = patch(client, recording, {"title": "After", "folder_id": folder})
    assert response.status_code == 403
    assert response.json() == {"error": "Folders feature is not enabled"}
    assert stored(recording) == before


@pytest.mark.parametrize("value", [True, False, None, "x"])
def test_what_was_decided_at_upload_stays(
    client: APIClient, recording: Recording, value: Any
) -> None:
    before = stored(recording)
    response = patch(client, recording, {"title": "After", "keep_audio_only": value})
    assert response.status_code == 400
    assert response.json() == {
        "error": "keep_audio_only is set at upload time and cannot be changed afterwards."
    }
    assert stored(recording) == before


@pytest.mark.parametrize("body", [b"{}", b""])
def test_nothing_to_change_is_refused(client: APIClient, recording: Recording, body: bytes) -> None:
    response = client.generic(
        "PATCH", f"/api/v1/recordings/{recording.pk}", body, "application/json"
    )
    assert response.status_code == 400
    assert response.json() == {"error": "No data provided"}


def test_unknown_keys_are_ignored(client: APIClient, recording: Recording) -> None:
    before = stored(recording)
    body = {"id": 7, "owner": 7, "status": "FAILED", "audio_key": "x", "tags": [1], "": 1}
    response = patch(client, recording, body)
    assert response.status_code == 200
    assert stored(recording) == before
    recording.refresh_from_db()
    assert (recording.status, recording.audio_key[:6]) == ("COMPLETED", "audio/")


def test_a_change_to_one_recording_leaves_others_alone(
    client: APIClient, recording: Recording, alice: User
) -> None:
    other = make_recording(owner=alice, **BEFORE)
    patch(client, recording, {"title": "After"})
    assert stored(other)["title"] == "Before"
