"""`manage.py seed_demo`: an account full of recordings, made once."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from hooks.models import Delivery, Webhook
from hooks.outbox import publish
from organizing.models import Folder, Tag
from recordings import storage
from recordings.models import Job, Recording, RecordingSpeaker, RecordingTag, Transcript
from recordings.services import demo
from recordings.services.demo import Wanted, seed_demo
from recordings.services.recovery import sweep_expired_leases
from speakers.models import Speaker
from tests.factories import make_recording

pytestmark = pytest.mark.django_db

ROWS = (
    Recording, Transcript, RecordingSpeaker, RecordingTag, Speaker, Tag, Folder, User, Webhook,
    Delivery,
)  # fmt: skip


def run(*arguments: str) -> str:
    printed = StringIO()
    call_command("seed_demo", *arguments, stdout=printed)
    return printed.getvalue()


@pytest.fixture
def seeded() -> User:
    run("--recordings", "60", "--transcript-kb", "2", "--audio", "2")
    return User.objects.get(username="demo")


def test_recordings_are_made_with_all_that_belongs_to_one(seeded: User) -> None:
    recordings = list(Recording.objects.filter(owner=seeded).select_related("current_transcript"))
    assert len(recordings) == 60
    assert {recording.status for recording in recordings} == {"COMPLETED", "FAILED"}
    for recording in recordings:
        transcript = recording.current_transcript
        assert (transcript is not None) == (recording.status == "COMPLETED")
        assert bool(recording.error_message) == (recording.status == "FAILED")
        if transcript is None:
            continue
        assert transcript.recording_id == recording.pk
        text = sum(len(segment["text"].encode()) for segment in transcript.segments)
        assert 2048 <= text < 2048 + 200
        labels = {segment["speaker"] for segment in transcript.segments}
        voices = {row.label: row for row in transcript.speakers.select_related("speaker")}
        assert labels <= set(voices) and 2 <= len(voices) <= 5
        names = [row.speaker.name for row in voices.values() if row.speaker]
        assert sorted(recording.participants.split(", ")) == sorted(names)
    assert {row.owner for row in Speaker.objects.all()} == {seeded}
    assert Recording.objects.exclude(folder=None).exists()
    assert len({recording.title for recording in recordings}) > 20


def test_segments_follow_one_another(seeded: User) -> None:
    for transcript in Transcript.objects.all():
        segments = transcript.segments
        assert all(segment["start"] < segment["end"] for segment in segments)
        assert all(
            earlier["end"] <= later["start"]
            for earlier, later in zip(segments, segments[1:], strict=False)
        )
        assert segments[-1]["end"] <= transcript.recording.duration_seconds


def test_dates_lie_in_the_last_two_years(seeded: User) -> None:
    now = timezone.now()
    dates = [recording.created_at for recording in Recording.objects.all()]
    assert max(dates) <= now
    assert now - timedelta(days=740) < min(dates) < now - timedelta(days=365)


def test_a_second_run_makes_nothing_and_a_larger_one_the_rest(seeded: User) -> None:
    before = [model.objects.count() for model in ROWS]
    assert "nothing was made" in run("--recordings", "60")
    assert [model.objects.count() for model in ROWS] == before
    Recording.objects.filter(title__isnull=False)[0].delete()
    assert "got 11 recordings" in run("--recordings", "70", "--transcript-kb", "1")
    assert Recording.objects.count() == 70
    shas = Recording.objects.values("sha256").annotate(rows=Count("id")).filter(rows__gt=1)
    assert not shas.exists()


def test_an_account_keeps_what_it_had(alice: User) -> None:
    own = make_recording(owner=alice, title="Mine")
    tag = Tag.objects.create(owner=alice, name="budget", color="#000000")
    speaker = Speaker.objects.create(owner=alice, name="Maria Rossi", use_count=5)
    password = alice.password
    run("--recordings", "40", "--user", "alice", "--transcript-kb", "1")
    for row in (own, tag, alice, speaker):
        row.refresh_from_db()
    assert (own.title, tag.color, alice.password) == ("Mine", "#000000", password)
    assert Recording.objects.filter(owner=alice).count() == 41
    appearances = RecordingSpeaker.objects.filter(speaker=speaker).count()
    assert speaker.use_count == 5 + appearances
    assert tag.recordings.exists()


def test_the_latest_have_audio_and_the_others_count_as_deleted(seeded: User) -> None:
    ordered = list(Recording.objects.order_by("-created_at"))
    assert [recording.has_audio for recording in ordered] == [True] * 2 + [False] * 58
    for recording in ordered[:2]:
        with storage.open_stored(recording.audio_key) as file, wave.open(file) as wav:
            seconds = wav.getnframes() / wav.getframerate()
        assert seconds == pytest.approx(recording.duration_seconds, abs=0.01)
        assert storage.stored_size(recording.audio_key) == recording.size_bytes
    assert all(recording.audio_deleted_at <= timezone.now() for recording in ordered[2:])


def test_the_api_lists_and_shows_them(api: Callable[[User], APIClient], seeded: User) -> None:
    client = api(seeded)
    body = client.get("/api/v1/recordings", {"per_page": 100}).json()
    assert body["pagination"]["total"] == 60
    done = next(item for item in body["recordings"] if item["status"] == "COMPLETED")
    answer = client.get(f"/api/v1/recordings/{done['id']}/transcript", {"format": "srt"}).json()
    assert answer["content"].count(" --> ") > 10


def test_two_webhooks_have_deliveries_that_ended_and_get_no_more(seeded: User) -> None:
    hooks = list(Webhook.objects.filter(owner=seeded))
    assert [hook.enabled for hook in hooks] == [False, False]
    titles = set(Recording.objects.filter(owner=seeded).values_list("title", flat=True))
    for hook in hooks:
        rows = list(hook.deliveries.all())
        assert len(rows) == 20
        assert {row.wire_status for row in rows} == {"success", "permanent_failure"}
        assert {json.loads(row.payload)["data"]["title"] for row in rows} <= titles
        assert hook.secrets(timezone.now())
    publish(owner_id=seeded.pk, event_type="recording.transcription.completed", data={})
    assert Delivery.objects.count() == 40


def test_no_more_webhooks_are_made_than_a_person_may_have(settings: Any) -> None:
    settings.WEBHOOK_MAX_PER_USER = 1
    run("--recordings", "1", "--audio", "0")
    run("--recordings", "1", "--audio", "0")
    assert Webhook.objects.count() == 1


def test_no_work_waits(seeded: User) -> None:
    assert not Job.objects.exists()
    assert sweep_expired_leases() == 0


def test_what_could_not_be_written_leaves_no_bytes(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(demo, "_write", fail)
    before = set(storage.stored_keys())
    wanted = Wanted(recordings=3, text_bytes=10, with_audio=3)
    with pytest.raises(RuntimeError):
        seed_demo(owner=alice, wanted=wanted, on_progress=lambda done, total: None)
    assert set(storage.stored_keys()) == before
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recordings", "0"], "whole number from 1"),
        (["--recordings", "many"], "whole number from 1"),
        (["--recordings", "2000000"], "to 1000000"),
        (["--transcript-kb", "-1"], "whole number from 1"),
        (["--audio", "1.5"], "whole number from 0"),
        (["--user", "with a space"], "cannot be made"),
        (["--user", ""], "cannot be made"),
        (["--user", "x" * 21], "cannot be made"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)
    assert not User.objects.exists()
