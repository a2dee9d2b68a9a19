"""What is heard: word error rate, lost words and time of the product's engine against two others.

`python -m benchmarks.transcription` needs `../shared/audio` and ends with 1 where a bar is missed.
The texts of LibriSpeech are not at hand, so the reference of a set made of its utterances is a
*pseudo*-reference: each utterance transcribed alone by the same model (sequential, beam 5), joined
in order. It shares the model's mistakes and cuts words in two where an utterance was cut, so only
differences between engines mean something. The sample and jfk have their true text. Words are
compared in lower case, without punctuation. Times are processor seconds of all threads.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jiwer

from benchmarks import conversations
from benchmarks.conversations import SAMPLE_RATE, Conversation
from recordings.audio.media import to_wav
from recordings.audio.wav import read_samples, wav_duration
from recordings.audio.windows import windows
from recordings.connectors.base import TranscriptionRequest
from recordings.connectors.faster_whisper import FasterWhisperConnector, FasterWhisperOptions
from recordings.connectors.weights import ensure_default
from recordings.engine_host import EngineConfig, EngineHost

THREADS = 2
BATCH_SIZE = 4
TURNS = 12
GAPS = (0.1, 0.8)
OVERLAPS = (-0.3, 0.0)
LONG_SECONDS = 600.0
WINDOW_SECONDS = 240.0
ENGINES = ("sequential", "batched", "product")

# The bars: percentage points above the sequential engine, and times the bare batched one.
WORSE_BY_AT_MOST = 0.01
SLOWER_BY_AT_MOST = 1.35

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
JFK = Path(__file__).resolve().parents[1] / "../shared/audio/jfk.flac"
JFK_TEXT = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)
SPELLED_OUT = {"8th": "eighth", "10": "ten", "3": "three", "12": "twelve"}

Engine = Callable[[Path], str]


@dataclass(slots=True)
class Tally:
    """Sums over the recordings of one set, for one engine."""

    words: int = 0
    lost: int = 0
    wrong: int = 0
    seconds: float = 0.0

    def add(self, reference: str, heard: str, seconds: float) -> None:
        found = jiwer.process_words(reference, heard)
        self.words += found.hits + found.substitutions + found.deletions
        self.lost += found.deletions
        self.wrong += found.substitutions + found.deletions + found.insertions
        self.seconds += seconds

    @property
    def error_rate(self) -> float:
        return self.wrong / self.words

    @property
    def lost_share(self) -> float:
        return self.lost / self.words


@dataclass(slots=True)
class Scores:
    """All engines on one set."""

    name: str
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in ENGINES})

    def is_good(self) -> bool:
        base, product = self.tallies["sequential"], self.tallies["product"]
        return (
            product.error_rate - base.error_rate <= WORSE_BY_AT_MOST
            and product.lost_share - base.lost_share <= WORSE_BY_AT_MOST
        )

    def slowness(self, engine: str) -> float:
        return self.tallies[engine].seconds / self.tallies["batched"].seconds


class Bare:
    """faster-whisper as its manual calls it, in this process."""

    def __init__(self, models: Path) -> None:
        from faster_whisper import WhisperModel

        self._model = WhisperModel(
            str(ensure_default(models)), device="cpu", compute_type="int8", cpu_threads=THREADS
        )

    def sequential(self, wav: Path) -> str:
        return self.alone(read_samples(wav))

    def alone(self, samples: Any) -> str:
        segments, _ = self._model.transcribe(samples, language="en", beam_size=5)
        return " ".join(segment.text for segment in segments)

    def batched(self, wav: Path) -> str:
        from faster_whisper import BatchedInferencePipeline

        segments, _ = BatchedInferencePipeline(self._model).transcribe(
            read_samples(wav),
            language="en",
            beam_size=1,
            batch_size=BATCH_SIZE,
            word_timestamps=True,
        )
        return " ".join(segment.text for segment in segments)


class Product:
    """The connector and its child, window by window."""

    def __init__(self, models: Path) -> None:
        self.host = EngineHost(EngineConfig(models_dir=models, device="cpu", threads=THREADS))
        self._connector = FasterWhisperConnector(FasterWhisperOptions(host=self.host))

    def hear(self, wav: Path) -> str:
        texts = []
        for start, end in _windows(wav):
            request = TranscriptionRequest(wav=wav, start=start, end=end, language="en")
            heard = self._connector.transcribe(request, should_stop=lambda: False)
            texts += [segment.text for segment in heard.segments]
        return " ".join(texts)

    def processor_seconds(self) -> float:
        """Of the child; Linux only."""
        fields = Path(f"/proc/{self.host.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def _windows(wav: Path) -> list[tuple[float, float]]:
    import numpy as np

    step = SAMPLE_RATE // 100
    samples = read_samples(wav)
    steps = samples[: len(samples) // step * step].reshape(-1, step)
    cuts = windows(np.sqrt(np.mean(np.square(steps), axis=1)), WINDOW_SECONDS)
    return [*cuts[:-1], (cuts[-1][0], wav_duration(wav))]


def normalised(text: str) -> str:
    kept = "".join(letter for letter in text.lower() if letter.isalnum() or letter.isspace())
    return " ".join(SPELLED_OUT.get(word, word) for word in kept.split())


def measure(scores: Scores, wav: Path, reference: str, bare: Bare, product: Product) -> None:
    engines: Sequence[tuple[str, Engine, Callable[[], float]]] = (
        ("sequential", bare.sequential, time.process_time),
        ("batched", bare.batched, time.process_time),
        ("product", product.hear, product.processor_seconds),
    )
    for name, engine, clock in engines:
        begun = clock()
        heard = engine(wav)
        scores.tallies[name].add(normalised(reference), normalised(heard), clock() - begun)


def report(scores: Scores) -> None:
    for name, tally in scores.tallies.items():
        print(
            f"{scores.name:11} {name:10} wrong {tally.error_rate:6.2%} lost {tally.lost_share:6.2%}"
            f"  of {tally.words} words  time {scores.slowness(name):5.2f} x batched",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--conversations", type=int, default=4, help="of each of the two kinds")
    parser.add_argument(
        "--models", type=Path, default=Path(tempfile.gettempdir()) / "speakr-benchmark-models"
    )
    options = parser.parse_args()
    if not conversations.readers():
        print("The recordings in ../shared/audio/librispeech are absent: nothing measured.")
        return 2
    bare, product = Bare(options.models), Product(options.models)
    product.host.ask("load", {"model": "base"}, deadline_seconds=600, should_stop=lambda: False)

    def pseudo(conversation: Conversation) -> str:
        return " ".join(bare.alone(clip) for clip in conversation.clips)

    found = []
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "recording.wav"
        for name, gap in (("gaps", GAPS), ("overlaps", OVERLAPS)):
            scores = Scores(name)
            for number in range(options.conversations):
                seed = 100 * options.seed + 2 * number + 1
                made = conversations.build(2 + number % 4, seed=seed, turns=TURNS, gap=gap)
                measure(scores, made.write(wav), pseudo(made), bare, product)
            found.append(scores)
            report(scores)
        meeting = (SAMPLES / "meeting.txt").read_text(encoding="utf-8").splitlines()
        true = (
            ("sample", SAMPLES / "meeting.flac", " ".join(x.split(": ", 1)[1] for x in meeting)),
            ("jfk", JFK, JFK_TEXT),
        )
        for name, source, text in true:
            to_wav(source, wav, deadline_seconds=60)
            found.append(Scores(name))
            measure(found[-1], wav, text, bare, product)
            report(found[-1])
        made = conversations.reading(LONG_SECONDS, seed=options.seed)
        found.append(Scores("ten minutes"))
        measure(found[-1], made.write(wav), pseudo(made), bare, product)
        report(found[-1])
    product.host.close()
    good = all(scores.is_good() for scores in found)
    fast = found[-1].slowness("product") <= SLOWER_BY_AT_MOST
    print(f"within {WORSE_BY_AT_MOST:.0%} of sequential on every set: {good}")
    print(f"at most {SLOWER_BY_AT_MOST} x bare batched on the ten minutes: {fast}")
    return 0 if good and fast else 1


if __name__ == "__main__":
    sys.exit(main())
