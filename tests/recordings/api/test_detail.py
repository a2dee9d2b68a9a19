"""GET /recordings/{id}: which fields, in which form (http-contract.md, 8.3)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording, make_transcript

pytestmark = pytest.mark.django_db

TEXTS = {"transcription", "summary", "notes"}


@pytest.fixture
def recording(alice: User) -> Recording:
    made = make_recording(owner=alice, notes="Remember", summary="## Summary")
    make_transcript(recording=made, SPEAKER_00="Zoë")
    return made


def detail(client: APIClient, recording: Recording, **query: str) -> dict[str, Any]:
    response = client.get(f"/api/v1/recordings/{recording.pk}", query)
    assert response.status_code == 200, response.content
    return response.json()


def test_by_default_all_texts_are_there(client: APIClient, recording: Recording) -> None:
    body = detail(client, recording)
    assert body["transcription"] == "Zoë: Hello everyone.\nSPEAKER_01: Hello."
    assert (body["summary"], body["notes"]) == ("## Summary", "Remember")


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ({"format": "full"}, TEXTS),
        ({"format": "FULL"}, TEXTS),
        ({"format": ""}, TEXTS),
        ({"format": "minimal"}, set()),
        ({"format": " Minimal "}, set()),
        ({"include": "transcription,summary,notes"}, TEXTS),
        ({"include": "notes"}, {"notes"}),
        ({"include": " notes , summary "}, {"notes", "summary"}),
        ({"include": "notes,events,nonsense,notes"}, {"notes"}),
        ({"include": "nonsense"}, set()),
        ({"include": ","}, set()),
        ({"include": ""}, set()),
        ({"format": "minimal", "include": "notes"}, set()),
    ],
)
def test_texts_that_are_not_asked_for_are_absent(
    client: APIClient, recording: Recording, query: dict[str, str], texts: set[str]
) -> None:
    everything = detail(client, recording)
    body = detail(client, recording, **query)
    assert TEXTS & set(body) == texts
    assert set(everything) - set(body) == TEXTS - texts
    assert body == {name: everything[name] for name in body}


def test_an_unknown_format_is_refused_with_the_known_ones(
    client: APIClient, recording: Recording
) -> None:
    response = client.get(f"/api/v1/recordings/{recording.pk}", {"format": "xml"})
    assert response.status_code == 400
    assert response.json()["error"] == "format must be one of full, minimal"


def test_texts_that_do_not_exist_are_null(client: APIClient, alice: User) -> None:
    body = detail(client, make_recording(owner=alice))
    assert {name: body[name] for name in TEXTS} == dict.fromkeys(TEXTS)


def test_a_segment_without_a_speaker_is_its_text_alone(client: APIClient, alice: User) -> None:
    made = make_recording(owner=alice)
    segments = [{"speaker": None, "start": 0, "end": 1, "text": "{{speaker}}: who is it?"}]
    make_transcript(recording=made, segments=segments)
    assert detail(client, made)["transcription"] == "{{speaker}}: who is it?"


def test_copies_of_the_same_bytes_are_named_oldest_first(
    client: APIClient, alice: User, bob: User
) -> None:
    first = make_recording(owner=alice, title="", sha256="a" * 64)
    make_recording(owner=bob, sha256="a" * 64)
    make_recording(owner=alice, sha256="b" * 64)
    second = make_recording(owner=alice, title="Again", sha256="a" * 64)
    info = detail(client, second, format="minimal")["duplicate_info"]
    assert info["total_copies"] == 2
    assert [(copy["id"], copy["title"], copy["is_self"]) for copy in info["copies"]] == [
        (first.pk, f"#{first.pk}", False),
        (second.pk, "Again", True),
    ]
    assert all(copy["created_at"].endswith("Z") for copy in info["copies"])


def test_a_recording_without_a_copy_says_so(client: APIClient, recording: Recording) -> None:
    assert detail(client, recording)["duplicate_info"] is None


def test_audio_that_was_deleted_has_no_duration(client: APIClient, alice: User) -> None:
    body = detail(client, make_recording(owner=alice, audio_key=""))
    assert (body["audio_available"], body["audio_duration"]) == (False, None)


def test_a_recording_that_does_not_exist_is_not_found(client: APIClient) -> None:
    response = client.get("/api/v1/recordings/999")
    assert response.status_code == 404
    assert response.json() == {"error": "Recording not found"}


def test_who_may_not_see_it_is_refused_before_the_query_is_read(
    client: APIClient, carol: User
) -> None:
    foreign = make_recording(owner=carol)
    response = client.get(f"/api/v1/recordings/{foreign.pk}", {"format": "nonsense"})
    assert response.status_code == 403
    assert response.json() == {"error": "Permission denied"}
