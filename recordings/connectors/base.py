"""The contract of a transcription engine: what it is asked, what it gives back, how it fails.

Pure dataclasses, no Django and no engine library: the engine child imports this file too. Times are
seconds from the start of the whole recording; an interval includes its start and excludes its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Word:
    """One word as spoken. `text` has no surrounding space but keeps its punctuation."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A stretch of speech as the engine cut it.

    `label` is set only by an engine that diarizes itself. `words` is empty where the engine gives
    no word times.
    """

    start: float
    end: float
    text: str
    label: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """One window of a recording to transcribe.

    `wav`: 16 kHz mono 16-bit PCM WAV of the *whole* recording; the engine reads only [start, end)
    of it. `language`: ISO 639-1 code, or None to detect it. `model`: None means the connector's
    default.
    """

    wav: Path
    start: float
    end: float
    language: str | None = None
    hotwords: str | None = None
    initial_prompt: str | None = None
    model: str | None = None
    diarize: bool = True
    min_speakers: int | None = None
    max_speakers: int | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard in one window.

    `embeddings`: label -> voice vector (float list), only from engines that give them.
    """

    segments: tuple[SpokenSegment, ...]
    language: str | None
    model: str
    embeddings: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The seven flags of GET /transcription."""

    diarization: bool
    speaker_count_control: bool
    hotwords: bool
    initial_prompt: bool
    timestamps: bool
    language_detection: bool
    chunking: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """`window_seconds`: the longest stretch handed over at once; None = the whole recording."""

    window_seconds: float | None


class ConnectorError(Exception):
    """The only exception that may leave an engine.

    `code`: stable snake_case identifier, e.g. "engine_died", "model_unavailable",
    "service_unreachable". `permanent`: trying again cannot help. The message is a sentence fit for
    the owner of the recording.
    """

    def __init__(self, message: str, *, code: str, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


class TranscriptionCancelled(Exception):
    """Raised by `ask` or `transcribe` when `should_stop()` said so; not an error of the engine."""


ShouldStop = Callable[[], bool]
OnProgress = Callable[[float], None]


class Connector(Protocol):
    """A transcription engine. One instance per worker process; `transcribe` is called from one
    thread at a time.
    """

    name: str
    capabilities: Capabilities
    limits: Limits
    is_local: bool

    def transcribe(
        self,
        request: TranscriptionRequest,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress | None = None,
    ) -> Transcript:
        """Blocks until the window is done; `on_progress` gets 0..1 of it now and then, or never.

        Raises ConnectorError, or TranscriptionCancelled soon (about a second) after `should_stop()`
        turns true.
        """
        ...

    def default_model(self) -> str | None:
        """The model used when a request names none; what GET /transcription reports."""
        ...

    def close(self) -> None:
        """Ends child processes and connections. Calling it twice is fine."""
        ...


def as_document(segments: tuple[SpokenSegment, ...]) -> list[dict[str, Any]]:
    """Segments as plain JSON values, for WindowResult and for the engine child's pipe."""
    return [
        {
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            "label": segment.label,
            "words": [[word.start, word.end, word.text] for word in segment.words],
        }
        for segment in segments
    ]


def from_document(document: list[dict[str, Any]]) -> tuple[SpokenSegment, ...]:
    """The inverse of `as_document`."""
    return tuple(
        SpokenSegment(
            start=item["start"],
            end=item["end"],
            text=item["text"],
            label=item["label"],
            words=tuple(Word(*word) for word in item["words"]),
        )
        for item in document
    )
