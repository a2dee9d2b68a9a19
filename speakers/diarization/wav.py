"""Reads 16 kHz mono 16-bit PCM in parts, so that memory does not grow with the file.

No decoding, no resampling.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from speakers.diarization.base import DiarizationError

SAMPLE_RATE = 16_000
_FULL_SCALE = 32_768.0


class Wav:
    """An open file. `frames`: its length in samples. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises DiarizationError where the file is missing, damaged or of another format."""
        try:
            self._file = wave.open(str(path), "rb")  # noqa: SIM115 - closed by __exit__
        except (OSError, EOFError, wave.Error) as error:
            raise DiarizationError(f"The audio cannot be read: {error}", permanent=True) from error
        shape = (self._file.getframerate(), self._file.getnchannels(), self._file.getsampwidth())
        if shape != (SAMPLE_RATE, 1, 2):
            self._file.close()
            raise DiarizationError(
                "The audio must be 16 kHz mono 16-bit PCM; it is {} Hz, {} channels, {} bytes "
                "per sample.".format(*shape),
                permanent=True,
            )
        self.frames = self._file.getnframes()

    def __enter__(self) -> Wav:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, start: int, count: int) -> np.ndarray:
        """Samples [start, start + count), float32 in -1..1; fewer at the end of the file."""
        self._file.setpos(min(max(start, 0), self.frames))
        return self._floats(self._file.readframes(count))

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """The whole file from its start, float32, in blocks of `size`; the last may be shorter."""
        self._file.rewind()
        while data := self._file.readframes(size):
            yield self._floats(data)

    @staticmethod
    def _floats(data: bytes) -> np.ndarray:
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / _FULL_SCALE
