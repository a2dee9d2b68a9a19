"""The writes of a run over the texts, each a transaction that first checks that the claim is still
ours and that the recording still has the transcript it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from recordings.llm.replies import EventDraft
from recordings.llm.tasks import Summary
from recordings.models import CalendarEvent, Job, Recording
from recordings.pipeline.commit import LeaseLost, release
from recordings.services.processing import texts_ended
from speakr_site.core.queue import ring

HAND_WRITTEN = "A summary was written by hand meanwhile; it was kept."


class Outdated(Exception):
    """The transcript was replaced: the work begins anew with the new one."""


def began(job: Job) -> None:
    with transaction.atomic():
        if not Job.objects.held(job.claim_token).update(stage=Job.Stage.PREPARING, progress=0):
            raise LeaseLost
        resting = (Recording.Status.COMPLETED, Recording.Status.FAILED)
        Recording.objects.filter(pk=job.recording_id, status__in=resting).update(
            status=Recording.Status.SUMMARIZING, error_code="", error_message=None
        )


def titled(job: Job, recording: Recording, title: str) -> None:
    """A title that somebody chose meanwhile stays."""
    with transaction.atomic():
        _still_ours(job, recording).filter(title=recording.title).update(title=title)
        _done(job, "title")


def summarized(job: Job, recording: Recording, summary: Summary, seconds: float) -> str | None:
    """The new summary in the place of the one that was there when the work began; a sentence when
    a person wrote another meanwhile, which stays.
    """
    with transaction.atomic():
        same = (
            Q(summary=recording.summary) if recording.summary else Q(summary=None) | Q(summary="")
        )
        written = (
            _still_ours(job, recording)
            .filter(same)
            .update(
                summary=summary.text,
                summary_meta=asdict(summary.meta),
                summarization_seconds=seconds,
            )
        )
        _done(job, "summary")
    return None if written else HAND_WRITTEN


def extracted(job: Job, recording: Recording, events: Iterable[EventDraft]) -> None:
    """In the place of those that were extracted before."""
    with transaction.atomic():
        _still_ours(job, recording)
        CalendarEvent.objects.filter(recording=recording).delete()
        CalendarEvent.objects.bulk_create(
            CalendarEvent(
                recording=recording,
                title=event.title,
                start_datetime=event.start,
                end_datetime=event.end,
                description=event.description,
                location=event.location,
                attendees=list(event.attendees),
                reminder_minutes=event.reminder_minutes,
            )
            for event in events
        )


def ended(job: Job, warnings: Sequence[str]) -> None:
    with transaction.atomic():
        release(job, Job.Status.DONE, progress=1)
        texts_ended(job.recording_id, warnings)
        job.windows.all().delete()


def begins_anew(job: Job) -> None:
    """What is wanted of the new transcript stands in the job already (commit.queue_texts)."""
    with transaction.atomic():
        released = Job.objects.release(
            job.claim_token,
            Job.Status.QUEUED,
            stage=Job.Stage.WAITING,
            available_at=timezone.now(),
        )
        if not released:
            raise LeaseLost
        job.windows.all().delete()
        ring(Job.Lane.TEXT)


def _still_ours(job: Job, recording: Recording) -> QuerySet[Recording]:
    """The recording's row, to be written. Raises LeaseLost and Outdated.

    The job's row is locked first, as in `commit.queue_texts`.
    """
    held = Job.objects.held(job.claim_token).select_for_update(no_key=True)
    if not held.values_list("pk"):
        raise LeaseLost
    rows = Recording.objects.filter(
        pk=recording.pk, current_transcript=recording.current_transcript_id
    )
    if not rows.exists():
        raise Outdated
    return rows


def _done(job: Job, work: str) -> None:
    """Another attempt goes on from here."""
    job.options[work] = False
    Job.objects.held(job.claim_token).update(options=job.options)
