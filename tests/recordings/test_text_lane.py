"""Text jobs beside everything else that happens to a recording: SUMMARIZING never sticks, and what
is wanted of a new transcript is made of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from constance import config
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from recordings.llm import client as model_client
from recordings.llm import tasks
from recordings.models import Job, Recording, TokenUsage
from recordings.pipeline import commit
from recordings.pipeline.align import LabelledSegment
from recordings.pipeline.commit import Outcome
from recordings.pipeline.failures import Failure
from recordings.pipeline.options import Hints
from recordings.pipeline.run import run
from recordings.pipeline.text_options import after_transcription
from recordings.services.edit import edit_recording
from recordings.services.processing import (
    cancel_job,
    queue_summary,
    queue_texts,
    queue_transcription,
    retry_job,
)
from recordings.services.recovery import sweep_expired_leases
from recordings.services.removal import delete_recording
from recordings.tasks import work
from speakr_site.core import queue, system
from speakr_site.core.errors import Conflict
from tests.concurrency import at_once
from tests.factories import make_job, make_recording, make_transcript
from tests.model_server import Hangs, ModelServer, Refuses, model_server
from tests.recordings.test_texts import finish, make_talk

__all__ = ["model_server"]

# A worker's lease is looked after by a thread, which sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

Amid = Callable[[Callable[[], object]], None]
TEXT, GPU = Job.Lane.TEXT, Job.Lane.GPU
Status = Recording.Status
NEW = [{"speaker": "SPEAKER_00", "start": 0.0, "end": 4.0, "text": "The bridge opens in autumn."}]
on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)


@pytest.fixture(autouse=True)
def _forgets() -> None:
    model_client._refused.clear()


@pytest.fixture
def talk(alice: User) -> Recording:
    return make_talk(alice)


def now(recording: Recording) -> Recording:
    return Recording.objects.select_related("owner").get(pk=recording.pk)


def transcribed_again(recording: Recording) -> None:
    """What commit.finished does about texts, for a transcription that ends now."""
    with transaction.atomic():
        make_transcript(recording=now(recording), segments=NEW)
        current = now(recording)
        queue_texts(current, after_transcription(current, system=system.current()))
    Recording.objects.filter(pk=recording.pk).update(status=Status.SUMMARIZING)


@pytest.fixture
def amid(monkeypatch: pytest.MonkeyPatch) -> Amid:
    """Lets something happen each time before the model answers, in the worker's transaction."""
    asks = tasks.complete

    def begin(act: Callable[[], object]) -> None:
        def complete(*args: Any) -> Any:
            act()
            return asks(*args)

        monkeypatch.setattr(tasks, "complete", complete)

    return begin


def claim(lane: str) -> Job:
    job = Job.objects.claim_next(lane)
    assert job is not None
    return job


class TestEnds:
    """Each way in which text work ends, and what the recording is then."""

    @pytest.fixture
    def waits(self, talk: Recording) -> Job:
        Recording.objects.update(completed_at=None)
        return queue_summary(recording=talk, by=talk.owner)

    def assert_at_rest(self, talk: Recording) -> None:
        done = now(talk)
        assert done.status == Status.COMPLETED
        assert done.completed_at is not None
        assert done.summary == "Earlier."

    def test_cancelled_while_it_waits(self, waits: Job, talk: Recording) -> None:
        assert now(talk).status == Status.SUMMARIZING
        assert cancel_job(waits)
        self.assert_at_rest(talk)

    def test_cancelled_while_it_runs(
        self, waits: Job, talk: Recording, model_server: ModelServer
    ) -> None:
        def cancels(request: dict[str, Any]) -> Hangs:
            cancel_job(waits)
            connection.close()
            return Hangs()

        model_server.answers = [cancels]
        work(TEXT)
        waits.refresh_from_db()
        assert waits.status == Job.Status.CANCELLED
        self.assert_at_rest(talk)

    def test_the_worker_of_a_cancelled_one_was_killed(self, waits: Job, talk: Recording) -> None:
        claim(TEXT)
        gone = timezone.now() - timedelta(seconds=1)
        Job.objects.update(cancel_requested=True, lease_expires_at=gone)
        sweep_expired_leases()
        self.assert_at_rest(talk)

    def test_the_worker_was_killed(self, waits: Job, talk: Recording) -> None:
        lost = claim(TEXT)
        Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        assert sweep_expired_leases() == 1
        assert now(talk).status == Status.SUMMARIZING
        done = finish(talk)
        assert (done.status, done.summary_meta["extractive"]) == (Status.COMPLETED, True)
        with pytest.raises(commit.LeaseLost):
            commit.cancelled(lost)

    def test_who_asked_was_deleted(self, talk: Recording, carol: User) -> None:
        queue_summary(recording=talk, by=carol)
        carol.delete()
        self.assert_at_rest(talk)

    def test_what_went_wrong_in_the_work_itself(
        self, waits: Job, talk: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(material: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("recordings.pipeline.texts.extracted_summary", breaks)
        done = finish(talk)
        self.assert_at_rest(talk)
        assert done.text_warnings == ["Something went wrong on the server."]

    def test_the_recording_was_deleted(
        self, talk: Recording, alice: User, model_server: ModelServer, amid: Amid
    ) -> None:
        queue_summary(recording=talk, by=alice)
        amid(lambda: delete_recording(recording=now(talk), by=alice))
        work(TEXT)
        assert not Job.objects.exists()
        assert TokenUsage.objects.get().requests == 1


def test_an_upload_without_its_job_fails_rather_than_waits(alice: User) -> None:
    recording = make_recording(owner=alice, status=Status.PENDING)
    sweep_expired_leases()
    left = now(recording)
    assert (left.status, left.error_message) == (Status.FAILED, "Cancelled")


class TestBothLanes:
    def test_a_transcription_queued_meanwhile_keeps_its_status(self, talk: Recording) -> None:
        Recording.objects.update(completed_at=None)
        queue_summary(recording=talk, by=talk.owner)
        queue_transcription(recording=now(talk), by=talk.owner, hints=Hints())
        done = finish(talk)
        assert done.status == Status.PENDING
        # Its texts were made: groups see it from now on.
        assert done.completed_at is not None

    def test_the_status_is_about_the_transcription(self, talk: Recording, client: Any) -> None:
        queue_transcription(recording=now(talk), by=talk.owner, hints=Hints())
        queue_summary(recording=now(talk), by=talk.owner)
        job = claim(GPU)
        Job.objects.filter(pk=job.pk).update(stage=Job.Stage.TRANSCRIBING)
        told = client.get(f"/api/v1/recordings/{talk.pk}/status").json()
        assert (told["stage"], told["queue_position"]) == ("transcribing", None)

    def test_a_transcription_that_fails_stays_failed(self, talk: Recording) -> None:
        queue_summary(recording=talk, by=talk.owner)
        queue_transcription(recording=now(talk), by=talk.owner, hints=Hints())
        failure = Failure("internal", "Broken.", permanent=True)
        commit.failed(claim(GPU), failure, made_headway=False)
        done = finish(talk)
        assert (done.status, done.error_message) == (Status.FAILED, "Broken.")
        assert done.summary_meta["extractive"] is True

    def test_a_transcription_cancelled_meanwhile_leaves_the_texts(self, talk: Recording) -> None:
        queue_summary(recording=talk, by=talk.owner)
        cancel_job(queue_transcription(recording=now(talk), by=talk.owner, hints=Hints()))
        assert now(talk).status == Status.SUMMARIZING
        assert finish(talk).status == Status.COMPLETED

    def test_silence_heard_meanwhile_leaves_the_texts(self, talk: Recording) -> None:
        queue_summary(recording=talk, by=talk.owner)
        queue_transcription(recording=now(talk), by=talk.owner, hints=Hints())
        outcome = Outcome((), None, "fake", "fake-1", 4, 1, 1)
        commit.finished(claim(GPU), outcome)
        assert now(talk).status == Status.SUMMARIZING
        assert finish(talk).status == Status.COMPLETED


class TestNewTranscript:
    def test_texts_begin_anew_with_the_prompt_that_was_asked_for(
        self, talk: Recording, model_server: ModelServer, amid: Amid
    ) -> None:
        queue_summary(recording=talk, by=talk.owner, custom_prompt="As a poem.")
        model_server.answers = ["About the bicycle.", "About the bridge."]
        amid(lambda: model_server.requests or transcribed_again(talk))
        done = finish(talk)
        assert (done.summary, done.title) == ("About the bridge.", "About the bridge.")
        assert "As a poem." in model_server.prompts()[1]
        assert done.status == Status.COMPLETED

    def test_one_that_comes_at_the_last_moment_is_not_passed_over(
        self, talk: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from recordings.pipeline import commit_texts

        ends = commit_texts.ended
        came = []

        def late(*args: Any) -> None:
            if not came:
                came.append(True)
                transcribed_again(talk)
            ends(*args)

        monkeypatch.setattr(commit_texts, "ended", late)
        queue_summary(recording=talk, by=talk.owner)
        done = finish(talk)
        assert "bridge" in done.summary
        assert (done.status, Job.objects.active().exists()) == (Status.COMPLETED, False)

    def test_what_came_between_the_claim_and_the_first_look_is_wanted_too(
        self, talk: Recording
    ) -> None:
        queue_summary(recording=talk, by=talk.owner)
        job = claim(TEXT)
        transcribed_again(talk)
        run(job)
        done = now(talk)
        assert "bridge" in done.summary
        assert not done.has_placeholder_title

    def test_a_request_that_was_answered_is_not_made_again(
        self, talk: Recording, model_server: ModelServer, amid: Amid
    ) -> None:
        User.objects.update(auto_summarization=False, extract_events=True)
        queue_summary(recording=now(talk), by=talk.owner, custom_prompt="As a poem.")
        model_server.answers = ["A poem.", '{"events": []}', "The Bridge", '{"events": []}']
        amid(lambda: len(model_server.requests) == 1 and transcribed_again(talk))
        done = finish(talk)
        assert (done.summary, done.title) == ("A poem.", "The Bridge")

    def test_the_operator_may_leave_summaries_out(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        config.disable_auto_summarization = True
        model_server.answers = ["The Bridge"]
        transcribed_again(talk)
        done = finish(talk)
        assert (done.summary, done.title) == ("Earlier.", "The Bridge")
        assert len(model_server.requests) == 1
        # Who asks gets one.
        model_server.answers = ["It opens in autumn."]
        queue_summary(recording=now(talk), by=talk.owner)
        assert finish(talk).summary == "It opens in autumn."


class TestCompletedAt:
    """When the recording was first complete, since it was transcribed last."""

    EARLY = datetime(2020, 1, 1, tzinfo=UTC)

    def test_another_summary_does_not_move_it(self, talk: Recording) -> None:
        then = timezone.now()
        Recording.objects.update(completed_at=then)
        queue_summary(recording=talk, by=talk.owner)
        assert finish(talk).completed_at == then

    def test_nor_does_one_that_fails(self, talk: Recording, model_server: ModelServer) -> None:
        then = timezone.now()
        Recording.objects.update(completed_at=then)
        model_server.answers = [Refuses(401)]
        queue_summary(recording=talk, by=talk.owner)
        assert finish(talk).completed_at == then

    def test_another_transcription_does(self, talk: Recording) -> None:
        Recording.objects.update(completed_at=self.EARLY)
        begun = timezone.now()
        transcribed_again(talk)
        done = finish(talk).completed_at
        assert done is not None and done > begun
        queue_summary(recording=now(talk), by=talk.owner)
        assert finish(talk).completed_at == done

    def test_also_where_a_summary_waited_for_the_earlier_one(self, talk: Recording) -> None:
        Recording.objects.update(completed_at=self.EARLY)
        queue_summary(recording=now(talk), by=talk.owner)
        transcribed_again(talk)
        assert finish(talk).completed_at != self.EARLY


class TestAnEnd:
    """A cluster that was asked to stop."""

    @pytest.fixture
    def asked_to_stop(
        self, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        settings.LLM_MAX_RETRIES, settings.LLM_REQUEST_TIMEOUT = 9, 600
        monkeypatch.setattr(queue, "stopping", lambda: bool(model_server.requests))

    @pytest.mark.usefixtures("asked_to_stop")
    @pytest.mark.parametrize("header", ["60", "0"])
    def test_waits_for_no_server_that_is_busy(
        self, talk: Recording, model_server: ModelServer, header: str
    ) -> None:
        model_server.answers = [Refuses(429, headers={"Retry-After": header})]
        job = queue_summary(recording=talk, by=talk.owner)
        begun = time.monotonic()
        run(claim(TEXT))
        assert time.monotonic() - begun < 5
        job.refresh_from_db()
        assert (job.status, job.attempts) == (Job.Status.QUEUED, 0)

    @pytest.mark.usefixtures("asked_to_stop")
    def test_keeps_the_answer_under_way_and_asks_for_no_other(
        self, alice: User, model_server: ModelServer
    ) -> None:
        long = make_talk(alice, *(f"Point {number} was talked about." for number in range(3000)))

        def slow(_request: dict[str, Any]) -> str:
            time.sleep(1.5)
            return "Notes."

        model_server.answers = [slow]
        job = queue_summary(recording=long, by=alice)
        run(claim(TEXT))
        assert len(model_server.requests) == job.windows.count() == 1
        job.refresh_from_db()
        assert (job.status, job.attempts) == (Job.Status.QUEUED, 0)


class TestHandWritten:
    def write(self, talk: Recording, text: str) -> None:
        edit_recording(recording=now(talk), by=talk.owner, changes={"summary": text})

    def test_one_written_while_another_waits_is_kept(self, talk: Recording) -> None:
        queue_summary(recording=talk, by=talk.owner)
        self.write(talk, "By hand.")
        done = finish(talk)
        assert (done.summary, done.summary_meta) == ("By hand.", None)
        assert done.text_warnings == ["A summary was written by hand meanwhile; it was kept."]

    @pytest.mark.parametrize("text", ["By hand.", "Earlier."])
    def test_one_written_while_another_is_made_is_kept(
        self, talk: Recording, model_server: ModelServer, amid: Amid, text: str
    ) -> None:
        amid(lambda: self.write(talk, text))
        queue_summary(recording=talk, by=talk.owner)
        done = finish(talk)
        assert (done.summary, done.summary_meta) == (text, None)

    def test_who_sees_it_and_asks_gets_another(self, talk: Recording) -> None:
        queue_summary(recording=talk, by=talk.owner)
        self.write(talk, "By hand.")
        queue_summary(recording=now(talk), by=talk.owner)
        assert finish(talk).summary_meta["extractive"] is True

    def test_a_transcription_never_replaces_it(self, talk: Recording) -> None:
        self.write(talk, "By hand.")
        transcribed_again(talk)
        done = finish(talk)
        assert done.summary == "By hand."
        assert done.text_warnings == []

    def test_a_retry_does_not_either(self, talk: Recording) -> None:
        job = queue_summary(recording=talk, by=talk.owner)
        cancel_job(job)
        self.write(talk, "By hand.")
        job.refresh_from_db()
        retry_job(Job.objects.select_related("recording__owner").get(pk=job.pk))
        assert finish(talk).summary == "By hand."


class TestFailures:
    def test_a_key_that_is_refused_stops_no_other_step(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        User.objects.update(extract_events=True)
        transcribed_again(talk)

        def refuses_summaries(request: dict[str, Any]) -> Any:
            if len(model_server.requests) == 1:
                return Refuses(401)
            return '{"events": []}' if "response_format" in request else "Opening the Bridge"

        model_server.answers = [refuses_summaries]
        done = finish(talk)
        assert done.summary == "Earlier."
        assert done.title == "Opening the Bridge"
        assert done.text_warnings[0].startswith("No summary: The language model's server refuses")
        assert len(model_server.requests) == 3
        job = Job.objects.get()
        assert (job.status, job.error_code) == (Job.Status.FAILED, "model_refused")

    def test_what_was_tried_enough_stops_no_other_step(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        transcribed_again(talk)
        model_server.answers = [Refuses(500), Refuses(500), Refuses(500), "Opening the Bridge"]
        done = finish(talk)
        assert done.title == "Opening the Bridge"
        assert len(done.text_warnings) == 1
        assert len(model_server.requests) == 4

    def test_a_warning_outlives_another_attempt(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = [Refuses(401), Refuses(500), "Opening the Bridge"]
        transcribed_again(talk)
        done = finish(talk)
        assert done.title == "Opening the Bridge"
        assert [sentence[:11] for sentence in done.text_warnings] == ["No summary:"]

    def test_a_failed_automatic_job_is_tried_again_as_one(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        model_server.answers = [Refuses(401)]
        transcribed_again(talk)
        finish(talk)
        model_server.answers = ["Fine"]
        again = retry_job(Job.objects.select_related("recording__owner").get())
        assert (again.options["title"], again.options["is_request"]) == (True, False)
        done = finish(talk)
        assert (done.summary, done.title, done.text_warnings) == ("Fine", "Fine", [])
        User.objects.update(auto_summarization=False)
        with pytest.raises(Conflict, match="Nothing is wanted"):
            retry_job(Job.objects.select_related("recording__owner").get(pk=again.pk))

    def test_no_tokens_are_needed_without_a_model(self, talk: Recording) -> None:
        User.objects.update(monthly_tokens=1)
        TokenUsage.objects.add(
            user_id=talk.owner_id,
            operation="chat",
            prompt=5,
            completion=5,
            moment=timezone.now(),
        )
        queue_summary(recording=talk, by=now(talk).owner)
        assert finish(talk).summary_meta["extractive"] is True

    def test_spent_tokens_cost_the_texts_and_not_the_transcript(
        self, talk: Recording, model_server: ModelServer
    ) -> None:
        User.objects.update(monthly_tokens=1)
        TokenUsage.objects.add(
            user_id=talk.owner_id, operation="chat", prompt=5, completion=5, moment=timezone.now()
        )
        transcribed_again(talk)
        done = finish(talk)
        assert model_server.requests == []
        assert done.status == Status.COMPLETED
        assert "Monthly token budget exceeded (10/1 tokens)" in done.text_warnings[0]


@on_postgresql
class TestAtOnce:
    ROUNDS = 15

    def test_a_cancelled_transcription_and_texts_that_end(self, talk: Recording) -> None:
        for _ in range(self.ROUNDS):
            queue_summary(recording=now(talk), by=talk.owner)
            other = queue_transcription(recording=now(talk), by=talk.owner, hints=Hints())
            at_once(lambda: work(TEXT), lambda other=other: cancel_job(other))
            done = now(talk)
            assert not Job.objects.active().exists()
            assert (done.status, done.summary_meta["extractive"]) == (Status.COMPLETED, True)

    def test_a_request_and_a_transcription_that_ends(self, talk: Recording) -> None:
        for number in range(self.ROUNDS):
            Recording.objects.update(title="Recording - talk.wav")
            make_job(recording=talk)
            job = claim(GPU)
            said = LabelledSegment(None, 0, 4, f"The bridge number {number} opens in autumn.")
            texts = after_transcription(now(talk), system=system.current())
            outcome = Outcome((said,), "en", "fake", "fake-1", 4, 1, 1, texts=texts)
            at_once(
                lambda job=job, outcome=outcome: commit.finished(job, outcome),
                lambda: queue_summary(recording=now(talk), by=talk.owner),
            )
            done = finish(talk)
            assert f"number {number}" in done.summary
            assert not done.has_placeholder_title

    def test_a_deletion_and_a_transcription_that_ends(self, alice: User) -> None:
        for _ in range(self.ROUNDS):
            talk = make_talk(alice)
            queue_summary(recording=talk, by=alice)
            make_job(recording=talk)
            job = claim(GPU)
            outcome = Outcome((), None, "fake", "fake-1", 4, 1, 1)

            def ends(job: Job = job, outcome: Outcome = outcome) -> None:
                with contextlib.suppress(commit.LeaseLost):
                    commit.finished(job, outcome)

            at_once(
                ends,
                lambda talk=talk: delete_recording(recording=talk, by=alice),
            )
            assert not Recording.objects.exists()
