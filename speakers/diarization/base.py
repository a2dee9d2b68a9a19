"""The contract of a diarizer: who spoke when, and how each voice sounds.

Pure: no Django, no engine library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Turn:
    """One voice over [start, end), seconds from the start of the file. `label`: `SPEAKER_00` ..."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, slots=True)
class Diarization:
    """Turns in order of start; labels are numbered in order of first appearance, without gaps.

    `embeddings`: label -> unit-length voice vector (256 floats for the embedded diarizer).
    """

    turns: tuple[Turn, ...]
    embeddings: dict[str, list[float]] = field(default_factory=dict)


class DiarizationError(Exception):
    """The only exception that may leave a diarizer. `permanent`: trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class Diarizer(Protocol):
    name: str

    def diarize(
        self,
        wav: Path,
        *,
        min_speakers: int | None,
        max_speakers: int | None,
        on_progress: Callable[[float], None],
    ) -> Diarization:
        """`wav`: 16 kHz mono 16-bit PCM, any length; memory may grow by the embeddings only.

        `on_progress` gets 0..1 now and then. Raises DiarizationError.
        """
        ...
