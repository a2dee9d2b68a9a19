"""Seconds for a summary without a model, of four hours of talk.

`python -m benchmarks.extractive` ends with 1 where the bar is missed. The talk is prose that every
Python carries, its own manual, in segments of eight words as an engine hears them: 40,000 words,
said in turns by four people. Beside it, and as a ratio, stands sumy's LexRank as it comes over the
first 500 segments of the same talk, 24 minutes.
"""

from __future__ import annotations

import sys
import time
from itertools import cycle, islice
from pydoc_data.topics import topics

from recordings.exports.subtitles import Cue
from recordings.llm.extractive import extractive_summary, extractive_title

WORDS, WORDS_PER_SEGMENT = 40_000, 8
SECONDS_PER_SEGMENT = 2.88
NAMES = ("Anna Weber", "Bob", None, "SPEAKER_03")
BASELINE_SEGMENTS = 500
BAR_SECONDS = 20.0


def talk() -> list[Cue]:
    words = [word for name in sorted(topics) for word in topics[name].split() if word.isascii()]
    spoken = list(islice(cycle(words), WORDS))
    return [
        Cue(
            NAMES[number // 5 % len(NAMES)],
            " ".join(spoken[start : start + WORDS_PER_SEGMENT]),
            number * SECONDS_PER_SEGMENT,
            (number + 1) * SECONDS_PER_SEGMENT,
        )
        for number, start in enumerate(range(0, len(spoken), WORDS_PER_SEGMENT))
    ]


def lex_rank_seconds(lines: list[Cue]) -> float:
    """sumy as it comes, with words split at spaces."""
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
    from sumy.summarizers.lex_rank import LexRankSummarizer

    class Spaces:
        def to_words(self, text: str) -> tuple[str, ...]:
            return tuple(text.split())

    sentences = [Sentence(line.text, Spaces()) for line in lines[:BASELINE_SEGMENTS]]
    started = time.perf_counter()
    LexRankSummarizer()(ObjectDocumentModel([Paragraph(sentences)]), 25)
    return time.perf_counter() - started


def main() -> int:
    lines = talk()
    started = time.perf_counter()
    extractive_summary(lines, language="en")
    summary_seconds = time.perf_counter() - started
    started = time.perf_counter()
    title = extractive_title(lines, language="en")
    title_seconds = time.perf_counter() - started
    baseline = lex_rank_seconds(lines)
    print(f"{lines[-1].end / 3600:.1f} h, {len(lines)} segments: “{title}”")
    print(f"summary: {summary_seconds:.1f} s, imports included; bar {BAR_SECONDS:.0f} s")
    print(f"title: {title_seconds:.1f} s")
    print(f"LexRank as it comes, {BASELINE_SEGMENTS} segments: {baseline:.1f} s")
    print(f"summary / LexRank: {summary_seconds / baseline:.2f}")
    return int(summary_seconds > BAR_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
