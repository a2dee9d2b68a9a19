"""POST /recordings/{id}/transcribe: queueing, the same work and other work.

http-contract.md, 0.1.3, 0.1.20, 9.1.
"""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording
from tests.factories import make_recording, make_transcript

pytestmark = pytest.mark.django_db


def transcribe(client: APIClient, recording: Recording, body: Any = None) -> Response:
    return client.post(f"/api/v1/recordings/{recording.pk}/transcribe", body)


def queued(client: APIClient, recording: Recording, body: Any = None) -> int:
    """The id of the job in a 200."""
    response = transcribe(client, recording, body)
    assert response.status_code == 200, response.content
    return response.json()["job_id"]


def finish(recording: Recording) -> None:
    recording.jobs.update(status=Job.Status.DONE)


def test_work_is_queued_with_what_was_asked_for(
    client: APIClient, recording: Recording, alice: User
) -> None:
    config.transcription_models_visible_json = '["small"]'
    wanted = {
        "language": "de",
        "min_speakers": 1,
        "max_speakers": 5,
        "hotwords": "Speakr, WhisperX, diarization",
        "initial_prompt": "Technical discussion about audio transcription.",
    }
    response = transcribe(client, recording, {**wanted, "transcription_model": "small"})
    job = Job.objects.get()
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "job_id": job.pk,
        "status": "QUEUED",
        "message": "Transcription queued",
    }
    assert job.options == {**wanted, "model": "small"}
    assert (job.owner, job.lane, job.status) == (alice, "gpu", "queued")
    recording.refresh_from_db()
    assert recording.status == "PENDING"


def test_what_there_is_stays_until_it_is_replaced(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="FAILED", error_message="It died.", summary="S")
    transcript = make_transcript(recording=recording)
    queued(client, recording)
    recording.refresh_from_db()
    assert recording.current_transcript == transcript
    assert (recording.summary, recording.error_message) == ("S", None)


@pytest.mark.parametrize("body", [b"", b"{}"])
@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
def test_an_absent_body_is_an_empty_one(
    client: APIClient, recording: Recording, body: bytes, media_type: str
) -> None:
    path = f"/api/v1/recordings/{recording.pk}/transcribe"
    response = client.generic("POST", path, body, media_type)
    understood = not body or media_type == "application/json"
    assert response.status_code == (200 if understood else 415)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, None),
        (None, {}),
        ({}, {"language": None, "min_speakers": None, "unknown": 1}),
        ({"language": "en"}, {"language": "EN"}),
        ({"language": ""}, {}),
        ({"hotwords": " a "}, {"hotwords": "a", "initial_prompt": ""}),
        ({"transcription_model": ""}, {}),
    ],
)
def test_the_same_work_again_is_the_same_job(
    client: APIClient, recording: Recording, first: Any, second: Any
) -> None:
    assert queued(client, recording, first) == queued(client, recording, second)
    assert Job.objects.count() == 1


def test_the_same_work_is_the_same_job_while_it_runs(
    client: APIClient, recording: Recording
) -> None:
    job = queued(client, recording)
    recording.jobs.update(status=Job.Status.RUNNING)
    Recording.objects.update(status="PROCESSING")
    assert queued(client, recording) == job
    recording.refresh_from_db()
    assert recording.status == "PROCESSING"


@pytest.mark.parametrize("status", [Job.Status.QUEUED, Job.Status.RUNNING])
@pytest.mark.parametrize(
    "other", [{"language": "fr"}, {"max_speakers": 3}, {"hotwords": "b"}, {"initial_prompt": "c"}]
)
def test_other_work_meanwhile_is_a_conflict(
    client: APIClient, recording: Recording, status: str, other: dict[str, Any]
) -> None:
    job = queued(client, recording, {"language": "en"})
    recording.jobs.update(status=status)
    response = transcribe(client, recording, other)
    assert response.status_code == 409
    assert response.json()["job_id"] == job
    assert "already" in response.json()["error"]
    assert Job.objects.get().options["language"] == "en"


@pytest.mark.parametrize("ended", [Job.Status.DONE, Job.Status.FAILED, Job.Status.CANCELLED])
def test_after_the_end_there_is_a_new_job(
    client: APIClient, recording: Recording, ended: str
) -> None:
    first = queued(client, recording)
    recording.jobs.update(status=ended)
    assert queued(client, recording) != first


def test_an_empty_language_detects_it_whatever_the_owner_prefers(
    client: APIClient, recording: Recording, alice: User
) -> None:
    alice.transcription_language = "de"
    alice.save()
    expected = {None: "de", "": None, "fr": "fr"}
    for given, resolved in expected.items():
        queued(client, recording, {} if given is None else {"language": given})
        assert recording.jobs.latest("id").options["language"] == resolved
        finish(recording)


@pytest.mark.parametrize("unknown", ["no-such-model", "../../etc", "large"])
def test_an_unknown_model_means_the_default(
    client: APIClient, recording: Recording, unknown: str
) -> None:
    config.transcription_models_visible_json = '["small"]'
    config.transcription_default_model = "small"
    queued(client, recording, {"transcription_model": unknown})
    assert Job.objects.get().options["model"] == "small"


def test_without_any_list_a_local_engine_loads_nothing_by_request(
    client: APIClient, recording: Recording
) -> None:
    queued(client, recording, {"transcription_model": "someone/some-model"})
    assert Job.objects.get().options["model"] is None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("language", "klingon"),
        ("language", 5),
        ("language", ["en"]),
        ("language", True),
        ("min_speakers", "2"),
        ("min_speakers", 0),
        ("min_speakers", -1),
        ("min_speakers", 1.5),
        ("min_speakers", True),
        ("min_speakers", 101),
        ("max_speakers", 10**30),
        ("max_speakers", []),
        ("max_speakers", 2.0),
        ("hotwords", 5),
        ("hotwords", ["a"]),
        ("hotwords", "x" * 10_001),
        ("hotwords", "a\0b"),
        ("initial_prompt", {"a": 1}),
        ("initial_prompt", "x" * 10_001),
        ("transcription_model", 5),
        ("transcription_model", "x" * 121),
    ],
)
def test_a_wrong_value_is_refused_and_queues_nothing(
    client: APIClient, recording: Recording, field: str, wrong: Any
) -> None:
    response = transcribe(client, recording, {field: wrong})
    assert response.status_code == 400, response.content
    assert field in response.json()["error"]
    assert not Job.objects.exists()


def test_contradictory_speaker_counts_are_refused(client: APIClient, recording: Recording) -> None:
    response = transcribe(client, recording, {"min_speakers": 5, "max_speakers": 2})
    assert response.status_code == 400
    assert "min_speakers" in response.json()["error"]


@pytest.mark.parametrize("deleted", [True, False])
def test_without_audio_there_is_nothing_to_transcribe(
    client: APIClient, alice: User, deleted: bool
) -> None:
    when = timezone.now() if deleted else None
    recording = make_recording(owner=alice, audio_key="", audio_deleted_at=when)
    response = transcribe(client, recording)
    assert response.status_code == 400
    sentence = "Audio has been deleted" if deleted else "No audio file"
    assert response.json() == {"error": sentence}
    assert not Job.objects.exists()
