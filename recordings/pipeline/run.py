"""A job from claimed to committed, readable in one screen."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recordings import engines, storage
from recordings.budgets import require_transcription_budget
from recordings.connectors.base import TranscriptionCancelled
from recordings.models import Job
from recordings.pipeline import commit, stages
from recordings.pipeline.align import labelled_segments
from recordings.pipeline.commit_texts import Outdated, begins_anew
from recordings.pipeline.failures import failure_of
from recordings.pipeline.lease import Lease, StopReason
from recordings.pipeline.options import TranscriptionOptions
from recordings.pipeline.text_options import after_transcription
from recordings.pipeline.texts import write_texts
from speakr_site.core import system
from speakr_site.core.queue import TimeLimit

logger = logging.getLogger(__name__)


def run(job: Job) -> None:
    """Runs a claimed job to its end, whatever that is, and writes it down. Raises only what ends
    the worker.
    """
    work = write_texts if job.lane == Job.Lane.TEXT else _transcribe
    windows_before = job.windows.count()
    try:
        with Lease(job) as lease:
            try:
                work(job, lease)
            except TranscriptionCancelled:
                _stopped(job, lease)
            except Outdated:
                begins_anew(job)
    except commit.LeaseLost:
        logger.warning("%s is no longer ours; its result is dropped", job)
    except (Exception, TimeLimit) as error:
        failure = failure_of(error, job)
        logger.warning("%s failed: %s", job, failure.code, exc_info=failure.code == "internal")
        with suppress(commit.LeaseLost):
            if failure.blameless:
                commit.put_off(job, failure)
            else:
                commit.failed(job, failure, made_headway=job.windows.count() > windows_before)
        if isinstance(error, TimeLimit):
            raise


def _transcribe(job: Job, lease: Lease) -> None:
    with _scratch(job) as scratch:
        _transcribe_in(scratch, job, lease)


def _transcribe_in(scratch: Path, job: Job, lease: Lease) -> None:
    started = time.monotonic()
    options = TranscriptionOptions(**job.options)
    policy = system.current()
    connector = engines.connector(policy)
    commit.began(job)
    require_transcription_budget(job.owner)
    audio = stages.prepare(job, scratch, connector, lease)
    decoded = time.monotonic()
    heard = stages.transcribe(job, audio, options, connector, lease)
    voices = stages.diarize(audio, heard, options, lease)
    lease.progress(Job.Stage.SAVING, stages.DIARIZED)
    commit.finished(
        job,
        commit.Outcome(
            segments=tuple(labelled_segments(heard.segments, voices.turns)),
            language=heard.language,
            engine=connector.name,
            model=heard.model,
            duration_seconds=audio.duration_seconds,
            transcription_seconds=round(time.monotonic() - decoded, 3),
            processing_seconds=round(time.monotonic() - started, 3),
            embeddings=voices.embeddings,
            warnings=audio.warnings + voices.warnings,
            texts=after_transcription(job.recording, system=policy),
        ),
    )


def _stopped(job: Job, lease: Lease) -> None:
    if lease.reason is StopReason.CANCELLED:
        commit.cancelled(job)
    elif lease.reason is StopReason.STOPPING:
        commit.handed_back(job)
    else:
        raise commit.LeaseLost


@contextmanager
def _scratch(job: Job) -> Iterator[Path]:
    """A folder for this claim alone, gone afterwards; the sweep removes those of killed workers."""
    folder = storage.scratch_folder(job.claim_token)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
