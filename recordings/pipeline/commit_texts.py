"""The writes of a run over the texts, each a transaction that first checks that the claim is still
ours and that the recording still has the transcript it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from recordings.events import events_extracted, summary_completed, summary_failed, updated
from recordings.llm.replies import EventDraft
from recordings.llm.tasks import Summary
from recordings.models import CalendarEvent, Job, Recording, WindowResult
from recordings.pipeline.appointments import Known, same_as_before
from recordings.pipeline.commit import LeaseLost, release
from recordings.pipeline.failures import Failure
from recordings.pipeline.text_options import TextOptions
from recordings.services.processing import texts_ended
from speakr_site.core.queue import ring

HAND_WRITTEN = "A summary was written by hand meanwhile; it was kept."


class Outdated(Exception):
    """The transcript was replaced: the work begins anew with the new one."""


def began(job: Job) -> None:
    with transaction.atomic():
        if not Job.objects.held(job.claim_token).update(stage=Job.Stage.PREPARING, progress=0):
            raise LeaseLost
        # Other statuses are those of a transcription that waits, runs or failed meanwhile.
        completed = Recording.objects.filter(status=Recording.Status.COMPLETED)
        completed.filter(pk=job.recording_id).update(status=Recording.Status.SUMMARIZING)


def read_options(job: Job) -> None:
    """Those of now into `job.options`."""
    options = Job.objects.held(job.claim_token).values_list("options", flat=True).first()
    if options is None:
        raise LeaseLost
    job.options = options


def answered(job: Job, index: int, result: dict[str, Any]) -> None:
    """Keeps what the model was paid for."""
    try:
        with transaction.atomic():
            if not Job.objects.renew(job.claim_token):
                raise LeaseLost
            WindowResult.objects.create(job=job, index=index, start=0, end=0, result=result)
    except IntegrityError as error:
        raise LeaseLost from error


def titled(job: Job, recording: Recording, title: str) -> None:
    """A title that somebody chose meanwhile stays."""
    with transaction.atomic():
        if _still_ours(job, recording).filter(title=recording.title).update(title=title):
            # Whoever was told of the summary knows it by the placeholder.
            updated(recording, ["title"])


def summarized(
    job: Job, recording: Recording, summary: Summary, seconds: float, warnings: list[str]
) -> bool:
    """False when a person wrote one meanwhile, which stays. `warnings`: of the step, which is done
    then: another attempt would tell of the same summary again.
    """
    with transaction.atomic():
        rows = _still_ours(job, recording)
        there = rows.select_for_update(no_key=True).only("summary", "summary_meta").get()
        if not TextOptions(**job.options).may_replace_summary(there):
            return False
        rows.update(
            summary=summary.text,
            summary_meta=asdict(summary.meta),
            summarization_seconds=seconds,
        )
        _write_done(job, "summary", warnings)
        summary_completed(recording, seconds=seconds)
    return True


def extracted(
    job: Job, recording: Recording, events: Sequence[EventDraft], warnings: list[str]
) -> None:
    """In the place of those that were extracted before; what is still the same appointment keeps
    its row, and with it the id that calendars know it by. `warnings`: as for `summarized`.
    """
    with transaction.atomic():
        _still_ours(job, recording)
        before = list(CalendarEvent.objects.filter(recording=recording).order_by("pk"))
        same = same_as_before([Known(row.title, row.start_datetime) for row in before], events)
        kept = {before[index].pk for index in same.values()}
        CalendarEvent.objects.filter(recording=recording).exclude(pk__in=kept).delete()
        CalendarEvent.objects.bulk_create(
            CalendarEvent(recording=recording, **_columns(event))
            for index, event in enumerate(events)
            if index not in same
        )
        for index, other in same.items():
            row, columns = before[other], _columns(events[index])
            if any(getattr(row, name) != value for name, value in columns.items()):
                changes = {**columns, "changed_at": timezone.now()}
                CalendarEvent.objects.filter(pk=row.pk).update(**changes)
        _write_done(job, "events", warnings)
        events_extracted(recording, len(events))


def step_ended(
    job: Job, recording: Recording, step: str, warnings: list[str], failure: Failure | None
) -> None:
    """Another attempt goes on from here. `failure`: why nothing came of it."""
    with transaction.atomic():
        _still_ours(job, recording)
        changes: dict[str, str] = {}
        if failure is not None:
            job.error_code, job.error_message = failure.code, failure.sentence[:500]
            changes = {"error_code": job.error_code, "error_message": job.error_message}
        _write_done(job, step, warnings, **changes)
        if failure is not None and step == "summary":
            summary_failed(recording, failure.sentence)


def ended(job: Job, recording: Recording) -> None:
    """FAILED, for those who look after jobs, when a step was; the recording is complete anyway."""
    with transaction.atomic():
        _still_ours(job, recording)
        release(job, Job.Status.FAILED if job.error_code else Job.Status.DONE, progress=1)
        texts_ended(job.recording_id, TextOptions(**job.options).warnings())
        job.windows.all().delete()


def begins_anew(job: Job) -> None:
    """What is wanted of the new transcript stands in the job already (processing.queue_texts)."""
    with transaction.atomic():
        released = Job.objects.release(
            job.claim_token,
            Job.Status.QUEUED,
            stage=Job.Stage.WAITING,
            available_at=timezone.now(),
            error_code="",
            error_message="",
        )
        if not released:
            raise LeaseLost
        job.windows.all().delete()
        ring(Job.Lane.TEXT)


def _write_done(job: Job, step: str, warnings: list[str], **changes: str) -> None:
    """Call after `_still_ours`, which read what was done before. `changes`: further columns."""
    job.options["done"] = {**job.options.get("done", {}), step: warnings}
    Job.objects.held(job.claim_token).update(options=job.options, **changes)


def _columns(event: EventDraft) -> dict[str, Any]:
    return {
        "title": event.title,
        "start_datetime": event.start,
        "end_datetime": event.end,
        "description": event.description,
        "location": event.location,
        "attendees": list(event.attendees),
        "reminder_minutes": event.reminder_minutes,
    }


def _still_ours(job: Job, recording: Recording) -> QuerySet[Recording]:
    """The recording's row, to be written; the job's options are read again. Raises LeaseLost and
    Outdated.

    The job's row is locked first, as in `processing.queue_texts`.
    """
    held = Job.objects.held(job.claim_token).select_for_update(no_key=True)
    options = list(held.values_list("options", flat=True))
    if not options:
        raise LeaseLost
    job.options = options[0]
    rows = Recording.objects.filter(
        pk=recording.pk, current_transcript=recording.current_transcript_id
    )
    if not rows.exists():
        raise Outdated
    return rows
