"""Decoded frames become one line of sound: channels averaged, 16 kHz, gaps filled. In a child."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.plane import AudioPlane

from recordings.audio.wav import SAMPLE_RATE, WavSink

# A gap in the time stamps becomes silence, so that times stay those of the player. Shorter ones are
# rounding, longer ones are broken clocks.
_SHORTEST_GAP_SECONDS = 0.25
_LONGEST_GAP_SECONDS = 600.0


class Timeline:
    """Frames of any rate and layout on their way to one 16 kHz mono line without holes.

    `start`: the time stamp that is zero. `frames` and `seconds` count what came in, gaps included.
    """

    def __init__(self, sink: WavSink, *, start: float) -> None:
        self.frames = 0
        self.seconds = 0.0
        self._sink = sink
        self._zero = start
        self._rate = 0
        self._resampler: av.AudioResampler | None = None
        self._waiting: list[np.ndarray] = []
        self._waiting_samples = 0

    def add(self, frame: AudioFrame, at: float | None) -> None:
        """Takes the next frame, which belongs at so many seconds (None: right after the last)."""
        if at is not None:
            self._fill_gap(at)
        if frame.sample_rate != self._rate:
            self.flush()
            self._rate = frame.sample_rate
        self.frames += 1
        self.seconds += frame.samples / self._rate
        self._waiting.append(_mono(frame))
        self._waiting_samples += frame.samples
        if self._waiting_samples >= self._rate:
            self._resample()

    def flush(self) -> None:
        """Writes what the resampler still holds. Call at the end."""
        self._resample()
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
        self._resampler = None

    def _resample(self) -> None:
        """Passes on what waits, about a second: many small calls would take twice the time."""
        if not self._waiting_samples:
            return
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", "mono", SAMPLE_RATE)
        joined = np.concatenate(self._waiting)[np.newaxis]
        frame = AudioFrame.from_ndarray(joined, format="fltp", layout="mono")
        frame.sample_rate = self._rate
        self._waiting, self._waiting_samples = [], 0
        self._write(self._resampler.resample(frame))

    def _fill_gap(self, at: float) -> None:
        gap = at - self._zero - self.seconds
        if abs(gap) < _SHORTEST_GAP_SECONDS:
            return
        if 0 < gap <= _LONGEST_GAP_SECONDS:
            self.flush()
            self._sink.silence(round(gap * SAMPLE_RATE))
            self.seconds += gap
        else:
            self._zero += gap

    def _write(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._sink.write(frame.to_ndarray()[0])


def _mono(frame: AudioFrame) -> np.ndarray:
    """The plain average of all channels: float32, shape (n,), in [-1, 1].

    Not by libswresample, which weighs the channels, nor by `to_ndarray`, which reads beyond the
    planes of a frame with eight or more (PyAV 18.1).
    """
    name = frame.format.name.removesuffix("p")
    dtype, zero, scale = _SAMPLE_FORMATS[name]
    channels = frame.layout.nb_channels
    if frame.format.is_planar:
        samples = np.stack(
            [_plane(frame, index, dtype, frame.samples) for index in range(channels)]
        )
    else:
        samples = _plane(frame, 0, dtype, frame.samples * channels).reshape(-1, channels).T
    return (samples.mean(axis=0, dtype=np.float32) - np.float32(zero)) / np.float32(scale)


def _plane(frame: AudioFrame, index: int, dtype: str, count: int) -> np.ndarray:
    plane: Any = AudioPlane(frame, index)
    return np.frombuffer(plane, dtype, count)


# libav's name: NumPy's name, the value of silence, the value of full scale.
_SAMPLE_FORMATS = {
    "u8": ("u1", 128, 1 << 7),
    "s16": ("i2", 0, 1 << 15),
    "s32": ("i4", 0, 1 << 31),
    "s64": ("i8", 0, 1 << 63),
    "flt": ("f4", 0, 1),
    "dbl": ("f8", 0, 1),
}
