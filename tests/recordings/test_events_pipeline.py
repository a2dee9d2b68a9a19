"""What a recording's owner is told of the work on it: each run has a beginning and one end, and
neither retries nor workers that come too late tell of anything twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from hooks.models import Webhook
from recordings.connectors.base import ConnectorError, ShouldStop, TranscriptionRequest
from recordings.llm import client as model_client
from recordings.llm import tasks
from recordings.models import CalendarEvent, Job, Recording
from recordings.pipeline import commit, commit_texts
from recordings.pipeline.commit import LeaseLost, Outcome
from recordings.pipeline.failures import Failure
from recordings.pipeline.options import Hints
from recordings.services.edit import edit_recording
from recordings.services.processing import cancel_job, queue_summary, queue_transcription
from recordings.services.recovery import sweep_expired_leases
from recordings.services.removal import delete_recording
from recordings.tasks import work
from tests.concurrency import at_once
from tests.factories import make_recording, make_transcript
from tests.fakes import FakeConnector
from tests.model_server import ModelServer, Refuses, model_server
from tests.recordings.api.uploading import upload, wav
from tests.recordings.test_run import Failing, connector, diarizer, job, make_due
from tests.recordings.test_text_lane import transcribed_again
from tests.recordings.test_texts import finish, make_talk
from tests.recordings.told import Told, about, listen, names, told

__all__ = ["connector", "diarizer", "job", "model_server"]

# A worker's lease is looked after by a thread, which sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

TEXT, GPU = Job.Lane.TEXT, Job.Lane.GPU
STARTED, COMPLETED, FAILED = (
    "transcription.started",
    "transcription.completed",
    "transcription.failed",
)
DIED = ConnectorError("The speech engine died.", code="engine_died", permanent=False)
UNREADABLE = ConnectorError("It cannot be read.", code="broken", permanent=True)
SEGMENTS = "We agreed to ship the new bicycle in March, at {start:g}."


@pytest.fixture(autouse=True)
def _forgets() -> Iterator[None]:
    yield
    model_client._refused.clear()


@pytest.fixture(autouse=True)
def _listen(alice: User, carol: User) -> Iterator[None]:
    listen(alice, carol)
    yield
    if User.objects.filter(pk=carol.pk).exists():
        assert told(carol) == [], "nothing here is hers"


def current(recording: Recording) -> Recording:
    return Recording.objects.select_related("owner").get(pk=recording.pk)


class TestWalk:
    def test_an_upload_is_told_of_from_door_to_door(
        self,
        alice: User,
        client: APIClient,
        connector: FakeConnector,
        diarizer: Any,
        model_server: ModelServer,
    ) -> None:
        User.objects.update(extract_events=True)
        connector.says = SEGMENTS
        event = {"title": "Bank", "start": "2026-03-06T10:00:00"}
        model_server.answers = ["## Minutes", "The Bicycle", json.dumps({"events": [event]})]
        recording_id = upload(client, wav(1.5), name="talk.wav").json()["id"]
        work(GPU)
        work(TEXT)
        recording = Recording.objects.get()
        assert recording.status == Recording.Status.COMPLETED
        before = {"recording_id": recording_id, "title": "Recording - talk.wav"}
        after = {"recording_id": recording_id, "title": "The Bicycle"}
        assert told(alice) == [
            Told(
                "created",
                {**before, "file_size": len(wav(1.5)), "original_filename": "talk.wav"},
            ),
            Told(STARTED, before),
            Told(
                COMPLETED,
                {
                    **before,
                    "language": "en",
                    "audio_duration_seconds": recording.duration_seconds,
                    "transcription_duration_seconds": recording.transcription_seconds,
                },
            ),
            Told(
                "summary.completed",
                {
                    **before,
                    "summarization_duration_seconds": recording.summarization_seconds,
                },
            ),
            Told("updated", {**after, "fields_changed": ["title"]}),
            Told("events.extracted", {**after, "events_count": CalendarEvent.objects.count()}),
        ]

        # A second bell finds nothing, a second run is told of like the first.
        work(GPU)
        work(TEXT)
        assert len(told(alice)) == 6
        queue_transcription(recording=current(recording), by=alice, hints=Hints())
        work(GPU)
        finish(recording)
        assert names(alice)[6:] == [STARTED, COMPLETED, "summary.completed", "events.extracted"]

    def test_without_a_model_too(
        self, alice: User, client: APIClient, connector: FakeConnector, diarizer: Any
    ) -> None:
        connector.says = SEGMENTS
        upload(client, wav(1.5))
        work(GPU)
        work(TEXT)
        assert names(alice) == ["created", STARTED, COMPLETED, "summary.completed", "updated"]

    def test_a_title_that_its_owner_chose_meanwhile_is_told_once(
        self, alice: User, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
    ) -> None:
        talk = make_talk(alice)

        def meanwhile(*_: Any) -> str:
            edit_recording(recording=talk, by=alice, changes={"title": "Mine"})
            return "The Bicycle"

        monkeypatch.setattr(tasks, "title", meanwhile)
        transcribed_again(talk)
        assert finish(talk).title == "Mine"
        assert [each.data["title"] for each in told(alice) if each.event == "updated"] == ["Mine"]


class TestTranscription:
    def test_silence_is_a_success_in_no_language(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        connector.says = None
        work(GPU)
        assert names(alice) == [STARTED, COMPLETED]
        assert "language" not in told(alice)[1].data

    def test_each_attempt_begins_and_the_last_one_fails(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        connector.before = Failing(DIED)
        for attempt in range(1, 4):
            make_due(job)
            work(GPU)
            assert names(alice) == [STARTED] * attempt + [FAILED] * (attempt == 3)
        assert told(alice)[-1].data == about(job.recording, error="The speech engine died.")

    def test_one_that_passes_in_the_end_never_failed(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        connector.before = Failing(DIED, times=1)
        work(GPU)
        make_due(job)
        work(GPU)
        assert names(alice) == [STARTED, STARTED, COMPLETED]

    def test_what_cannot_be_helped_fails_at_once(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        connector.before = Failing(UNREADABLE)
        work(GPU)
        assert names(alice) == [STARTED, FAILED]

    def test_a_run_that_fails_again_says_so_beside_its_old_transcript(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        make_transcript(recording=job.recording)
        connector.before = Failing(UNREADABLE)
        work(GPU)
        assert names(alice) == [STARTED, FAILED]

    def test_being_put_off_is_no_end(self, alice: User, job: Job) -> None:
        claimed = Job.objects.claim_next(GPU)
        commit.began(claimed)
        commit.put_off(claimed, Failure("disk_full", "Full.", permanent=False, blameless=True))
        make_due(job)
        claimed = Job.objects.claim_next(GPU)
        commit.began(claimed)
        commit.handed_back(claimed)
        assert names(alice) == [STARTED, STARTED]

    def test_a_worker_that_lost_its_job_tells_nothing(self, alice: User, job: Job) -> None:
        claimed = Job.objects.claim_next(GPU)
        commit.began(claimed)
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        sweep_expired_leases()
        outcome = Outcome((), None, "fake", "fake-1", 4, 1, 1)
        failure = Failure("broken", "No.", permanent=True)
        for write in (
            lambda: commit.began(claimed),
            lambda: commit.finished(claimed, outcome),
            lambda: commit.failed(claimed, failure, made_headway=False),
            lambda: commit.cancelled(claimed),
        ):
            with pytest.raises(LeaseLost):
                write()
        assert names(alice) == [STARTED]

    def test_who_asked_is_not_who_is_told(self, alice: User, carol: User, job: Job) -> None:
        Job.objects.update(owner=carol)
        work(GPU)
        assert names(alice) == [STARTED, COMPLETED]

    def test_a_deletion_while_it_runs_is_the_last_word(
        self, alice: User, job: Job, connector: FakeConnector
    ) -> None:
        def delete(request: TranscriptionRequest, should_stop: ShouldStop) -> None:
            if current_one := Recording.objects.first():
                delete_recording(recording=current_one, by=alice)

        connector.before = delete
        work(GPU)
        assert names(alice) == [STARTED, "deleted"]


class TestCancelled:
    """Whoever waits for an end is told of one."""

    def cancel_waiting(self, job: Job) -> None:
        assert cancel_job(job)
        assert not cancel_job(job)

    def cancel_running(self, job: Job) -> None:
        claimed = Job.objects.claim_next(job.lane)
        assert cancel_job(job)
        commit.cancelled(claimed)

    def cancel_of_a_dead_worker(self, job: Job) -> None:
        Job.objects.claim_next(job.lane)
        assert cancel_job(job)
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        sweep_expired_leases()
        sweep_expired_leases()

    def delete_who_asked(self, job: Job) -> None:
        Job.objects.update(owner=User.objects.get(username="carol"))
        User.objects.get(username="carol").delete()

    WAYS = ("cancel_waiting", "cancel_running", "cancel_of_a_dead_worker", "delete_who_asked")

    @pytest.mark.parametrize("has_transcript", [True, False])
    @pytest.mark.parametrize("way", WAYS)
    def test_a_transcription(self, alice: User, job: Job, way: str, has_transcript: bool) -> None:
        if has_transcript:
            make_transcript(recording=job.recording)
        getattr(self, way)(job)
        assert told(alice) == [Told(FAILED, about(job.recording, error="Cancelled"))]

    @pytest.mark.parametrize("way", WAYS)
    def test_a_summary(self, alice: User, way: str) -> None:
        talk = make_talk(alice)
        getattr(self, way)(queue_summary(recording=talk, by=alice))
        assert told(alice) == [Told("summary.failed", about(talk, error="Cancelled"))]

    @pytest.mark.parametrize("way", WAYS)
    def test_texts_whose_summary_is_there(self, alice: User, way: str) -> None:
        talk = make_talk(alice)
        job = queue_summary(recording=talk, by=alice)
        Job.objects.update(options={**job.options, "done": {"summary": []}})
        getattr(self, way)(job)
        assert told(alice) == []

    def test_a_transcription_whose_job_is_gone(self, alice: User, job: Job) -> None:
        recording = job.recording
        Job.objects.all().delete()
        sweep_expired_leases()
        sweep_expired_leases()
        assert told(alice) == [Told(FAILED, about(recording, error="Cancelled"))]

    def test_texts_whose_job_is_gone(self, alice: User) -> None:
        make_recording(owner=alice, status=Recording.Status.SUMMARIZING)
        sweep_expired_leases()
        assert told(alice) == []


class TestTexts:
    @pytest.fixture
    def talk(self, alice: User) -> Recording:
        """With a title of its own."""
        return make_talk(alice, title="Bicycles")

    @pytest.fixture
    def crash(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """The worker is gone once, after what a step made is stored."""

        def install(step: str) -> None:
            ends, crashed = commit_texts.step_ended, []

            def step_ended(job: Job, recording: Recording, name: str, *rest: Any) -> None:
                if name == step and not crashed:
                    crashed.append(True)
                    raise LeaseLost
                ends(job, recording, name, *rest)

            monkeypatch.setattr(commit_texts, "step_ended", step_ended)

        return install

    def go_on(self) -> None:
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        sweep_expired_leases()

    def test_a_summary_that_was_asked_for(
        self, alice: User, talk: Recording, model_server: ModelServer
    ) -> None:
        queue_summary(recording=talk, by=alice)
        assert told(alice) == []
        seconds = finish(talk).summarization_seconds
        done = about(talk, summarization_duration_seconds=seconds)
        assert told(alice) == [Told("summary.completed", done)]

    def test_one_that_is_made_while_a_worker_dies_is_told_of_once(
        self,
        alice: User,
        talk: Recording,
        model_server: ModelServer,
        crash: Callable[[str], None],
    ) -> None:
        crash("summary")
        queue_summary(recording=talk, by=alice)
        work(TEXT)
        assert Job.objects.get().status == Job.Status.RUNNING
        self.go_on()
        assert finish(talk).summary == "An answer."
        assert names(alice) == ["summary.completed"]

    def test_events_that_are_found_while_a_worker_dies_are_told_of_once(
        self,
        alice: User,
        talk: Recording,
        model_server: ModelServer,
        crash: Callable[[str], None],
    ) -> None:
        User.objects.update(extract_events=True)
        found = {"events": [{"title": name, "start": "2026-03-06T10:00:00"} for name in "ab"]}
        model_server.answers = ["A summary.", json.dumps(found)]
        crash("events")
        queue_summary(recording=current(talk), by=alice)
        work(TEXT)
        self.go_on()
        finish(talk)
        assert told(alice)[1:] == [Told("events.extracted", about(talk, events_count=2))]

    def test_no_events_are_no_event(
        self, alice: User, talk: Recording, model_server: ModelServer
    ) -> None:
        User.objects.update(extract_events=True)
        model_server.answers = ["A summary.", '{"events": []}']
        queue_summary(recording=current(talk), by=alice)
        finish(talk)
        assert CalendarEvent.objects.count() == 0
        assert names(alice) == ["summary.completed"]

    @pytest.mark.parametrize("status", [401, 500])
    def test_one_that_fails_for_good_is_told_of_once(
        self, alice: User, talk: Recording, model_server: ModelServer, status: int
    ) -> None:
        """At once, or after the last attempt."""
        model_server.answers = [Refuses(status)]
        queue_summary(recording=talk, by=alice)
        finish(talk)
        sentence = Job.objects.get().error_message
        assert told(alice) == [Told("summary.failed", about(talk, error=sentence))]

    def test_what_else_fails_is_no_summary(
        self, alice: User, talk: Recording, model_server: ModelServer
    ) -> None:
        User.objects.update(extract_events=True)
        model_server.answers = ["A summary.", Refuses(401)]
        queue_summary(recording=current(talk), by=alice)
        finish(talk)
        assert Job.objects.get().status == Job.Status.FAILED
        assert names(alice) == ["summary.completed"]

    def test_one_that_is_made_at_last_never_failed(
        self, alice: User, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = [Refuses(500), "A summary."]
        queue_summary(recording=talk, by=alice)
        finish(talk)
        assert names(alice) == ["summary.completed"]

    def test_a_job_that_breaks_before_its_summary_fails_it(
        self, alice: User, talk: Recording, monkeypatch: pytest.MonkeyPatch, model_server: Any
    ) -> None:
        def breaks(*_: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(tasks, "summarize", breaks)
        queue_summary(recording=talk, by=alice)
        finish(talk)
        sentence = "Something went wrong on the server."
        assert told(alice) == [Told("summary.failed", about(talk, error=sentence))]

    def test_a_job_that_breaks_after_it_does_not(
        self, alice: User, talk: Recording, monkeypatch: pytest.MonkeyPatch, model_server: Any
    ) -> None:
        def breaks(*_: Any, **__: Any) -> None:
            raise RuntimeError

        User.objects.update(extract_events=True)
        monkeypatch.setattr(tasks, "events", breaks)
        queue_summary(recording=current(talk), by=alice)
        finish(talk)
        assert Job.objects.get().status == Job.Status.FAILED
        assert names(alice) == ["summary.completed"]

    def test_too_little_was_said_for_one(self, alice: User) -> None:
        short = make_talk(alice, "Yes.", title="Bicycles")
        queue_summary(recording=short, by=alice)
        finish(short)
        assert told(alice) == []

    def test_one_written_by_hand_meanwhile_is_the_only_one(
        self, alice: User, talk: Recording
    ) -> None:
        queue_summary(recording=talk, by=alice)
        edit_recording(recording=talk, by=alice, changes={"summary": "By hand."})
        finish(talk)
        assert names(alice) == ["updated"]

    def test_a_new_transcript_has_its_own(
        self, alice: User, talk: Recording, model_server: ModelServer
    ) -> None:
        queue_summary(recording=talk, by=alice)
        finish(talk)
        transcribed_again(talk)
        finish(talk)
        assert names(alice) == ["summary.completed"] * 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_telling_waits_for_nobody(alice: User) -> None:
    """Another transaction holds the webhook, as a sender that counts failures does."""
    recording = make_recording(owner=alice)
    holds, told_of = Event(), Event()

    def hold() -> bool:
        with transaction.atomic():
            assert len(Webhook.objects.select_for_update()) == 2
            holds.set()
            return told_of.wait(30)

    def edit() -> None:
        assert holds.wait(30)
        edit_recording(recording=recording, by=alice, changes={"title": "New"})
        told_of.set()

    assert at_once(hold, edit)[0], "the change waited for the webhook"
    assert names(alice) == ["updated"]
