"""Text work from claimed to committed: summary, title, dates. Each is written as soon as it is
there, so that another attempt goes on from it, and none of them costs the transcript.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import IntegrityError

from organizing import naming
from organizing.models import NamingTemplate
from recordings.budgets import BudgetExceeded, record_tokens, require_token_budget
from recordings.connectors.base import TranscriptionCancelled
from recordings.exports.subtitles import named
from recordings.llm import client, extractive, tasks
from recordings.llm.client import ModelError, ModelStopped, Reply
from recordings.llm.sections import PromptTooLongError
from recordings.models import Job, Recording
from recordings.pipeline import commit_texts
from recordings.pipeline.commit import LeaseLost
from recordings.pipeline.failures import Failure, failure_of
from recordings.pipeline.lease import Lease
from recordings.pipeline.options import shelves_of
from recordings.pipeline.text_options import TextOptions, context_of, recorded_at, zone_of
from speakr_site.core import system

TOO_SHORT = "The transcript is too short for a summary."
NO_MODEL_FOR_PROMPT = (
    "No language model is configured: the summary is made of key sentences, whatever was asked for."
)
SPOKEN_LEAST = 10


@dataclass(slots=True)
class Run:
    """`model`: None where none is configured. `warnings`: of the step under way."""

    job: Job
    lease: Lease
    recording: Recording
    material: tasks.Material
    model: client.Model | None
    memo: JobMemo
    warnings: list[str] = field(default_factory=list)
    on_progress: Callable[[float], None] = lambda share: None

    @property
    def options(self) -> TextOptions:
        """As the last write found them."""
        return TextOptions(**self.job.options)

    def session(self) -> tasks.Session:
        """Raises BudgetExceeded."""
        require_token_budget(self.job.owner)
        return tasks.Session(
            self.model,
            client.in_background(self.lease.should_stop, self.lease.is_ending),
            self._charge,
            self.memo,
            self.on_progress,
        )

    def _charge(self, operation: str, reply: Reply) -> None:
        try:
            charge(self.job.owner_id, operation, reply)
        except IntegrityError as error:
            # Who pays is gone, and with them the job.
            raise LeaseLost from error

    def is_last_attempt(self) -> bool:
        """As commit.failed counts them: an answer that is new starts the count afresh."""
        return not self.memo.has_grown and self.job.attempts + 1 >= settings.JOB_MAX_RETRIES


class JobMemo:
    """Answers of this job as its windows."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.has_grown = False
        self._known = {row.result["asked"]: row.result for row in job.windows.all()}

    def get(self, digest: str) -> tasks.Answer | None:
        known = self._known.get(digest)
        return tasks.Answer(known["text"], known["is_cut"]) if known else None

    def keep(self, digest: str, answer: tasks.Answer) -> None:
        result = {"asked": digest, "text": answer.text, "is_cut": answer.is_cut}
        index = len(self._known)
        self._known[digest] = result
        commit_texts.answered(self._job, index, result)
        self.has_grown = True


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
    recording = Recording.objects.for_texts().filter(pk=job.recording_id).first()
    if recording is None:
        raise LeaseLost
    # After the transcript: a new one comes together with what is wanted of it.
    commit_texts.read_options(job)
    if recording.current_transcript is not None:
        model = client.text_model()
        run = Run(job, lease, recording, material_of(recording), model, JobMemo(job))
        for index, step in enumerate(STEPS):
            _take(run, step, index / len(STEPS))
    commit_texts.ended(job, recording)


def _take(run: Run, step: Step, begins_at: float) -> None:
    """One step, unless it is not wanted or was taken before. Raises as `write_texts` does.

    What fails for good, or was tried enough, is a warning: the other steps are worth trying.
    """
    if not getattr(run.options, step.name) or step.name in run.options.done:
        return
    run.warnings = []
    run.on_progress = lambda share: run.lease.progress(step.stage, begins_at + share / len(STEPS))
    run.on_progress(0)
    if run.lease.is_ending():
        raise TranscriptionCancelled
    failure: Failure | None = None
    try:
        step.take(run)
    except ModelStopped as error:
        raise TranscriptionCancelled from error
    except (ModelError, BudgetExceeded, PromptTooLongError) as error:
        failure = failure_of(error, run.job)
        if not failure.permanent and not run.is_last_attempt():
            raise
        run.warnings.append(f"No {step.name}: {failure.sentence}")
    commit_texts.step_ended(run.job, run.recording, step.name, run.warnings, failure)


def material_of(recording: Recording) -> tasks.Material:
    """Reads `owner` and `current_transcript`. One query."""
    transcript = recording.current_transcript
    return tasks.Material(
        lines=tuple(named(transcript.segments, transcript.names())),
        context=context_of(recording),
        spoken_language=transcript.language,
    )


def _summarize(run: Run) -> None:
    started = time.monotonic()
    options = run.options
    if not options.may_replace_summary(run.recording):
        run.warnings.append(commit_texts.HAND_WRITTEN)
        return
    if run.material.spoken_chars < SPOKEN_LEAST:
        run.warnings.append(TOO_SHORT)
        return
    if run.model is None:
        summary = extracted_summary(run.material)
        if run.job.requested.get("custom_prompt"):
            run.warnings.append(NO_MODEL_FOR_PROMPT)
    else:
        summary = tasks.summarize(run.session(), run.material, options.prompt)
    run.warnings += summary.warnings
    seconds = round(time.monotonic() - started, 3)
    if commit_texts.summarized(run.job, run.recording, summary, seconds, run.warnings):
        run.recording.summary = summary.text
    else:
        run.warnings.append(commit_texts.HAND_WRITTEN)


def extracted_summary(material: tasks.Material) -> tasks.Summary:
    """Without a model: key sentences of the transcript."""
    length = len(material.text)
    text = extractive.extractive_summary(material.lines, language=material.spoken_language)
    return tasks.Summary(text, tasks.SummaryMeta(None, 1, length, length, extractive=True))


def extracted_title(material: tasks.Material) -> str | None:
    """Without a model: key phrases of the transcript."""
    title = extractive.extractive_title(material.lines, language=material.spoken_language)
    return title or None


def _title(run: Run) -> None:
    if not run.recording.has_placeholder_title:
        return

    def from_content() -> str | None:
        if run.material.spoken_chars < SPOKEN_LEAST:
            return None
        if run.model is None:
            return extracted_title(run.material)
        return tasks.title(run.session(), run.material, run.recording.summary)

    title = proposed_title(run.recording, from_content)
    if title:
        commit_texts.titled(run.job, run.recording, title)


def proposed_title(recording: Recording, from_content: Callable[[], str | None]) -> str | None:
    """By the naming template of the first tag that has one, else of the folder, else the
    owner's default; without any, what `from_content` makes of what was said. None where there is
    nothing to say. Reads `owner`. Raises as `from_content` does, which is called only where the
    template needs it.
    """
    shelves = shelves_of(recording, system=system.current())
    template_id = next((s.naming_template_id for s in shelves if s.naming_template_id), None)
    chosen = NamingTemplate.objects.for_recording(recording.owner, template_id)
    if chosen is None:
        return from_content()
    return naming.named(
        chosen.template,
        pattern=chosen.pattern,
        filename=recording.original_filename or "",
        moment=recorded_at(recording),
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
    commit_texts.extracted(run.job, run.recording, drafts, run.warnings)


@dataclass(frozen=True, slots=True)
class Step:
    """`name`: as in TextOptions."""

    name: str
    stage: Job.Stage
    take: Callable[[Run], None]


# In the order of text_options.WORK.
STEPS = (
    Step("summary", Job.Stage.SUMMARIZING, _summarize),
    Step("title", Job.Stage.TITLING, _title),
    Step("events", Job.Stage.EXTRACTING, _extract),
)
