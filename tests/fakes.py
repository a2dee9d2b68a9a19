"""Stand-ins for engines, for faults that real ones cannot be made to have."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recordings.connectors.base import (
    Capabilities,
    Limits,
    OnProgress,
    ShouldStop,
    SpokenSegment,
    Transcript,
    TranscriptionRequest,
    Word,
)
from speakers.diarization.base import Diarization, Turn

SAMPLE_RATE = 16_000


@dataclass
class FakeConnector:
    """Says `window START` once per window; `before` may raise, or stop the run, when a window is
    asked for.
    """

    window_seconds: float | None = 2.0
    before: Callable[[TranscriptionRequest, ShouldStop], None] = lambda request, should_stop: None
    says: str | None = "Window {start:g}."
    requests: list[TranscriptionRequest] = field(default_factory=list)

    name = "fake"
    is_local = True
    capabilities = Capabilities(*[True] * 7)

    @property
    def limits(self) -> Limits:
        return Limits(self.window_seconds)

    def transcribe(
        self,
        request: TranscriptionRequest,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress | None = None,
    ) -> Transcript:
        self.requests.append(request)
        self.before(request, should_stop)
        if self.says is None:
            return Transcript((), None, "fake-1")
        text = self.says.format(start=request.start)
        start, end = request.start + 0.1, request.start + 0.9
        segment = SpokenSegment(start, end, text, words=(Word(start, end, text),))
        return Transcript((segment,), request.language or "en", "fake-1")

    def default_model(self) -> str:
        return "fake-1"

    def close(self) -> None:
        return None


@dataclass
class FakeDiarizer:
    """One voice all the way; or whatever `error` says."""

    error: Exception | None = None
    calls: int = 0

    def diarize(self, wav: Path, **_: object) -> Diarization:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return Diarization((Turn(0, 1000, "SPEAKER_00"),), {"SPEAKER_00": [1.0, 0.0]})


def tone(path: Path, *, seconds: float, silent: bool = False) -> Path:
    """A 16 kHz mono WAV with a steady tone, or with nothing."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    samples = np.zeros_like(time) if silent else 0.3 * np.sin(2 * np.pi * 440 * time)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path
