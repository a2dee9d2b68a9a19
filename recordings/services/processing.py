"""Queueing, cancelling and retrying work on a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from recordings.budgets import require_token_budget, require_transcription_budget
from recordings.models import Job, Recording
from recordings.pipeline.options import Hints, TranscriptionOptions, resolve, shelves_of
from recordings.pipeline.text_options import requested_summary
from speakr_site.core import system
from speakr_site.core.errors import Conflict, InvalidInput
from speakr_site.core.queue import ring


def queue_transcription(*, recording: Recording, by: User, hints: Hints) -> Job:
    """Queues a transcription; the job already there when it is the same work.

    Raises InvalidInput without audio, BudgetExceeded when the month's minutes of `by` are used up,
    Conflict (with `job_id`) when other work on the recording waits or runs. What the recording has
    is kept until the new transcript replaces it. Rings the lane on commit.
    """
    if not recording.has_audio:
        raise InvalidInput(
            "Audio has been deleted" if recording.audio_deleted_at else "No audio file"
        )
    require_transcription_budget(by)
    policy = system.current()
    shelves = shelves_of(recording, system=policy)
    options = resolve(hints, owner=recording.owner, system=policy, shelves=shelves)
    try:
        with transaction.atomic():
            job = new_job(recording=recording, by=by, hints=hints, options=options)
            Recording.objects.filter(pk=recording.pk).update(
                status=Recording.Status.PENDING, error_code="", error_message=None
            )
    except IntegrityError:
        return _same_work(recording, Job.Lane.GPU, options.as_document())
    return job


def queue_summary(*, recording: Recording, by: User, custom_prompt: str | None = None) -> Job:
    """Queues a new summary; the job already there when it is the same work.

    Raises InvalidInput without a transcript and for a prompt that leaves no room for one,
    BudgetExceeded when the month's tokens of `by` are used up, Conflict (with `job_id`) when
    another summary waits or runs. The earlier summary is kept until the new one replaces it.
    """
    if recording.current_transcript_id is None:
        raise InvalidInput("No transcription available - transcribe first")
    require_token_budget(by)
    options = requested_summary(recording, custom_prompt=custom_prompt, system=system.current())
    requested = {} if custom_prompt is None else {"custom_prompt": custom_prompt}
    try:
        with transaction.atomic():
            job = Job.objects.create(
                recording=recording,
                owner=by,
                lane=Job.Lane.TEXT,
                requested=requested,
                options=options.as_document(),
            )
            ring(Job.Lane.TEXT)
            resting = (Recording.Status.COMPLETED, Recording.Status.FAILED)
            Recording.objects.filter(pk=recording.pk, status__in=resting).update(
                status=Recording.Status.SUMMARIZING, error_code="", error_message=None
            )
    except IntegrityError:
        wanted = {"summary": True, "prompt": options.prompt}
        return _same_work(recording, Job.Lane.TEXT, wanted)
    return job


def new_job(*, recording: Recording, by: User, hints: Hints, options: TranscriptionOptions) -> Job:
    """Writes the job and rings its lane on commit. Call inside the transaction of what caused it.

    Raises IntegrityError when the recording already has an active one.
    """
    job = Job.objects.create(
        recording=recording,
        owner=by,
        lane=Job.Lane.GPU,
        requested=_given(hints),
        options=options.as_document(),
    )
    ring(Job.Lane.GPU)
    return job


def cancel_job(job: Job) -> bool:
    """Ends a job without a result; False when it had ended already.

    A waiting job ends at once. A running one is asked to stop and ends within seconds.
    """
    with transaction.atomic():
        waiting = Job.objects.filter(pk=job.pk, status=Job.Status.QUEUED)
        if waiting.update(status=Job.Status.CANCELLED, finished_at=timezone.now()):
            rest_cancelled(job)
            return True
        running = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING)
        return running.update(cancel_requested=True) == 1


def retry_job(job: Job) -> Job:
    """Queues the same work again, with what was asked for then and the defaults of now.

    Gives the active job when it is the same work, and raises Conflict when it is other work.
    """
    if job.lane == Job.Lane.TEXT:
        return queue_summary(
            recording=job.recording, by=job.owner, custom_prompt=job.requested.get("custom_prompt")
        )
    return queue_transcription(recording=job.recording, by=job.owner, hints=Hints(**job.requested))


def rest_cancelled(job: Job) -> None:
    """The recording goes back to COMPLETED with a transcript, else FAILED (http-contract.md,
    0.1.21); to SUMMARIZING while there is text work left.
    """
    if job.lane == Job.Lane.TEXT:
        texts_ended(job.recording_id, [])
        return
    status = Recording.objects.get(pk=job.recording_id).resting_status()
    if Job.objects.active().filter(recording=job.recording_id, lane=Job.Lane.TEXT).exists():
        status = Recording.Status.SUMMARIZING
    failed = status == Recording.Status.FAILED
    Recording.objects.filter(pk=job.recording_id).update(
        status=status,
        error_code="cancelled" if failed else "",
        error_message="Cancelled" if failed else None,
    )


def texts_ended(recording_id: int, warnings: Sequence[str]) -> None:
    """A recording that waits for other work besides keeps its status."""
    recordings = Recording.objects.filter(pk=recording_id)
    recordings.update(text_warnings=warnings)
    recordings.filter(status=Recording.Status.SUMMARIZING).update(
        status=Recording.Status.COMPLETED, completed_at=timezone.now()
    )


def _same_work(recording: Recording, lane: str, options: dict[str, Any]) -> Job:
    """`options`: those of them that tell one piece of work from another."""
    job = Job.objects.active().filter(recording=recording, lane=lane).first()
    if job is None:
        raise Conflict("The recording was just being worked on; try again")
    if not options.items() <= job.options.items():
        work = "transcription" if lane == Job.Lane.GPU else "summary"
        raise Conflict(f"A {work} with other options is already queued or running", job_id=job.pk)
    return job


def _given(hints: Hints) -> dict[str, Any]:
    return {name: value for name, value in asdict(hints).items() if value is not None}
