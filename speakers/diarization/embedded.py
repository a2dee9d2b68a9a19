"""The default diarizer: voice windows on ONNX Runtime. No torch, no account, no download.

Speech is found (speech.py), every 0.2 s of it becomes a voice vector (features.py, embedder.py),
windows of them are clustered into voices and the voices followed through time (clustering.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speakers.diarization.base import Diarization, Turn
from speakers.diarization.clustering import find_voices, follow_voices
from speakers.diarization.embedder import PIECE_FRAMES, Embedder
from speakers.diarization.features import log_mel
from speakers.diarization.speech import SpeechDetector, regions
from speakers.diarization.wav import SAMPLE_RATE, Wav
from speakers.voices import centroid, unit

_BLOCK_SAMPLES = 60 * SAMPLE_RATE
_PIECE_STEP_FRAMES = 20
_PIECE_STEP_SECONDS = 0.2
_PIECE_SECONDS = 0.8
# Windows every 0.4 s, each the mean of the pieces up to two such steps away: 2.4 s.
_WINDOW_STRIDE = 2
_WINDOW_REACH = 2
_PENDING_PIECES = 256
_JOIN_GAP_SECONDS = 0.5
# The part of the whole time that finding speech takes, roughly.
_SPEECH_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class _Region:
    """Speech without a pause. `pieces`: unit voice vectors (n, 256), n at least 1, 0.2 s apart."""

    start: float
    end: float
    pieces: np.ndarray

    def borders(self, stride: int) -> np.ndarray:
        """Seconds where every `stride`-th piece begins and ends to speak for the region."""
        count = len(self.pieces[::stride])
        centres = self.start + _PIECE_SECONDS / 2 + _PIECE_STEP_SECONDS * stride * np.arange(count)
        middles = np.minimum((centres[:-1] + centres[1:]) / 2, self.end)
        return np.concatenate([[self.start], middles, [self.end]])

    def windows(self) -> np.ndarray:
        """One unit vector per 0.4 s, of the 2.4 s around it as far as the region goes."""
        pieces = self.pieces[::_WINDOW_STRIDE]
        reach = range(len(pieces))
        return unit(
            [pieces[max(0, i - _WINDOW_REACH) : i + _WINDOW_REACH + 1].mean(axis=0) for i in reach]
        )


class EmbeddedDiarizer:
    """Loads both networks (12 MB and 2 MB) once. Not for several threads at the same time."""

    name = "embedded"

    def __init__(self, *, threads: int = 0, embedder: Path | None = None) -> None:
        """`threads`: 0 means one per processor. `embedder`: another place of the same model file.

        Raises DiarizationError where a model is missing or damaged.
        """
        self._detector = SpeechDetector()
        self._embedder = Embedder(threads=threads, path=embedder)

    def diarize(
        self,
        wav: Path,
        *,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Diarization:
        """See Diarizer. A file without speech has no turns."""
        with Wav(wav) as audio:
            found = list(self._embedded(audio, self._speech(audio, on_progress), on_progress))
        if not found:
            on_progress(1.0)
            return Diarization(turns=())
        voices = find_voices(
            np.concatenate([region.windows() for region in found]),
            np.concatenate([np.diff(region.borders(_WINDOW_STRIDE)) for region in found]),
            min_speakers=min_speakers,
            max_speakers=max_speakers,
        )
        paths = [follow_voices(region.pieces, voices) for region in found]
        on_progress(1.0)
        return _diarization(found, paths)

    def _speech(self, audio: Wav, on_progress: Callable[[float], None]) -> list[tuple[int, int]]:
        """(start, end) of speech in samples."""
        probabilities = []
        for answer in self._detector.probabilities(audio.blocks(_BLOCK_SAMPLES)):
            probabilities.append(answer)
            share = len(probabilities) * _BLOCK_SAMPLES / audio.frames
            on_progress(_SPEECH_SHARE * min(1.0, share))
        if not probabilities:
            return []
        return regions(np.concatenate(probabilities), audio.frames)

    def _embedded(
        self, audio: Wav, speech: list[tuple[int, int]], on_progress: Callable[[float], None]
    ) -> Iterator[_Region]:
        """The regions with their voice vectors, computed in large batches."""
        spans: list[tuple[int, int]] = []
        pending: list[np.ndarray] = []
        for i, (start, end) in enumerate(speech):
            spans.append((start, end))
            pending.append(_pieces(audio.read(start, end - start)))
            if i + 1 == len(speech) or sum(map(len, pending)) >= _PENDING_PIECES:
                vectors = self._embedder.embed(np.concatenate(pending))
                cuts = np.cumsum([len(pieces) for pieces in pending])[:-1]
                for (low, high), own in zip(spans, np.split(vectors, cuts), strict=True):
                    yield _Region(low / SAMPLE_RATE, high / SAMPLE_RATE, own)
                spans, pending = [], []
                on_progress(_SPEECH_SHARE + (1 - _SPEECH_SHARE) * 0.95 * (i + 1) / len(speech))


def _pieces(samples: np.ndarray) -> np.ndarray:
    """Samples of one region -> features (n, 80, 40) every 0.2 s; n is at least 1."""
    frames = log_mel(samples)
    if len(frames) < PIECE_FRAMES:
        # Speech under 0.8 s is repeated: silence in its place would sound like another voice.
        frames = np.resize(frames, (PIECE_FRAMES, frames.shape[1]))
    view = np.lib.stride_tricks.sliding_window_view(frames, PIECE_FRAMES, axis=0)
    return np.ascontiguousarray(view[::_PIECE_STEP_FRAMES].transpose(0, 2, 1))


def _diarization(found: list[_Region], paths: list[np.ndarray]) -> Diarization:
    """Turns, and labels in order of first appearance with the mean voice of each."""
    order = list(dict.fromkeys(int(voice) for path in paths for voice in path))
    labels = {voice: f"SPEAKER_{number:02d}" for number, voice in enumerate(order)}
    turns: list[Turn] = []
    for region, path in zip(found, paths, strict=True):
        borders = region.borders(1)
        for i, voice in enumerate(path):
            _append(turns, Turn(float(borders[i]), float(borders[i + 1]), labels[int(voice)]))
    pieces, spoken = np.concatenate([region.pieces for region in found]), np.concatenate(paths)
    embeddings = {
        label: centroid(pieces[spoken == voice]).tolist() for voice, label in labels.items()
    }
    return Diarization(turns=tuple(turns), embeddings=embeddings)


def _append(turns: list[Turn], turn: Turn) -> None:
    """Adds a turn, or makes the last one longer where the same voice goes on."""
    last = turns[-1] if turns else None
    if last and last.label == turn.label and turn.start - last.end <= _JOIN_GAP_SECONDS:
        turns[-1] = Turn(last.start, turn.end, turn.label)
    else:
        turns.append(turn)
