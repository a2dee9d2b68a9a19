"""The database goes away for half a minute under a running Speakr: clear errors, nothing
half-written, and everything acknowledged ends as a transcript without help.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings import storage
from recordings.models import Job, Recording
from recordings.pipeline import commit
from recordings.pipeline.failures import failure_of
from speakr_site.core import queue
from tests.factories import make_job, make_recording
from tests.instance import START_SECONDS, Instance, until
from tests.recordings.api.uploading import upload, wav
from tests.recordings.speech import tiny_en, write_jfk

AWAY_SECONDS = 30
COME_BACK_SECONDS = 120
LANES = {"speakr", "gpu", "text"}


class Database:
    """A PostgreSQL of this test alone, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
        logging.getLogger("pgserver").setLevel(logging.WARNING)
        self._server = pgserver.get_server(folder)
        self._control = pgserver.pg_ctl
        self.url = self._server.get_uri()

    def stop(self) -> None:
        """At once, whoever is connected; as after a crash, without a word to the clients."""
        self._control(
            ["-w", "-m", "immediate", "stop"],
            pgdata=self._server.pgdata,
            user=self._server.system_user,
        )

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def end(self) -> None:
        self._server.cleanup()


@pytest.fixture
def database() -> Iterator[Database]:
    # Not below pytest's own folder, which only we may enter: PostgreSQL does not run as root.
    with tempfile.TemporaryDirectory() as folder:
        running = Database(Path(folder) / "postgresql")
        try:
            yield running
        finally:
            running.end()


@pytest.fixture
def instance(database: Database, tmp_path: Path) -> Iterator[Instance]:
    folder = tmp_path / "data"
    folder.mkdir()
    running = Instance(
        folder, DATABASE_URL=database.url, WHISPER_MODEL=str(tiny_en()), DIARIZER="none"
    )
    try:
        until(running.answers, START_SECONDS, "the server answers")
        until(lambda: set(running.canaries()) == LANES, START_SECONDS, "three canaries")
        yield running
    finally:
        running.end()


class Body:
    """A form with a file, sent in two halves with a deed in between."""

    def __init__(self, path: Path, deed: Callable[[], None]) -> None:
        form = requests.Request("POST", "http://x", files={"file": path.open("rb")}).prepare()
        assert isinstance(form.body, bytes)
        self._data, self._deed = form.body, deed
        self.content_type = form.headers["Content-Type"]

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        yield self._data[: len(self) // 2]
        self._deed()
        yield self._data[len(self) // 2 :]


def stored(instance: Instance) -> list[Path]:
    return [path for path in (instance.data_dir / "uploads").rglob("*") if path.is_file()]


@pytest.mark.stress
@pytest.mark.engine
def test_everything_acknowledged_is_transcribed_after_the_database_was_gone(
    instance: Instance, database: Database, tmp_path: Path
) -> None:
    token = instance.token
    speech = write_jfk(tmp_path / "speech.wav", times=12)
    sent = [instance.upload(token, speech) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [202] * 3
    until(
        lambda: instance.rows("SELECT 1 FROM recordings_job WHERE status = 'running'"),
        START_SECONDS,
        "a job runs",
    )

    def pull_the_plug() -> None:
        until(lambda: len(stored(instance)) > len(sent), START_SECONDS, "half an upload is there")
        database.stop()

    body = Body(speech, pull_the_plug)
    refused = [
        requests.post(
            f"{instance.url}/api/v1/recordings/upload",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": body.content_type},
            timeout=START_SECONDS,
        )
    ]
    back_at = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < back_at:
        refused.append(instance.upload(token, speech))
        time.sleep(0.5)
    database.start()

    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert answer.json() == {"error": "The server is busy; try again later"}
        assert int(answer.headers["Retry-After"]) > 0
    assert len(stored(instance)) == len(sent)

    until(
        lambda: instance.upload(token, speech).status_code == 202,
        COME_BACK_SECONDS,
        "an upload is taken again",
    )
    acknowledged = len(sent) + 1
    until(
        lambda: instance.states() == {"COMPLETED": acknowledged},
        COME_BACK_SECONDS,
        "everything acknowledged is transcribed",
    )
    assert len(stored(instance)) == acknowledged
    assert instance.rows("SELECT max(attempts) FROM recordings_job") == [(0,)]
    until(lambda: set(instance.canaries()) == LANES, COME_BACK_SECONDS, "every lane works")


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_kept_when_the_database_goes_before_the_bell_is_rung(
    api: Callable[[User], APIClient], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(queue, "async_task", gone)
    assert upload(api(alice), wav()).status_code == 202
    recording = Recording.objects.get()
    assert storage.exists(recording.audio_key)
    assert Job.objects.get().status == Job.Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_bytes_stay_when_nobody_can_tell_whether_their_row_was_committed(
    api: Callable[[User], APIClient], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(storage.stored_keys())
    commit_for_real = connection._commit

    def committed_but_unheard() -> None:
        commit_for_real()
        if Recording.objects.exists():
            raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "_commit", committed_but_unheard)
        assert upload(api(alice), wav()).status_code == 503
    assert {Recording.objects.get().audio_key} == set(storage.stored_keys()) - before


@pytest.mark.django_db
def test_a_job_that_lost_the_database_is_put_off_and_not_blamed(alice: User) -> None:
    token = uuid4()
    job = make_job(
        recording=make_recording(owner=alice), status=Job.Status.RUNNING, claim_token=token
    )
    failure = failure_of(OperationalError("server closed the connection"), Job())
    assert failure.blameless
    assert not failure_of(IntegrityError("a bug of ours"), Job()).blameless

    commit.put_off(job, failure)
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Job.Status.QUEUED, 0)
    assert job.available_at > timezone.now()
    assert Recording.objects.get().warnings == [
        "The database did not answer. It will be tried again."
    ]
