"""Queueing, cancelling and retrying work on a recording."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from recordings.budgets import require_transcription_budget
from recordings.models import Job, Recording
from recordings.pipeline.options import Hints, TranscriptionOptions, resolve, shelves_of
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
        return _same_work(recording, options)
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
            rest_cancelled(job.recording)
            return True
        running = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING)
        return running.update(cancel_requested=True) == 1


def end_jobs_of(user: User) -> None:
    """For the deletion of a person, inside its transaction: active jobs that they asked for end
    without a result, and whoever owns the recordings does not wait for them for ever. Queries grow
    with the jobs.

    Their worker, if they have one, finds that its claim is gone.
    """
    jobs = Job.objects.active().filter(owner=user).order_by("pk")
    for job in jobs.select_for_update():
        Job.objects.filter(pk=job.pk).update(
            status=Job.Status.CANCELLED,
            claim_token=None,
            lease_expires_at=None,
            finished_at=timezone.now(),
        )
        rest_cancelled(job.recording)


def retry_job(job: Job) -> Job:
    """Queues the same work again, with what was asked for then and the defaults of now.

    Gives the active job when it is the same work, and raises Conflict when it is other work.
    """
    return queue_transcription(recording=job.recording, by=job.owner, hints=Hints(**job.requested))


def rest_cancelled(recording: Recording) -> None:
    """Back to COMPLETED with a transcript, else FAILED: http-contract.md, 0.1.21."""
    status = recording.resting_status()
    failed = status == Recording.Status.FAILED
    Recording.objects.filter(pk=recording.pk).update(
        status=status,
        error_code="cancelled" if failed else "",
        error_message="Cancelled" if failed else None,
    )


def _same_work(recording: Recording, options: TranscriptionOptions) -> Job:
    job = Job.objects.active().filter(recording=recording).first()
    if job is None:
        raise Conflict("The recording was just being worked on; try again")
    if job.options != options.as_document():
        raise Conflict(
            "A transcription with other options is already queued or running", job_id=job.pk
        )
    return job


def _given(hints: Hints) -> dict[str, Any]:
    return {name: value for name, value in asdict(hints).items() if value is not None}
