"""Who said it: share of words that get the right reader, number of speakers, and speed.

`python -m benchmarks.diarization` needs `../shared/audio` and ends with 1 where the bar is missed.
A word is right when the reader whose utterance holds its midpoint is the one its label maps to, by
the best one-to-one mapping of labels to readers. The words are those of the product's Whisper.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from benchmarks import conversations
from benchmarks.conversations import Conversation, Spoken
from recordings.connectors.base import Word, from_document
from recordings.connectors.weights import DEFAULT_MODEL
from recordings.engine_protocol import EngineConfig
from recordings.engine_whisper import Whisper
from recordings.pipeline.align import assign_labels
from speakers.diarization.base import Diarizer
from speakers.diarization.embedded import EmbeddedDiarizer

READERS = (1, 2, 2, 3, 3, 4, 4, 5)
GAP_SECONDS = (0.1, 0.8)
OVERLAP_SECONDS = (-0.3, 0.0)
LEAST_SHARE = 0.98
THREADS = 2


@dataclass(frozen=True, slots=True)
class Score:
    """What came of one conversation. Times in seconds."""

    words: int
    right: int
    found: int
    expected: int
    whisper_seconds: float
    diarizer_seconds: float


class BareWhisper:
    """The product's own Whisper base and nothing around it."""

    def __init__(self, models: Path) -> None:
        self._engine = Whisper(EngineConfig(models_dir=models, device="cpu", threads=THREADS))
        self._engine.load(DEFAULT_MODEL)

    def words(self, wav: Path, seconds: float) -> list[Word]:
        request = {
            "wav": str(wav), "start": 0.0, "end": seconds, "model": DEFAULT_MODEL, "language": "en"
        }  # fmt: skip
        heard = self._engine.transcribe(request, lambda share: None)
        return [word for segment in from_document(heard["segments"]) for word in segment.words]


def best_mapping(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """(label, reader) per word -> label to reader, one to one, with the most words right."""
    counts = Counter(pairs)
    labels = sorted({label for label, _ in pairs})
    readers = sorted({reader for _, reader in pairs})
    spare = [""] * max(0, len(labels) - len(readers))
    choices = permutations([*readers, *spare], len(labels))
    best = max(
        choices,
        key=lambda choice: sum(counts[pair] for pair in zip(labels, choice, strict=True)),
    )
    return dict(zip(labels, best, strict=True))


def reader_at(moment: float, truth: Sequence[Spoken]) -> str | None:
    """Who speaks at `moment` (s), of two the one who began first; None in a gap."""
    return next((s.reader for s in truth if s.start <= moment < s.end), None)


def run(conversation: Conversation, whisper: BareWhisper, diarizer: Diarizer, wav: Path) -> Score:
    conversation.write(wav)
    begun = time.perf_counter()
    words = whisper.words(wav, conversation.seconds)
    heard = time.perf_counter()
    found = diarizer.diarize(
        wav, min_speakers=None, max_speakers=None, on_progress=lambda share: None
    )
    done = time.perf_counter()
    labels = assign_labels(words, found.turns)
    pairs = [
        (label or "", reader)
        for word, label in zip(words, labels, strict=True)
        if (reader := reader_at((word.start + word.end) / 2, conversation.truth))
    ]
    mapping = best_mapping(pairs)
    return Score(
        words=len(pairs),
        right=sum(mapping[label] == reader for label, reader in pairs),
        found=len(found.embeddings),
        expected=len(conversation.readers),
        whisper_seconds=heard - begun,
        diarizer_seconds=done - heard,
    )


def report(scores: Sequence[Score]) -> bool:
    """Prints the sums; True where the bar is reached."""
    share = sum(score.right for score in scores) / sum(score.words for score in scores)
    counted = sum(score.found == score.expected for score in scores)
    ratio = sum(s.diarizer_seconds for s in scores) / sum(s.whisper_seconds for s in scores)
    print(f"words to the right reader  {share:7.2%}   bar {LEAST_SHARE:.0%}")
    print(f"number of speakers right   {counted} of {len(scores)}   bar all")
    print(f"diarizer / bare Whisper    {ratio:7.2f}")
    return share >= LEAST_SHARE and counted == len(scores)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument(
        "--overlap", action="store_true", help="turns touch or overlap by up to 0.3 s: no bar"
    )
    parser.add_argument(
        "--models", type=Path, default=Path(tempfile.gettempdir()) / "speakr-benchmark-models"
    )
    options = parser.parse_args()
    if not conversations.readers():
        print("The recordings in ../shared/audio/librispeech are absent: nothing measured.")
        return 2
    whisper, diarizer = BareWhisper(options.models), EmbeddedDiarizer(threads=THREADS)
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for number, count in enumerate(READERS):
            conversation = conversations.build(
                count,
                seed=100 * options.seed + number,
                turns=options.turns,
                gap=OVERLAP_SECONDS if options.overlap else GAP_SECONDS,
            )
            score = run(conversation, whisper, diarizer, Path(folder) / "conversation.wav")
            scores.append(score)
            print(
                f"{number + 1}: {conversation.seconds:5.0f} s  words {score.right}/{score.words} "
                f"({score.right / score.words:.1%})  speakers {score.found}/{score.expected}  "
                f"diarizer {score.diarizer_seconds:.1f} s  Whisper {score.whisper_seconds:.1f} s"
            )
    reached = report(scores)
    return 0 if reached or options.overlap else 1


if __name__ == "__main__":
    sys.exit(main())
