"""A run of the pipeline: what it leaves behind when all goes well, and when it does not. Engines
are fakes.
"""

from __future__ import annotations

import errno
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from recordings import engines, storage
from recordings.connectors.base import (
    ConnectorError,
    ShouldStop,
    TranscriptionCancelled,
    TranscriptionRequest,
)
from recordings.models import Job, Recording
from recordings.pipeline import lease
from recordings.services.processing import cancel_job
from recordings.tasks import work
from speakr_site.core import queue
from tests.factories import make_job, make_recording, make_transcript
from tests.fakes import FakeConnector, FakeDiarizer, tone

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = dict.fromkeys(
    ("language", "min_speakers", "max_speakers", "hotwords", "initial_prompt", "model")
)


@pytest.fixture
def connector(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    fake = FakeConnector()
    monkeypatch.setattr(engines, "connector", lambda system: fake)
    return fake


@pytest.fixture
def diarizer(monkeypatch: pytest.MonkeyPatch) -> FakeDiarizer:
    fake = FakeDiarizer()
    monkeypatch.setattr(engines, "diarizer", lambda: fake)
    return fake


@pytest.fixture
def job(alice: User, tmp_path: Path, connector: FakeConnector, diarizer: FakeDiarizer) -> Job:
    """Six seconds of audio, three windows, waiting; nothing to be made of the transcript."""
    User.objects.update(auto_summarization=False)
    key = storage.keep(
        tone(tmp_path / "tone.wav", seconds=6), storage.new_key(owner_id=1, extension=".wav")
    )
    recording = make_recording(owner=alice, status=Recording.Status.PENDING, audio_key=key)
    return make_job(recording=recording, options=OPTIONS)


def reread(job: Job) -> tuple[Job, Recording]:
    job = Job.objects.get(pk=job.pk)
    return job, job.recording


def texts(recording: Recording) -> list[str]:
    return [segment["text"] for segment in recording.current_transcript.segments]


def make_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(available_at=timezone.now())


class Failing:
    """Fails in the window that starts at or after `at`, `times` times."""

    def __init__(self, error: Exception, *, at: float = 0, times: int = 1000) -> None:
        self.error, self.at, self.left = error, at, times

    def __call__(self, request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        if request.start >= self.at and self.left:
            self.left -= 1
            raise self.error


DIED = ConnectorError("The speech engine died.", code="engine_died", permanent=False)


def test_windows_become_one_transcript(job: Job, connector: FakeConnector) -> None:
    work("gpu")
    job, recording = reread(job)
    assert (job.status, recording.status) == (Job.Status.DONE, Recording.Status.COMPLETED)
    assert len(connector.requests) >= 3
    assert len(texts(recording)) == len(connector.requests)
    assert recording.duration_seconds == pytest.approx(6, abs=0.05)
    assert recording.transcription_seconds is not None
    assert recording.current_transcript.speakers.get().label == "SPEAKER_00"


def test_an_error_that_may_pass_is_tried_again_later(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(DIED, times=1)
    work("gpu")
    job, recording = reread(job)
    assert (job.status, job.attempts) == (Job.Status.QUEUED, 1)
    assert timedelta(seconds=10) < job.available_at - timezone.now() < timedelta(seconds=30)
    assert recording.status == Recording.Status.PENDING
    assert recording.warnings == ["The speech engine died. It will be tried again."]

    work("gpu")
    assert reread(job)[0].status == Job.Status.QUEUED

    make_due(job)
    work("gpu")
    recording = reread(job)[1]
    assert (recording.status, recording.warnings) == (Recording.Status.COMPLETED, [])


def test_the_third_attempt_is_the_last(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(DIED)
    for _ in range(3):
        make_due(job)
        work("gpu")
    job, recording = reread(job)
    assert (job.status, job.attempts, job.error_code) == (Job.Status.FAILED, 3, "engine_died")
    assert recording.status == Recording.Status.FAILED
    assert recording.error_message == "The speech engine died."


def test_a_window_that_always_fails_is_tried_three_times(
    job: Job, connector: FakeConnector
) -> None:
    connector.before = Failing(DIED, at=1.5)
    for _ in range(4):
        make_due(job)
        work("gpu")
    assert reread(job)[1].status == Recording.Status.FAILED
    starts = [request.start for request in connector.requests]
    assert starts.count(max(starts)) == 3


def test_headway_starts_the_count_of_attempts_afresh(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(DIED, times=2)
    for _ in range(2):
        make_due(job)
        work("gpu")
    assert reread(job)[0].attempts == 2
    connector.before = Failing(DIED, at=1.5, times=2)
    for _ in range(3):
        make_due(job)
        work("gpu")
    assert reread(job)[1].status == Recording.Status.COMPLETED


def test_an_error_that_will_not_pass_is_not_tried_again(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(ConnectorError("No such model.", code="model", permanent=True))
    work("gpu")
    job, recording = reread(job)
    assert (job.status, recording.error_message) == (Job.Status.FAILED, "No such model.")
    assert len(connector.requests) == 1


def test_finished_windows_are_not_heard_again(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(DIED, at=1.5, times=1)
    work("gpu")
    finished = job.windows.count()
    assert finished >= 1
    assert reread(job)[0].attempts == 1

    make_due(job)
    work("gpu")
    starts = [request.start for request in connector.requests]
    assert starts.count(0.0) == 1
    assert len(texts(reread(job)[1])) == len(set(starts))


def test_a_failed_run_again_keeps_the_transcript(job: Job, connector: FakeConnector) -> None:
    before = make_transcript(recording=job.recording)
    connector.before = Failing(ConnectorError("Refused.", code="refused", permanent=True))
    work("gpu")
    recording = reread(job)[1]
    assert recording.status == Recording.Status.FAILED
    assert recording.current_transcript_id == before.pk


def test_a_run_again_makes_the_next_revision(job: Job) -> None:
    before = make_transcript(recording=job.recording)
    work("gpu")
    recording = reread(job)[1]
    assert recording.current_transcript.number == before.number + 1
    before.refresh_from_db()
    assert before.segments[0]["text"] == "Hello everyone."


def test_diarization_never_sinks_a_job(job: Job, diarizer: FakeDiarizer) -> None:
    diarizer.error = DIED
    work("gpu")
    recording = reread(job)[1]
    assert recording.status == Recording.Status.COMPLETED
    assert recording.warnings == ["Speakers could not be told apart: The speech engine died."]
    assert {segment["speaker"] for segment in recording.current_transcript.segments} == {None}
    assert diarizer.calls == 2


def test_silence_completes_without_a_transcript(job: Job, connector: FakeConnector) -> None:
    connector.says = None
    work("gpu")
    recording = reread(job)[1]
    assert recording.status == Recording.Status.COMPLETED
    assert recording.current_transcript is None
    assert recording.warnings == ["No speech was found in this recording."]


def test_audio_that_is_gone_fails_with_a_sentence(job: Job) -> None:
    storage.release(job.recording.audio_key)
    work("gpu")
    job, recording = reread(job)
    assert (job.error_code, recording.error_message) == ("audio_missing", "Audio file not found")


def test_a_full_disk_is_not_blamed_on_the_recording(job: Job, connector: FakeConnector) -> None:
    connector.before = Failing(OSError(errno.ENOSPC, "No space left on device"), times=1)
    work("gpu")
    assert reread(job)[0].status == Job.Status.QUEUED


def waiting_for_a_stop(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
    tick = threading.Event()
    while not should_stop():
        tick.wait(0.02)
    raise TranscriptionCancelled


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "TICK_SECONDS", 0.02)


@pytest.mark.usefixtures("brisk")
def test_a_running_job_can_be_cancelled(job: Job, connector: FakeConnector) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        cancel_job(job)
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    job, recording = reread(job)
    assert job.status == Job.Status.CANCELLED
    assert (recording.status, recording.error_message) == (Recording.Status.FAILED, "Cancelled")


@pytest.mark.usefixtures("brisk")
def test_cancelling_a_run_again_leaves_it_completed(job: Job, connector: FakeConnector) -> None:
    make_transcript(recording=job.recording)

    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        cancel_job(job)
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    recording = reread(job)[1]
    assert (recording.status, recording.error_message) == (Recording.Status.COMPLETED, None)


def stop_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Returns when the lease has taken notice."""
    looks = threading.Semaphore(0)

    def stopping() -> bool:
        looks.release()
        return True

    monkeypatch.setattr(queue, "stopping", stopping)
    for _ in range(2):  # the second look begins when the first has ended
        assert looks.acquire(timeout=60)


@pytest.mark.usefixtures("brisk")
def test_a_stopping_cluster_finishes_its_window_and_hands_the_rest_back(
    job: Job, connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        stop_cluster(monkeypatch)
        assert not should_stop()

    connector.before = before
    work("gpu")
    handed_back, recording = reread(job)
    assert (handed_back.status, handed_back.attempts) == (Job.Status.QUEUED, 0)
    assert handed_back.available_at <= timezone.now()
    assert recording.status == Recording.Status.PENDING
    assert len(connector.requests) == job.windows.count() == 1

    monkeypatch.setattr(queue, "stopping", lambda: False)
    connector.before = lambda request, should_stop: None
    work("gpu")
    assert reread(job)[1].status == Recording.Status.COMPLETED
    starts = [request.start for request in connector.requests]
    assert len(starts) == len(set(starts))


@pytest.mark.usefixtures("brisk")
def test_a_stopping_cluster_breaks_off_a_window_that_takes_too_long(
    job: Job, connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "GRACE_SECONDS", 0.1)

    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        stop_cluster(monkeypatch)
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    job = reread(job)[0]
    assert (job.status, job.attempts) == (Job.Status.QUEUED, 0)
    assert not job.windows.exists()


@pytest.mark.usefixtures("brisk")
def test_a_stopping_cluster_does_not_begin_to_tell_voices_apart(
    job: Job, connector: FakeConnector, diarizer: FakeDiarizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector.window_seconds = None
    connector.before = lambda request, should_stop: stop_cluster(monkeypatch)
    work("gpu")
    assert reread(job)[0].status == Job.Status.QUEUED
    assert job.windows.count() == 1
    assert diarizer.calls == 0


@pytest.mark.usefixtures("brisk")
def test_cancelling_does_not_wait_for_the_grace_of_a_stopping_cluster(
    job: Job, connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        stop_cluster(monkeypatch)
        cancel_job(job)
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    assert reread(job)[0].status == Job.Status.CANCELLED


@pytest.mark.usefixtures("brisk")
def test_a_worker_that_lost_its_lease_writes_nothing(job: Job, connector: FakeConnector) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        Job.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED, claim_token=None)
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    job, recording = reread(job)
    assert job.status == Job.Status.QUEUED
    assert recording.current_transcript is None
    assert not job.windows.exists()


def test_a_zombie_s_late_result_is_dropped(job: Job, connector: FakeConnector) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        if request.start > 3:
            Job.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED, claim_token=None)

    connector.before = before
    work("gpu")
    job, recording = reread(job)
    assert job.status == Job.Status.QUEUED
    assert recording.current_transcript is None


@pytest.mark.usefixtures("brisk")
def test_deleting_the_recording_ends_its_run(job: Job, connector: FakeConnector) -> None:
    def before(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
        Recording.objects.get().delete()
        waiting_for_a_stop(request, should_stop)

    connector.before = before
    work("gpu")
    assert not Recording.objects.exists()
    assert not Job.objects.exists()


def test_nothing_is_left_in_scratch(job: Job, settings: object) -> None:
    work("gpu")
    assert list(Path(settings.SCRATCH_DIR).iterdir()) == []
