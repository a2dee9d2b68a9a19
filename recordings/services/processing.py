"""Queueing, cancelling and retrying work on a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from recordings import events
from recordings.budgets import require_token_budget, require_transcription_budget
from recordings.llm import client
from recordings.llm.tasks import leaves_room
from recordings.models import Job, Recording
from recordings.pipeline.options import Hints, TranscriptionOptions, resolve, shelves_of
from recordings.pipeline.text_options import (
    TextOptions,
    after_transcription,
    context_of,
    requested_summary,
)
from speakr_site.core import system
from speakr_site.core.errors import Conflict, InvalidInput
from speakr_site.core.queue import ring

CANCELLED = "Cancelled"
PROMPT_TOO_LONG = "The summary prompt takes more than half of the language model's context"


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
    another summary waits or runs. The earlier summary is kept until the new one replaces it; one
    that a person writes meanwhile stays. Reads `owner`.
    """
    if recording.current_transcript_id is None:
        raise InvalidInput("No transcription available - transcribe first")
    options = requested_summary(recording, custom_prompt=custom_prompt, system=system.current())
    model = client.text_model()
    if model is not None:
        require_token_budget(by)
        prompt = options.prompt
        if prompt and not leaves_room(model, context_of(recording), prompt):
            raise InvalidInput(PROMPT_TOO_LONG)
    requested = {} if custom_prompt is None else {"custom_prompt": custom_prompt}
    return _new_text_job(recording, by, options, requested)


def queue_texts(recording: Recording, options: TextOptions | None) -> bool:
    """Whether text work waits or runs now. Call inside the transaction that gives the recording a
    new transcript.

    Work that is there already goes on with both: its next write notices the new transcript
    (pipeline/commit_texts.py), and waits for this transaction on its job's row.
    """
    jobs = Job.objects.active().filter(recording=recording, lane=Job.Lane.TEXT)
    while True:
        active = jobs.select_for_update(no_key=True).first()
        if active is not None:
            if options is not None:
                wanted = TextOptions(**active.options).joined(options)
                jobs.filter(pk=active.pk).update(options=wanted.as_document())
            return True
        if options is None:
            return False
        try:
            with transaction.atomic():
                Job.objects.create(
                    recording=recording,
                    owner_id=recording.owner_id,
                    lane=Job.Lane.TEXT,
                    options=options.as_document(),
                )
        except IntegrityError:
            # Somebody asked for a summary at this very moment: that job goes on with both.
            continue
        ring(Job.Lane.TEXT)
        return True


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
        hold_work(job.recording_id)
        waiting = Job.objects.filter(pk=job.pk, status=Job.Status.QUEUED)
        if waiting.update(status=Job.Status.CANCELLED, finished_at=timezone.now()):
            rest_cancelled(job)
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
        hold_work(job.recording_id)
        Job.objects.filter(pk=job.pk).update(
            status=Job.Status.CANCELLED,
            claim_token=None,
            lease_expires_at=None,
            finished_at=timezone.now(),
        )
        rest_cancelled(job)


def retry_job(job: Job) -> Job:
    """Queues the same work again, with what was asked for then and the defaults of now.

    Gives the active job when it is the same work, and raises Conflict when it is other work or
    when nothing of it is wanted any more.
    """
    recording = job.recording
    if job.lane == Job.Lane.GPU:
        return queue_transcription(recording=recording, by=job.owner, hints=Hints(**job.requested))
    then = TextOptions(**job.options)
    if recording.current_transcript_id is None:
        raise InvalidInput("No transcription available - transcribe first")
    policy = system.current()
    if then.is_request:
        prompt = job.requested.get("custom_prompt")
        options = requested_summary(recording, custom_prompt=prompt, system=policy)
        # Not what a person wrote since then.
        options = replace(options, title=then.title, replaces=then.replaces)
    else:
        wanted = after_transcription(recording, system=policy)
        if wanted is None:
            raise Conflict("Nothing is wanted of it any more")
        options = wanted
    return _new_text_job(recording, job.owner, options, job.requested)


def hold_work(recording_id: int) -> None:
    """Locks the active jobs of a recording until the transaction ends, in the order in which a
    deletion does (removal.hold_for_deletion). Call it first where one job ends and what the other
    does counts. One query.
    """
    jobs = Job.objects.active().filter(recording=recording_id).order_by("pk")
    list(jobs.select_for_update(no_key=True).values_list("pk"))


def rest_cancelled(job: Job) -> None:
    """The recording goes back to COMPLETED with a transcript, else FAILED (http-contract.md,
    0.1.21); to SUMMARIZING while there is text work left. Call after `hold_work`.
    """
    if job.lane == Job.Lane.TEXT:
        _rest(
            Recording.objects.filter(pk=job.recording_id, status=Recording.Status.SUMMARIZING),
            Recording.Status.COMPLETED,
        )
        tell_if_unsummarized(job, CANCELLED)
        return
    recording = Recording.objects.get(pk=job.recording_id)
    status = recording.resting_status()
    if Job.objects.active().filter(recording=recording, lane=Job.Lane.TEXT).exists():
        status = Recording.Status.SUMMARIZING
    _rest(Recording.objects.filter(pk=recording.pk), status)
    events.transcription_failed(recording, CANCELLED)


def tell_if_unsummarized(job: Job, error: str) -> None:
    """A text job has ended: tells of the summary that was wanted of it and not made. One query."""
    options = Job.objects.values_list("options", flat=True).get(pk=job.pk)
    if TextOptions(**options).owes_summary:
        events.summary_failed(job.recording, error)


def rest_abandoned() -> int:
    """Recordings that wait for work which is gone, as when who had asked for it was deleted; how
    many there were. One query, and one for each.
    """
    working = Job.objects.active().filter(recording=OuterRef("pk"))
    abandoned = Recording.objects.filter(~Exists(working), status__in=Recording.ACTIVE)
    columns = ("pk", "owner_id", "status", "current_transcript_id")
    return sum(_rest_abandoned(abandoned, recording) for recording in abandoned.only(*columns))


@transaction.atomic
def _rest_abandoned(abandoned: QuerySet[Recording], recording: Recording) -> int:
    """How many it were. What became of a summary, or whether one was wanted, nobody knows now."""
    still = abandoned.filter(pk=recording.pk, status=recording.status)
    rested = _rest(still, recording.resting_status())
    if rested and recording.status != Recording.Status.SUMMARIZING:
        events.transcription_failed(recording, CANCELLED)
    return rested


def texts_ended(recording_id: int, warnings: Sequence[str]) -> None:
    """A recording that waits for other work besides keeps its status."""
    recordings = Recording.objects.filter(pk=recording_id)
    recordings.update(text_warnings=warnings)
    # Not moved by another summary of the same transcript.
    recordings.filter(
        Q(completed_at=None) | Q(completed_at__lt=F("current_transcript__created_at"))
    ).update(completed_at=timezone.now())
    recordings.filter(status=Recording.Status.SUMMARIZING).update(status=Recording.Status.COMPLETED)


def _rest(recordings: QuerySet[Recording], status: str) -> int:
    """How many it were."""
    failed = status == Recording.Status.FAILED
    changes: dict[str, Any] = {
        "status": status,
        "error_code": "cancelled" if failed else "",
        "error_message": CANCELLED if failed else None,
    }
    if status == Recording.Status.COMPLETED:
        changes["completed_at"] = Coalesce("completed_at", timezone.now())
    return recordings.update(**changes)


def _new_text_job(
    recording: Recording, by: User, options: TextOptions, requested: dict[str, Any]
) -> Job:
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
        return _same_texts(recording, options)
    return job


def _same_texts(recording: Recording, options: TextOptions) -> Job:
    """The job that is there already; it may replace what the newer request may."""
    wanted = {"summary": options.summary, "prompt": options.prompt}
    with transaction.atomic():
        hold_work(recording.pk)
        job = _same_work(recording, Job.Lane.TEXT, wanted)
        if options.is_request:
            asked = {"is_request": True, "replaces": options.replaces}
            Job.objects.filter(pk=job.pk).update(options=job.options | asked)
    return job


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
