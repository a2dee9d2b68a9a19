"""Conversations with known truth, made of LibriSpeech utterances, for the other benchmarks.

The recordings are outside the repository (`../shared/audio/librispeech`) and stay there.
"""

from __future__ import annotations

import random
import wave
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000
LIBRISPEECH = Path(__file__).resolve().parents[1] / "../shared/audio/librispeech"


@dataclass(frozen=True, slots=True)
class Spoken:
    """Truth: `reader` speaks over [start, end), in seconds."""

    start: float
    end: float
    reader: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """`samples`: float32 in -1..1 at 16 kHz. `truth` in order of start, `clips` the same, alone."""

    samples: np.ndarray
    truth: tuple[Spoken, ...]
    clips: tuple[np.ndarray, ...] = ()

    @property
    def readers(self) -> set[str]:
        return {spoken.reader for spoken in self.truth}

    @property
    def seconds(self) -> float:
        return self.samples.size / SAMPLE_RATE

    def write(self, path: Path) -> Path:
        """As 16 kHz mono 16-bit WAV."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            pcm = np.clip(self.samples * 32_768.0, -32_768, 32_767).astype("<i2")
            file.writeframes(pcm.tobytes())
        return path


def readers() -> list[str]:
    """The readers at hand, in order of name; empty where the recordings are absent."""
    return sorted(folder.name for folder in LIBRISPEECH.glob("*") if folder.is_dir())


def build(
    count: int, *, seed: int, turns: int = 20, gap: tuple[float, float] = (0.1, 0.8)
) -> Conversation:
    """`count` readers take `turns` turns of 1.5 to 9 s; every reader speaks at least twice.

    `gap`: least and most seconds between two turns; below zero they overlap. Nobody follows himself
    unless he is alone.
    """
    chance = random.Random(seed)
    cast = chance.sample(readers(), count)
    track = np.zeros(0, dtype=np.float32)
    truth: list[Spoken] = []
    clips: list[np.ndarray] = []
    for reader in _order(cast, turns, chance):
        piece = _utterance(reader, chance)
        clips.append(piece)
        start = max(0, track.size + round(chance.uniform(*gap) * SAMPLE_RATE)) if truth else 0
        longer = np.zeros(max(track.size, start + piece.size), dtype=np.float32)
        longer[: track.size] = track
        longer[start : start + piece.size] += piece
        track = longer
        truth.append(Spoken(start / SAMPLE_RATE, (start + piece.size) / SAMPLE_RATE, reader))
    return Conversation(samples=track, truth=tuple(truth), clips=tuple(clips))


def reading(seconds: float, *, seed: int, gap: tuple[float, float] = (0.2, 0.8)) -> Conversation:
    """Whole utterances of all readers in a random order, again from the top until it is enough."""
    chance = random.Random(seed)
    paths = sorted(LIBRISPEECH.glob("*/*.flac"))
    chance.shuffle(paths)
    pieces: list[np.ndarray] = []
    truth: list[Spoken] = []
    clips: list[np.ndarray] = []
    size = 0
    for path in cycle(paths):
        clip = decoded(path)
        if (size + clip.size) / SAMPLE_RATE > seconds:
            break
        truth.append(Spoken(size / SAMPLE_RATE, (size + clip.size) / SAMPLE_RATE, path.parent.name))
        clips.append(clip)
        silence = np.zeros(round(chance.uniform(*gap) * SAMPLE_RATE), dtype=np.float32)
        pieces += [clip, silence]
        size += clip.size + silence.size
    return Conversation(np.concatenate(pieces), tuple(truth), tuple(clips))


def _order(cast: list[str], turns: int, chance: random.Random) -> list[str]:
    """Whose turn it is: everybody at least twice, neighbours different where there is a choice."""
    while True:
        order: list[str] = []
        for _ in range(turns):
            others = [reader for reader in cast if not order or reader != order[-1]]
            order.append(chance.choice(others or cast))
        if all(order.count(reader) >= 2 for reader in cast):
            return order


def _utterance(reader: str, chance: random.Random) -> np.ndarray:
    """1.5 to 9 s from the start of one of the reader's utterances."""
    path = chance.choice(sorted((LIBRISPEECH / reader).glob("*.flac")))
    seconds = chance.uniform(1.5, 9.0)
    return decoded(path)[: round(seconds * SAMPLE_RATE)]


@lru_cache(maxsize=64)
def decoded(path: Path) -> np.ndarray:
    """float32 samples of a 16 kHz mono FLAC file."""
    import av

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    pcm = np.concatenate(frames, axis=1).reshape(-1)
    return pcm.astype(np.float32) / 32_768.0
