"""Text work from claimed to committed: summary, title, dates. Each is written as soon as it is
there, so that another attempt goes on from it, and none of them costs the transcript.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from zoneinfo import ZoneInfo

from django.conf import settings

from organizing.models import NamingTemplate
from recordings.budgets import BudgetExceeded, record_tokens, require_token_budget
from recordings.connectors.base import TranscriptionCancelled
from recordings.exports import naming
from recordings.exports.subtitles import Cue
from recordings.llm import client, extractive, tasks
from recordings.llm.client import ModelError, ModelStopped, Reply
from recordings.llm.prompts import Context
from recordings.models import Job, Recording, WindowResult
from recordings.pipeline import commit_texts
from recordings.pipeline.lease import Lease
from recordings.pipeline.options import shelves_of
from recordings.pipeline.text_options import TextOptions
from speakr_site.core import system

TOO_SHORT = "The transcript is too short for a summary."
NO_MODEL_FOR_PROMPT = (
    "No language model is configured: the summary is made of key sentences, whatever was asked for."
)
SUMMARY_MIN_LENGTH = 10


@dataclass(slots=True)
class Run:
    """`model`: None where none is configured."""

    job: Job
    lease: Lease
    recording: Recording
    material: tasks.Material
    model: client.Model | None
    warnings: list[str] = field(default_factory=list)

    def session(self) -> tasks.Session:
        """Raises BudgetExceeded."""
        require_token_budget(self.job.owner)
        return tasks.Session(
            self.model,
            client.in_background(self.lease.should_stop),
            partial(charge, self.job.owner_id),
            JobMemo(self.job),
        )


class JobMemo:
    """Answers of this job as its windows."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._known = {row.result["asked"]: row.result for row in job.windows.all()}

    def get(self, digest: str) -> tasks.Answer | None:
        known = self._known.get(digest)
        return tasks.Answer(known["text"], known["is_cut"]) if known else None

    def keep(self, digest: str, answer: tasks.Answer) -> None:
        result = {"asked": digest, "text": answer.text, "is_cut": answer.is_cut}
        index = len(self._known)
        self._known[digest] = result
        WindowResult.objects.create(job=self._job, index=index, start=0, end=0, result=result)


def charge(user_id: int, operation: str, reply: Reply) -> None:
    record_tokens(
        user_id=user_id,
        operation=operation,
        prompt=reply.prompt_tokens,
        completion=reply.completion_tokens,
    )


def write_texts(job: Job, lease: Lease) -> None:
    """Raises what commit_texts raises, TranscriptionCancelled, and ModelError where another attempt
    may help.
    """
    commit_texts.began(job)
    rows = Recording.objects.select_related("owner", "current_transcript")
    recording = rows.defer("current_transcript__words").get(pk=job.recording_id)
    if recording.current_transcript is None:
        commit_texts.ended(job, [])
        return
    options = TextOptions(**job.options)
    run = Run(job, lease, recording, material_of(recording), client.text_model())
    steps: tuple[tuple[bool, Callable[[Run], None], str, str], ...] = (
        (options.summary, _summarize, Job.Stage.SUMMARIZING, "No summary"),
        (options.title, _title, Job.Stage.TITLING, "No title"),
        (options.events, _extract, Job.Stage.EXTRACTING, "No events"),
    )
    for index, (is_wanted, step, stage, without) in enumerate(steps):
        if not is_wanted:
            continue
        lease.progress(stage, index / len(steps))
        if lease.is_ending():
            raise TranscriptionCancelled
        try:
            step(run)
        except ModelStopped as error:
            raise TranscriptionCancelled from error
        except (ModelError, BudgetExceeded) as error:
            if not getattr(error, "permanent", True):
                raise
            run.warnings.append(f"{without}: {error}")
    commit_texts.ended(job, run.warnings)


def material_of(recording: Recording) -> tasks.Material:
    """Reads `owner` and `current_transcript`. One query."""
    transcript = recording.current_transcript
    names = transcript.names()
    owner = recording.owner
    recorded = recording.meeting_date or recording.created_at
    return tasks.Material(
        lines=tuple(
            Cue(
                name=names.get(segment["speaker"], segment["speaker"]),
                text=segment["text"],
                start=segment["start"],
                end=segment["end"],
            )
            for segment in transcript.segments
        ),
        context=Context(
            title=None if recording.has_placeholder_title else recording.title,
            recorded_on=recorded.astimezone(zone_of(recording)).date(),
            participants=recording.participants,
            owner_name=owner.name,
            language=owner.output_language,
        ),
        spoken_language=transcript.language,
    )


def zone_of(recording: Recording) -> ZoneInfo:
    """Reads `owner`."""
    return ZoneInfo(recording.owner.timezone or settings.TIME_ZONE)


def _summarize(run: Run) -> None:
    started = time.monotonic()
    options = TextOptions(**run.job.options)
    if not options.is_request and run.recording.has_hand_written_summary:
        return
    if run.material.spoken_chars < SUMMARY_MIN_LENGTH:
        run.warnings.append(TOO_SHORT)
        return
    if run.model is None:
        summary = extracted_summary(run.material)
        if options.is_request and run.job.requested.get("custom_prompt"):
            run.warnings.append(NO_MODEL_FOR_PROMPT)
    else:
        summary = tasks.summarize(run.session(), run.material, options.prompt)
    run.warnings += summary.warnings
    seconds = round(time.monotonic() - started, 3)
    if kept := commit_texts.summarized(run.job, run.recording, summary, seconds):
        run.warnings.append(kept)
    else:
        run.recording.summary = summary.text


def extracted_summary(material: tasks.Material) -> tasks.Summary:
    """Without a model: key sentences of the transcript."""
    length = len(material.text)
    text = extractive.extractive_summary(material.lines, language=material.spoken_language)
    return tasks.Summary(text, tasks.SummaryMeta(None, 1, length, length, extractive=True))


def _title(run: Run) -> None:
    if not run.recording.has_placeholder_title:
        return
    title = proposed_title(run.recording, run.material, run.model, run.session)
    if title:
        commit_texts.titled(run.job, run.recording, title)


def proposed_title(
    recording: Recording,
    material: tasks.Material,
    model: client.Model | None,
    session: Callable[[], tasks.Session],
) -> str | None:
    """By the naming template of the first tag that has one, else of the folder, else the
    owner's default; without any, what the model says, or the key phrases of the transcript. None
    where there is nothing to say. Reads `owner`. Raises as `tasks.title` does.

    The model is asked only for what the template needs.
    """

    def from_content() -> str | None:
        if material.spoken_chars < SUMMARY_MIN_LENGTH:
            return None
        if model is None:
            return extractive.extractive_title(material.lines, language=material.spoken_language)
        return tasks.title(session(), material, recording.summary)

    shelves = shelves_of(recording, system=system.current())
    template_id = next((s.naming_template_id for s in shelves if s.naming_template_id), None)
    chosen = NamingTemplate.objects.for_recording(recording.owner, template_id)
    if chosen is None:
        return from_content()
    return naming.named(
        chosen.template,
        pattern=chosen.pattern,
        filename=recording.original_filename or "",
        moment=(recording.meeting_date or recording.created_at).astimezone(zone_of(recording)),
        ai_title=from_content,
    )


def _extract(run: Run) -> None:
    if run.model is None:
        return
    zone = zone_of(run.recording)
    drafts, skipped = tasks.events(
        run.session(), run.material, reference=run.material.context.recorded_on, zone=zone
    )
    if skipped:
        run.warnings.append(f"{skipped} of the events found made no sense and were left out.")
    commit_texts.extracted(run.job, run.recording, drafts)
