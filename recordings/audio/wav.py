"""Our own 16 kHz mono 16-bit WAV files: writing, length, samples, slices.

Only files that `media.to_wav` wrote come here; an upload never does. Pure: standard library, NumPy.
"""

from __future__ import annotations

import wave
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

SAMPLE_RATE = 16_000
_SLICE_FRAMES = SAMPLE_RATE * 10
_STEP = SAMPLE_RATE // 100


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


class WavSink:
    """Writes such a file and its loudness side by side, as the samples come. Use as a context.

    `samples` counts what is written. `loudness` gets float32, the root mean square of each 10 ms.
    """

    def __init__(self, target: BinaryIO, loudness: BinaryIO) -> None:
        self.samples = 0
        self._loudness = loudness
        self._rest = np.empty(0, np.float32)
        self._wav = wave.Wave_write(target)
        self._wav.setnchannels(1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(SAMPLE_RATE)

    def __enter__(self) -> WavSink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._write_loudness(np.empty(0, np.float32), last=True)
            self._wav.close()

    def write(self, samples: np.ndarray) -> None:
        """Takes float32, shape (n,), in [-1, 1]; what is beyond is clipped, NaN is silence."""
        within = np.clip(np.nan_to_num(samples), -1.0, 32767 / 32768)
        pcm = np.rint(within * 32768.0).astype("<i2")
        self._wav.writeframesraw(pcm.tobytes())
        self._write_loudness(pcm.astype(np.float32) / 32768.0)
        self.samples += len(pcm)

    def silence(self, samples: int) -> None:
        while samples > 0:
            count = min(samples, SAMPLE_RATE)
            self.write(np.zeros(count, np.float32))
            samples -= count

    def _write_loudness(self, samples: np.ndarray, *, last: bool = False) -> None:
        """One RMS value for each full 10 ms; the rest waits, or counts as one at the end."""
        samples = np.concatenate([self._rest, samples])
        full = len(samples) // _STEP * _STEP
        self._rest = samples[full:]
        levels = np.sqrt(np.mean(np.square(samples[:full].reshape(-1, _STEP)), axis=1))
        self._loudness.write(levels.astype("<f4").tobytes())
        if last and len(self._rest):
            self._loudness.write(np.sqrt(np.mean(np.square(self._rest))).astype("<f4").tobytes())


def _frame_range(reader: wave.Wave_read, start: float, end: float | None) -> tuple[int, int]:
    """[start, end) in frames, clipped to the file."""
    rate, total = reader.getframerate(), reader.getnframes()
    first = min(max(round(start * rate), 0), total)
    last = total if end is None else min(max(round(end * rate), first), total)
    return first, last
