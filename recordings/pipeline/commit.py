"""The pipeline's writes: began, finished, failed, cancelled, put off, handed back. Each is one
transaction that first checks that the claim is still ours; a worker that lost its lease writes
nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from recordings import events
from recordings.budgets import record_transcription
from recordings.models import Job, Recording, RecordingSpeaker, Transcript
from recordings.pipeline.align import LabelledSegment
from recordings.pipeline.failures import Failure
from recordings.pipeline.text_options import TextOptions
from recordings.services.processing import (
    hold_work,
    queue_texts,
    rest_cancelled,
    tell_if_unsummarized,
    texts_ended,
)

BACKOFF_SECONDS = 5
BACKOFF_FACTOR = 4
PUT_OFF_SECONDS = 30
NO_SPEECH = "No speech was found in this recording."


class LeaseLost(Exception):
    """Another worker holds the job, or it is gone: stop without a trace."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a finished run has to say. `embeddings`: label -> voice vector. `texts`: what is to
    be made of a transcript. Times are wall seconds.
    """

    segments: tuple[LabelledSegment, ...]
    language: str | None
    engine: str
    model: str
    duration_seconds: float
    transcription_seconds: float
    processing_seconds: float
    embeddings: dict[str, list[float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    texts: TextOptions | None = None


def began(job: Job) -> None:
    """T2: the recording is being worked on."""
    with transaction.atomic():
        if not Job.objects.held(job.claim_token).update(stage=Job.Stage.PREPARING, progress=0):
            raise LeaseLost
        Recording.objects.filter(pk=job.recording_id).update(
            status=Recording.Status.PROCESSING, error_code="", error_message=None
        )
        events.transcription_started(job.recording)


def finished(job: Job, outcome: Outcome) -> None:
    """T3: the new revision, the pointer to it, what it used and the end of the job: the whole
    result or none of it.
    """
    with transaction.atomic():
        hold_work(job.recording_id)
        release(job, Job.Status.DONE, progress=1, stage=Job.Stage.SAVING)
        changes: dict[str, Any] = {}
        warnings = list(outcome.warnings)
        if outcome.segments:
            changes["current_transcript"] = _new_revision(job, outcome)
        else:
            warnings.append(NO_SPEECH)
        if queue_texts(job.recording, outcome.texts if outcome.segments else None):
            changes["status"] = Recording.Status.SUMMARIZING
        else:
            changes["status"] = Recording.Status.COMPLETED
            changes["completed_at"] = timezone.now()
        Recording.objects.filter(pk=job.recording_id).update(
            error_code="",
            error_message=None,
            warnings=warnings,
            duration_seconds=outcome.duration_seconds,
            transcription_seconds=outcome.transcription_seconds,
            processing_seconds=outcome.processing_seconds,
            **changes,
        )
        job.windows.all().delete()
        record_transcription(
            user_id=job.owner_id,
            engine=outcome.engine,
            model=outcome.model,
            seconds=outcome.duration_seconds,
        )
        events.transcription_completed(
            job.recording,
            language=outcome.language,
            audio_seconds=outcome.duration_seconds,
            transcription_seconds=outcome.transcription_seconds,
        )


def failed(job: Job, failure: Failure, *, made_headway: bool) -> None:
    """Back to the queue after a while; FAILED when trying again cannot help or was tried enough.
    Of texts only the job is: with a transcript a recording is complete (http-contract.md, 0.1.32).

    Attempts are counted in a row: a new window finished starts the count afresh.
    """
    attempts = 1 if made_headway else job.attempts + 1
    sentence = failure.sentence[:500]
    if not failure.permanent and attempts < settings.JOB_MAX_RETRIES:
        wait = BACKOFF_SECONDS * BACKOFF_FACTOR**attempts * random.uniform(1, 1.2)
        wait = max(wait, failure.wait_seconds)
        _hand_back(job, wait_seconds=wait, attempts=attempts, reason=sentence)
        return
    with transaction.atomic():
        release(
            job,
            Job.Status.FAILED,
            attempts=attempts,
            error_code=failure.code,
            error_message=sentence,
        )
        if job.lane == Job.Lane.TEXT:
            texts_ended(job.recording_id, [*TextOptions(**job.options).warnings(), sentence])
            tell_if_unsummarized(job, sentence)
            return
        Recording.objects.filter(pk=job.recording_id).update(
            status=Recording.Status.FAILED,
            error_code=failure.code,
            error_message=sentence,
            warnings=[],
        )
        events.transcription_failed(job.recording, sentence)


def cancelled(job: Job) -> None:
    with transaction.atomic():
        hold_work(job.recording_id)
        release(job, Job.Status.CANCELLED)
        rest_cancelled(job)


def put_off(job: Job, failure: Failure) -> None:
    """Until the server may be able to work again; not an attempt."""
    _hand_back(job, wait_seconds=PUT_OFF_SECONDS, attempts=job.attempts, reason=failure.sentence)


def handed_back(job: Job) -> None:
    """For another worker to take up at once; not an attempt."""
    _hand_back(job, wait_seconds=0, attempts=job.attempts)


def _hand_back(job: Job, *, wait_seconds: float, attempts: int, reason: str = "") -> None:
    """`reason`: why, for the owner, who sees the recording wait."""
    with transaction.atomic():
        released = Job.objects.release(
            job.claim_token,
            Job.Status.QUEUED,
            attempts=attempts,
            stage=Job.Stage.WAITING,
            available_at=timezone.now() + timedelta(seconds=wait_seconds),
        )
        if not released:
            raise LeaseLost
        again = [f"{reason} It will be tried again."] if reason else []
        recordings = Recording.objects.filter(pk=job.recording_id)
        if job.lane == Job.Lane.TEXT:
            recordings.update(text_warnings=again)
        else:
            recordings.update(status=Recording.Status.PENDING, warnings=again)


def release(job: Job, status: str, **changes: object) -> None:
    if not Job.objects.release(job.claim_token, status, finished_at=timezone.now(), **changes):
        raise LeaseLost


def _new_revision(job: Job, outcome: Outcome) -> Transcript:
    revisions = Transcript.objects.filter(recording_id=job.recording_id)
    number = (revisions.aggregate(latest=Max("number"))["latest"] or 0) + 1
    transcript = Transcript.objects.create(
        recording_id=job.recording_id,
        number=number,
        segments=[
            {"speaker": s.speaker, "start": s.start, "end": s.end, "text": s.text}
            for s in outcome.segments
        ],
        words=[
            [word.start, word.end, word.text, index]
            for index, segment in enumerate(outcome.segments)
            for word in segment.words
        ],
        language=outcome.language,
        engine=outcome.engine,
        model=outcome.model[:120],
    )
    talk: dict[str, float] = {}
    for segment in outcome.segments:
        if segment.speaker is not None:
            talk[segment.speaker] = talk.get(segment.speaker, 0) + segment.end - segment.start
    RecordingSpeaker.objects.bulk_create(
        RecordingSpeaker(
            transcript=transcript,
            label=label,
            embedding=outcome.embeddings.get(label),
            talk_seconds=seconds,
        )
        for label, seconds in talk.items()
    )
    return transcript
