"""Our own 16 kHz mono 16-bit WAV files: length, samples, slices.

Only files that `media.to_wav` wrote come here; an upload never does. Pure: standard library, NumPy.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000
_SLICE_FRAMES = SAMPLE_RATE * 10


def wav_duration(path: Path) -> float:
    """Length in seconds. Reads only the header."""
    with wave.open(str(path), "rb") as reader:
        return reader.getnframes() / reader.getframerate()


def read_samples(source: Path, start: float = 0.0, end: float | None = None) -> np.ndarray:
    """The samples of [start, end) as float32, shape (n,), in [-1, 1), at 16 kHz.

    Seconds from the start of the file; `end` None means to the end. What lies outside the file is
    left out, so the array may be shorter than asked for, or empty.
    """
    with wave.open(str(source), "rb") as reader:
        first, last = _frame_range(reader, start, end)
        reader.setpos(first)
        data = reader.readframes(last - first)
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768.0


def wav_slice(source: Path, target: Path, start: float, end: float | None = None) -> None:
    """Writes [start, end) of `source` as a WAV of its own. Ten seconds in memory at a time."""
    with wave.open(str(source), "rb") as reader, wave.open(str(target), "wb") as writer:
        writer.setnchannels(reader.getnchannels())
        writer.setsampwidth(reader.getsampwidth())
        writer.setframerate(reader.getframerate())
        position, last = _frame_range(reader, start, end)
        reader.setpos(position)
        while position < last:
            frames = min(_SLICE_FRAMES, last - position)
            writer.writeframesraw(reader.readframes(frames))
            position += frames


def _frame_range(reader: wave.Wave_read, start: float, end: float | None) -> tuple[int, int]:
    """[start, end) in frames, clipped to the file."""
    rate, total = reader.getframerate(), reader.getnframes()
    first = min(max(round(start * rate), 0), total)
    last = total if end is None else min(max(round(end * rate), first), total)
    return first, last
