"""One upload walked from door to door (house, section 3), with the real engines, on whatever
database is under test.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from recordings import engines
from recordings.models import Job, Recording, Transcript, WindowResult
from recordings.tasks import work

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "meeting.flac"

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _engine_child_ends() -> None:
    yield
    engines.close()


def test_an_upload_becomes_a_transcript_with_speakers(alice: User) -> None:
    _, secret = issue_token(user=alice, name="walk")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    # Lines 1-7: the door.
    with SAMPLE.open("rb") as file:
        answer = client.post(
            "/api/v1/recordings/upload",
            {"file": file, "notes": "Quick test upload", "language": "en"},
            format="multipart",
        )
    assert answer.status_code == 202, answer.json()
    created = answer.json()
    assert created["status"] == "PENDING"
    assert created["title"] == "Recording - meeting.flac"
    assert created["warnings"] == []
    assert created["file_size"] == SAMPLE.stat().st_size

    recording = Recording.objects.get(pk=created["id"])
    with default_storage.open(recording.audio_key) as stored:
        assert stored.read() == SAMPLE.read_bytes()
    status = client.get(f"/api/v1/recordings/{recording.pk}/status").json()
    assert (status["status"], status["queue_position"], status["progress"]) == ("PENDING", 1, 0)

    # Lines 8-16: the bell is heard.
    work("gpu")

    job = Job.objects.get(lane=Job.Lane.GPU)
    assert job.status == Job.Status.DONE, job.error_message
    assert (job.claim_token, job.progress) == (None, 1)
    assert not WindowResult.objects.exists()
    status = client.get(f"/api/v1/recordings/{recording.pk}/status").json()
    assert (status["status"], status["queue_position"]) == ("SUMMARIZING", 1)
    assert status["completed_at"] is None

    # What follows a transcription, here without a language model.
    work("text")
    texts = Job.objects.get(lane=Job.Lane.TEXT)
    assert texts.status == Job.Status.DONE, texts.error_message
    status = client.get(f"/api/v1/recordings/{recording.pk}/status").json()
    assert status["status"] == "COMPLETED"
    assert status["queue_position"] is None
    assert status["warnings"] == []
    assert status["completed_at"] is not None

    transcript = Transcript.objects.get()
    assert (transcript.number, transcript.engine, transcript.language) == (
        1,
        "faster_whisper",
        "en",
    )
    body = client.get(f"/api/v1/recordings/{recording.pk}/transcript").json()
    assert {segment["speaker"] for segment in body["segments"]} == {"SPEAKER_00", "SPEAKER_01"}
    assert len(body["segments"]) >= 8
    starts = [segment["start_time"] for segment in body["segments"]]
    assert starts == sorted(starts)
    assert {len(speaker.embedding) for speaker in transcript.speakers.all()} == {256}

    detail = client.get(f"/api/v1/recordings/{recording.pk}").json()
    assert detail["transcription"].startswith("SPEAKER_00: ")
    listed = client.get("/api/v1/recordings").json()["recordings"][0]
    assert listed["has_transcription"] is True
    assert listed["audio_duration"] == pytest.approx(transcript.segments[-1]["end"], abs=3)

    assert listed["has_summary"] is True
    assert listed["title"] != created["title"]
    summary = client.get(f"/api/v1/recordings/{recording.pk}/summary").json()
    assert summary["summary_meta"]["extractive"] is True
    assert "SPEAKER_0" in summary["summary"]

    # A second bell finds nothing.
    work("gpu")
    work("text")
    assert Transcript.objects.count() == 1
