"""POST /recordings/upload: what is accepted, and what becomes of the form's other fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constance import config
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording
from tests.recordings.api.conftest import Disk
from tests.recordings.api.uploading import (
    field_part,
    file_part,
    form,
    post_body,
    upload,
    wav,
)
from tests.recordings.media_samples import CREATED, SAMPLES, make

pytestmark = pytest.mark.django_db


def created(client: APIClient, data: bytes | None = None, **sent: Any) -> dict[str, Any]:
    """The body of a 202."""
    answer = upload(client, data, **sent)
    assert answer.status_code == 202, answer.content
    return answer.json()


def media(tmp_path: Path, name: str, sound: np.ndarray | float = 0.5) -> bytes:
    return make(tmp_path / name, SAMPLES[name], sound).read_bytes()


def test_an_upload_is_answered_with_what_became_of_it(client: APIClient, alice: User) -> None:
    before = timezone.now().replace(microsecond=0)
    body = created(client, name="meeting.wav", notes="Quick test upload", language="en")
    recording = Recording.objects.get(pk=body.pop("id"))
    assert before <= datetime.fromisoformat(body.pop("created_at")) <= timezone.now()
    assert before <= datetime.fromisoformat(body.pop("meeting_date")) <= timezone.now()
    assert body == {
        "title": "Recording - meeting.wav",
        "status": "PENDING",
        "file_size": len(wav()),
        "original_filename": "meeting.wav",
        "mime_type": "audio/wav",
        "notes": "Quick test upload",
        "warnings": [],
    }
    assert recording.owner == alice
    assert recording.duration_seconds == pytest.approx(0.2)
    job = Job.objects.get()
    assert (job.recording, job.owner, job.lane, job.status) == (recording, alice, "gpu", "queued")
    assert job.options["language"] == "en"


@pytest.mark.parametrize("name", ["pcm.wav", "mono.mp3", "aac.m4a", "a.flac", "opus.ogg", "a.wma"])
def test_audio_is_stored_byte_for_byte(
    client: APIClient, disk: Disk, tmp_path: Path, name: str
) -> None:
    data = media(tmp_path, name)
    body = created(client, data, name=name)
    assert [file.read_bytes() for file in disk.files()] == [data]
    assert body["file_size"] == len(data)
    served = client.get(f"/api/v1/recordings/{body['id']}/audio")
    assert b"".join(served.streaming_content) == data


def test_what_a_file_is_called_says_nothing_about_what_it_is(
    client: APIClient, tmp_path: Path
) -> None:
    body = created(client, media(tmp_path, "mono.mp3"), name="notes.txt")
    assert body["mime_type"] == "audio/mpeg"
    assert body["original_filename"] == "notes.txt"


@pytest.mark.parametrize(
    ("disposition", "kept"),
    [
        ('filename="../../etc/passwd.wav"', "passwd.wav"),
        (r'filename="C:\\recordings\\a.wav"', "a.wav"),
        ("filename*=utf-8''%2Fetc%2Fa.wav", "a.wav"),
        ("filename*=utf-8''a%00b.wav", "ab.wav"),
        ("filename*=utf-8''a%0D%0Ab.wav", "ab.wav"),
        ("filename*=utf-8''%E4%BC%9A%E8%AD%B0%20%F0%9F%8E%99.wav", "会議 🎙.wav"),
        ('filename="Sprachmemo für Zoë.wav"', "Sprachmemo für Zoë.wav"),
        (r'filename="say \"hello\".wav"', 'say "hello".wav'),
        ('filename="it\'s; a=b.wav"', "it's; a=b.wav"),
        ('filename="..."', "..."),
        ('filename=".."', "recording"),
        ('filename="."', "recording"),
        ('filename="   "', "recording"),
        ("filename*=utf-8''%00", "recording"),
        ('filename="recordings/"', "recording"),
        ('filename="no extension"', "no extension"),
        (f'filename="{"a" * 600}.wav"', "a" * 496 + ".wav"),
        (f'filename="{"é" * 700}"', "é" * 500),
        ('filename="<script>alert(1)</script>"', "script>"),
        ('filename="%s%n{0}.wav"', "%s%n{0}.wav"),
    ],
)
def test_odd_names_are_accepted(client: APIClient, disk: Disk, disposition: str, kept: str) -> None:
    answer = post_body(client, form(file_part(wav(), disposition)))
    assert answer.status_code == 202, answer.content
    assert answer.json()["original_filename"] == kept
    assert answer.json()["title"] == f"Recording - {kept}"[:200]
    assert answer.json()["warnings"] == []
    (stored,) = disk.files()
    assert stored.stem.isalnum()
    assert client.get(f"/api/v1/recordings/{answer.json()['id']}/audio").status_code == 200


def test_silence_is_accepted(client: APIClient) -> None:
    assert created(client, wav(level=0))["warnings"] == []


@pytest.mark.parametrize("name", ["pcm.wav", "mono.mp3", "a.flac", "opus.ogg", "adts.aac"])
def test_a_truncated_file_is_accepted_while_it_decodes(
    client: APIClient, disk: Disk, tmp_path: Path, name: str
) -> None:
    data = media(tmp_path, name, 2.0)
    half = data[: len(data) // 2]
    assert created(client, half, name=name)["file_size"] == len(half)
    assert disk.files()[0].read_bytes() == half


def test_a_field_after_the_file_is_read(client: APIClient) -> None:
    body = form(file_part(wav()), field_part("title", "After"))
    assert post_body(client, body).json()["title"] == "After"


GOOD_HINTS = {
    "language": ("en-GB", "language", "en"),
    "min_speakers": ("2", "min_speakers", 2),
    "max_speakers": ("5", "max_speakers", 5),
    "hotwords": (" Speakr, WhisperX ", "hotwords", "Speakr, WhisperX"),
    "initial_prompt": ("About audio.", "initial_prompt", "About audio."),
}


@pytest.mark.parametrize("name", GOOD_HINTS)
def test_a_good_hint_reaches_the_job(client: APIClient, name: str) -> None:
    given, option, value = GOOD_HINTS[name]
    assert created(client, **{name: given})["warnings"] == []
    assert Job.objects.get().options[option] == value


BAD_HINTS = [
    ("language", "klingon"),
    ("language", "xx"),
    ("language", "../../x"),
    ("min_speakers", "two"),
    ("min_speakers", "1.5"),
    ("min_speakers", "0"),
    ("min_speakers", "-1"),
    ("min_speakers", "true"),
    ("min_speakers", "9" * 5000),
    ("max_speakers", "101"),
    ("max_speakers", "NaN"),
    ("max_speakers", "½"),
    ("transcription_model", "no-such-model"),
    ("transcription_model", "../../../etc"),
    ("tag_ids[0]", "99"),
    ("tag_ids[0]", "work"),
    ("tag_id", "99"),
    ("tag_id", "-1"),
    ("folder_id", "99"),
    ("folder_id", "none at all"),
    ("meeting_date", "yesterday"),
    ("meeting_date", "2024-02-30"),
    ("meeting_date", "9999-12-31T23:59:59-14:00"),
    ("meeting_date", "0001-01-01"),
    ("meeting_date", "2201-01-01"),
    ("file_last_modified", "-3000000000000"),
    ("file_last_modified", "250000000000000"),
    ("file_last_modified", "soon"),
    ("file_last_modified", "1e12"),
    ("file_last_modified", "9" * 30),
    ("keep_audio_only", "perhaps"),
    ("title", "x" * 201),
    ("hotwords", "x" * 10_001),
    ("initial_prompt", "x" * 10_001),
    ("notes", "x" * 1_000_001),
    ("prompt_variables", "{not json"),
    ("prompt_variables", "[]"),
    ("prompt_variables", "null"),
    ("prompt_variables", '{"a": 1}'),
    ("prompt_variables", '{"a": {"b": "c"}}'),
    ("prompt_variables", '{"two words": "x"}'),
    ("prompt_variables", '{"a": "\\ud800"}'),
    ("prompt_variables", '{"a": "\\u0000"}'),
    ("prompt_variables", json.dumps({f"v{number}": "x" for number in range(51)})),
    ("prompt_variables", json.dumps({"a": "x" * 8001})),
    ("prompt_variables", json.dumps({f"v{number}": "x" * 7000 for number in range(5)})),
    ("prompt_variables", "[" * 100_000),
]


@pytest.mark.parametrize(
    ("name", "value"), BAD_HINTS, ids=[f"{name}={value[:12]!r}" for name, value in BAD_HINTS]
)
def test_a_bad_hint_is_left_out_and_named(client: APIClient, name: str, value: str) -> None:
    created(client)
    plain = Recording.objects.get()
    body = created(client, **{name: value})
    assert len(body["warnings"]) == 1, body["warnings"]
    assert name.removesuffix("_ids[0]").removesuffix("_id") in body["warnings"][0]
    assert len(body["warnings"][0]) < 200
    recording = Recording.objects.get(pk=body["id"])
    assert recording.jobs.get().options == plain.jobs.get().options
    for column in ("title", "notes", "keep_audio_only", "prompt_variables"):
        assert getattr(recording, column) == getattr(plain, column)


def test_contradictory_speaker_counts_are_both_left_out(client: APIClient) -> None:
    (warning,) = created(client, min_speakers="5", max_speakers="2")["warnings"]
    assert "min_speakers" in warning
    assert "max_speakers" in warning
    options = Job.objects.get().options
    assert (options["min_speakers"], options["max_speakers"]) == (None, None)


def test_all_bad_hints_together_cost_nothing_but_themselves(client: APIClient) -> None:
    bad = dict(BAD_HINTS)
    body = created(client, **bad, **{"tag_ids[1]": "98", "unknown": "ignored"})
    assert len(body["warnings"]) == len(bad) + 1
    assert len(set(body["warnings"])) == len(bad) + 1


def test_empty_fields_count_as_not_given(client: APIClient) -> None:
    names = {name for name, _ in BAD_HINTS}
    body = created(client, **dict.fromkeys(names, ""))
    assert body["warnings"] == []
    assert body["notes"] is None
    assert body["title"] == "Recording - meeting.wav"


def test_a_listed_model_is_taken(client: APIClient) -> None:
    config.transcription_models_visible_json = '["large"]'
    assert created(client, transcription_model="large")["warnings"] == []
    assert Job.objects.get().options["model"] == "large"


def test_prompt_variables_are_kept(client: APIClient) -> None:
    created(client, prompt_variables='{"customer": "Zoë", "_x1": ""}')
    assert Recording.objects.get().prompt_variables == {"customer": "Zoë", "_x1": ""}


def test_notes_are_kept_as_they_are(client: APIClient) -> None:
    assert created(client, notes="  # Plan\n\n- a \x00b\n ")["notes"] == "  # Plan\n\n- a b\n "


def test_a_title_is_trimmed_and_a_blank_one_is_none(client: APIClient) -> None:
    assert created(client, title="  Weekly \x07sync ")["title"] == "Weekly sync"
    assert created(client, title=" \t ")["title"] == "Recording - meeting.wav"


DATE = "2024-01-15T09:00:00+05:00"
MODIFIED = str(int(datetime(2023, 3, 1, 12, tzinfo=UTC).timestamp() * 1000) + 999)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"meeting_date": DATE, "file_last_modified": MODIFIED}, "2024-01-15T04:00:00Z"),
        ({"meeting_date": "2024-01-15"}, "2024-01-15T00:00:00Z"),
        ({"meeting_date": "nonsense", "file_last_modified": MODIFIED}, "2023-03-01T12:00:00Z"),
        ({"file_last_modified": MODIFIED}, "2023-03-01T12:00:00Z"),
        ({"file_last_modified": "-1000"}, "1969-12-31T23:59:59Z"),
        ({}, CREATED),
    ],
)
def test_the_meeting_date_has_an_order_of_precedence(
    client: APIClient, tmp_path: Path, fields: dict[str, str], expected: str
) -> None:
    body = created(client, media(tmp_path, "aac.m4a"), name="a.m4a", **fields)
    assert body["meeting_date"] == expected


def test_the_same_bytes_again_are_accepted_with_a_word_about_it(
    client: APIClient, api: Callable[[User], APIClient], bob: User
) -> None:
    first = created(client, title="First")
    second = created(client, name="other name.wav")
    assert "duplicate_warning" not in first
    assert second["duplicate_warning"] == {
        "existing_recording_id": first["id"],
        "existing_title": "First",
        "existing_created_at": first["created_at"],
    }
    assert second["warnings"] == []
    assert "duplicate_warning" not in created(api(bob))


def test_when_the_row_cannot_be_written_the_bytes_go_too(
    client: APIClient, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> None:
        raise RuntimeError("no job today")

    monkeypatch.setattr("recordings.services.upload.new_job", fails)
    answer = upload(client)
    assert answer.status_code == 500
    assert answer.json() == {"error": "Internal server error"}
    assert not Recording.objects.exists()
    assert disk.files() == []


def test_a_session_with_a_csrf_token_uploads_too(alice: User, disk: Disk) -> None:
    """The form is read by Django then, before the API has a say."""
    browser = APIClient(enforce_csrf_checks=True, headers={"X-CSRFToken": "x" * 32})
    browser.force_login(alice)
    browser.cookies["csrftoken"] = "x" * 32
    body = form(file_part(wav()), field_part("title", "From a browser"))
    assert post_body(browser, body[:2000], announced=len(body)).status_code == 400
    assert disk.files() == []
    answer = post_body(browser, body)
    assert answer.status_code == 202, answer.content
    assert answer.json()["title"] == "From a browser"
    assert Recording.objects.get().sha256 == hashlib.sha256(wav()).hexdigest()
