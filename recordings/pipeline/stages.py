"""The stages of a run. Each takes and returns plain values; none of them writes a result but
`transcribe`, which keeps every finished window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import IntegrityError, transaction

from recordings import engines, storage
from recordings.audio import media, windows
from recordings.connectors.base import (
    Connector,
    ConnectorError,
    SpokenSegment,
    Transcript,
    TranscriptionCancelled,
    TranscriptionRequest,
    as_document,
    from_document,
)
from recordings.models import Job, WindowResult
from recordings.pipeline.commit import LeaseLost
from recordings.pipeline.failures import AudioMissing
from recordings.pipeline.lease import Lease
from recordings.pipeline.options import TranscriptionOptions
from recordings.pipeline.stitch import stitch
from speakers.diarization.base import Turn

logger = logging.getLogger(__name__)

DECODE_SECONDS = 6 * 3600
DIARIZATION_TRIES = 2

# Where each stage ends on the scale of the whole job, by what they cost on two cores.
PREPARED, TRANSCRIBED, DIARIZED = 0.05, 0.75, 0.98

# A window this short may be too little to tell a language by; it takes the first one found.
SHORT_SECONDS = 60

TRUNCATED = "The file ends early: what is missing at its end could not be transcribed."


@dataclass(frozen=True, slots=True)
class Audio:
    """16 kHz mono WAV of the whole recording; `windows`: (start, end) in seconds, covering it."""

    wav: Path
    duration_seconds: float
    windows: list[tuple[float, float]]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """`is_labelled`: the engine told the voices apart itself, over the whole recording at once."""

    segments: tuple[SpokenSegment, ...]
    language: str | None
    model: str
    embeddings: dict[str, list[float]]
    is_labelled: bool


@dataclass(frozen=True, slots=True)
class Voices:
    turns: tuple[Turn, ...]
    embeddings: dict[str, list[float]]
    warnings: tuple[str, ...] = ()


def prepare(job: Job, scratch: Path, connector: Connector, lease: Lease) -> Audio:
    """Fetches the stored bytes and decodes them. Raises AudioMissing, MediaError,
    TranscriptionCancelled.
    """
    try:
        source = storage.materialize(job.recording.audio_key, scratch)
    except FileNotFoundError as error:
        raise AudioMissing from error
    wav = scratch / "audio.wav"
    try:
        info = media.to_wav(
            source,
            wav,
            deadline_seconds=DECODE_SECONDS,
            # What it makes is not kept, so there is no point in finishing it.
            should_stop=lease.is_ending,
            on_progress=_on_scale(lease, Job.Stage.PREPARING, 0, PREPARED),
        )
    except media.MediaCancelled as error:
        raise TranscriptionCancelled from error
    # Loudness is rounded up to its next step, so the whole may be a little longer than it is.
    limit = connector.limits.window_seconds or info.duration_seconds + 1
    return Audio(
        wav=wav,
        duration_seconds=info.duration_seconds,
        windows=windows.windows(info.loudness, limit),
        warnings=(TRUNCATED,) if info.truncated else (),
    )


def transcribe(
    job: Job, audio: Audio, options: TranscriptionOptions, connector: Connector, lease: Lease
) -> Heard:
    """Window by window, each one's words kept when it is done. Raises ConnectorError,
    TranscriptionCancelled.
    """
    done = {window.index: window.result for window in job.windows.all()}
    spoken = options.language
    for index, (start, end) in enumerate(audio.windows):
        if index not in done:
            # Windows are stored whole, so a stop between two loses nothing.
            if lease.is_ending():
                raise TranscriptionCancelled
            logger.info("%s: window %d of %d", job, index + 1, len(audio.windows))
            lease.progress(Job.Stage.TRANSCRIBING, _share(start, audio))
            heard = connector.transcribe(
                TranscriptionRequest(
                    wav=audio.wav,
                    start=start,
                    end=end,
                    language=options.language or (spoken if end - start < SHORT_SECONDS else None),
                    hotwords=options.hotwords,
                    initial_prompt=options.initial_prompt,
                    model=options.model,
                    min_speakers=options.min_speakers,
                    max_speakers=options.max_speakers,
                ),
                should_stop=lease.should_stop,
                on_progress=_on_scale(
                    lease,
                    Job.Stage.TRANSCRIBING,
                    _share(start, audio),
                    _share(end, audio),
                ),
            )
            done[index] = _keep_window(job, index, (start, end), heard)
        if done[index]["segments"]:
            spoken = spoken or done[index]["language"]
    results = [done[index] for index in range(len(audio.windows))]
    segments = stitch([from_document(result["segments"]) for result in results])
    return Heard(
        segments=segments,
        language=spoken,
        model=next((result["model"] for result in results), ""),
        embeddings=results[0]["embeddings"] if len(results) == 1 else {},
        is_labelled=len(results) == 1 and any(segment.label for segment in segments),
    )


def diarize(audio: Audio, heard: Heard, options: TranscriptionOptions, lease: Lease) -> Voices:
    """Tells the voices apart. Never fails: without a result there is a warning, and the transcript
    is kept.

    Raises TranscriptionCancelled.
    """
    diarizer = engines.diarizer()
    if heard.is_labelled or not heard.segments or diarizer is None:
        return Voices((), heard.embeddings)
    if lease.is_ending():
        raise TranscriptionCancelled
    lease.progress(Job.Stage.DIARIZING, TRANSCRIBED)
    for attempt in range(1, DIARIZATION_TRIES + 1):
        try:
            found = diarizer.diarize(
                audio.wav,
                min_speakers=options.min_speakers,
                max_speakers=options.max_speakers,
                should_stop=lease.should_stop,
                on_progress=_on_scale(lease, Job.Stage.DIARIZING, TRANSCRIBED, DIARIZED),
            )
            return Voices(found.turns, found.embeddings)
        except ConnectorError as error:
            logger.warning("%s: diarization failed, try %d: %s", lease.job, attempt, error)
            sentence = str(error)
            if error.permanent:
                break
    return Voices((), {}, (f"Speakers could not be told apart: {sentence}",))


def _keep_window(
    job: Job, index: int, bounds: tuple[float, float], heard: Transcript
) -> dict[str, object]:
    """Stores a window's words while the job is ours."""
    result = {
        "segments": as_document(heard.segments),
        "language": heard.language,
        "model": heard.model,
        "embeddings": heard.embeddings,
    }
    try:
        with transaction.atomic():
            if not Job.objects.renew(job.claim_token):
                raise LeaseLost
            WindowResult.objects.create(
                job=job, index=index, start=bounds[0], end=bounds[1], result=result
            )
    except IntegrityError as error:
        raise LeaseLost from error
    return result


def _share(seconds: float, audio: Audio) -> float:
    done = seconds / audio.duration_seconds if audio.duration_seconds else 1
    return PREPARED + (TRANSCRIBED - PREPARED) * done


def _on_scale(lease: Lease, stage: str, start: float, end: float) -> Callable[[float], None]:
    return lambda fraction: lease.progress(stage, start + (end - start) * fraction)
