"""A disk that is really full: nothing half-written, a sentence for the client, and work that waits
for room. The disk is a small one of memory, mounted for the test.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings import engines, storage
from recordings.api.upload_handler import HashingUploadHandler
from recordings.models import Job, Recording
from recordings.tasks import work
from tests.factories import make_job, make_recording
from tests.fakes import FakeConnector, FakeDiarizer, tone
from tests.instance import START_SECONDS, Instance, until
from tests.recordings.api.uploading import upload, wav
from tests.recordings.media_samples import SAMPLES, make
from tests.recordings.speech import tiny_en, write_jfk

GO_ON_SECONDS = 120
MEGABYTE = 1024 * 1024
FULL = "The server's disk is full; try again later"
OPTIONS = dict.fromkeys(
    ("language", "min_speakers", "max_speakers", "hotwords", "initial_prompt", "model")
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Eight megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can only be mounted by root, where mounting is allowed")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def media(small_disk: Path, settings: Any) -> Path:
    """The small disk as the place of recordings."""
    settings.MEDIA_ROOT = small_disk
    settings.FILE_UPLOAD_TEMP_DIR = small_disk / ".incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return small_disk


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Writes until only `leaving` bytes, or none, are free."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leaving))
    return filler


def files(disk: Path) -> list[Path]:
    return [path for path in disk.rglob("*") if path.is_file()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("room", [0, 4096, 300_000])
def test_an_upload_that_fills_the_disk_leaves_nothing_behind(
    client: APIClient, media: Path, room: int
) -> None:
    filler = fill(media, leaving=room)
    refused = upload(client, wav(60))
    assert (refused.status_code, refused.json()) == (507, {"error": FULL})
    assert not Recording.objects.exists()
    assert not Job.objects.exists()
    assert files(media) == [filler]

    filler.unlink()
    assert upload(client, wav(60)).status_code == 202


def test_what_was_written_and_has_no_room_any_more_can_be_discarded(media: Path) -> None:
    handler = HashingUploadHandler()
    handler.new_file("file", "meeting.wav", "audio/wav", None)
    handler.receive_data_chunk(b"still in a buffer", 0)
    filler = fill(media)
    handler.discard()
    assert files(media) == [filler]


@pytest.mark.django_db(transaction=True)
def test_a_video_whose_audio_does_not_fit_beside_it_leaves_nothing_behind(
    client: APIClient, media: Path, tmp_path: Path
) -> None:
    video = make(tmp_path / "meeting.mp4", SAMPLES["aac.mp4"], 30.0)
    filler = fill(media, leaving=video.stat().st_size + 8192)
    refused = upload(client, video.read_bytes(), name=video.name)
    assert (refused.status_code, refused.json()) == (507, {"error": FULL})
    assert not Recording.objects.exists()
    assert files(media) == [filler]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's disk is its own")
@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_grow_leaves_no_file_behind(client: APIClient, media: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE filler (data)")
        # Not below the size that it has; what other tests left free in it is filled up.
        cursor.execute("PRAGMA max_page_count = 1")
        try:
            for size in (1_000_000, 1000):
                with suppress(OperationalError):
                    while True:
                        cursor.execute(f"INSERT INTO filler VALUES (zeroblob({size}))")
            refused = upload(client, wav(), notes="long " * 100_000)
        finally:
            cursor.execute("PRAGMA max_page_count = 1073741823")
            cursor.execute("DROP TABLE filler")
    assert (refused.status_code, refused.json()) == (507, {"error": FULL})
    assert not Recording.objects.exists()
    assert files(media) == []


@pytest.mark.django_db(transaction=True)
def test_a_job_that_finds_no_room_waits_for_it_and_is_not_blamed(
    alice: User,
    small_disk: Path,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "connector", lambda system: FakeConnector())
    monkeypatch.setattr(engines, "diarizer", FakeDiarizer)
    key = storage.keep(
        tone(tmp_path / "tone.wav", seconds=60), storage.new_key(owner_id=1, extension=".wav")
    )
    recording = make_recording(owner=alice, status=Recording.Status.PENDING, audio_key=key)
    job = make_job(recording=recording, options=OPTIONS)
    settings.SCRATCH_DIR = small_disk
    filler = fill(small_disk, leaving=MEGABYTE)

    for _ in range(settings.JOB_MAX_RETRIES + 1):
        work("gpu")
        job.refresh_from_db()
        recording.refresh_from_db()
        assert (job.status, job.attempts) == (Job.Status.QUEUED, 0)
        assert job.available_at > timezone.now()
        assert recording.status == Recording.Status.PENDING
        assert files(small_disk) == [filler]
        Job.objects.update(available_at=timezone.now())

    filler.unlink()
    work("gpu")
    recording.refresh_from_db()
    assert recording.current_transcript is not None


@pytest.mark.stress
@pytest.mark.engine
def test_a_server_whose_whole_disk_was_full_goes_on_by_itself(
    small_disk: Path, tmp_path: Path
) -> None:
    instance = Instance(small_disk, WHISPER_MODEL=str(tiny_en()), DIARIZER="none")
    try:
        until(instance.answers, START_SECONDS, "the server answers")
        token = instance.token
        speech, long = write_jfk(tmp_path / "speech.wav"), write_jfk(tmp_path / "long.wav", 60)
        before = [instance.upload(token, speech), instance.upload(token, speech)]
        assert [answer.status_code for answer in before] == [202, 202]

        refused = instance.upload(token, long)
        assert (refused.status_code, refused.json()) == (507, {"error": FULL})
        filler = fill(small_disk)
        refused = [instance.upload(token, speech) for _ in range(10)]
        assert {answer.status_code for answer in refused} == {507}
        assert {answer.json()["error"] for answer in refused} == {FULL}

        filler.unlink()
        until(
            lambda: instance.upload(token, speech).status_code == 202,
            GO_ON_SECONDS,
            "an upload is taken again",
        )
        until(
            lambda: instance.states() == {"COMPLETED": 3},
            GO_ON_SECONDS,
            "the three recordings are transcribed",
        )
    finally:
        instance.end()
