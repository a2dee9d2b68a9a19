"""What was heard of a text that was said over and over, against that text, near seams and far away.

Pure. An engine makes mistakes of its own, so a mistake near a seam is held against the same words
of the text in those repetitions where no seam is near: what happens there as well is the engine's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import jiwer
import numpy as np

NEAR_SECONDS = 10.0

# A mistake that as many of the repetitions without a seam share is the engine's own.
USUAL_SHARE = 0.02
USUAL_TIMES = 2

# jiwer's names: what a word of the text became, or that there is one too many before it.
LOST, EXTRA, OTHER = "delete", "insert", "substitute"

HeardWord = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Mistake:
    """`place`: which word of the text, counted from 0. `heard`: what there is instead, or ""."""

    kind: str
    place: int
    heard: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake and where it is: the repetition, counted from 0, and seconds in the file.

    `is_usual`: the same words go the same way where no seam is near.
    """

    mistake: Mistake
    repetition: int
    seconds: float
    is_usual: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`near` and `away` in order of time; so many words of the text were said in either place.

    `near_expected`: how many mistakes the words near a seam would have at the rate that the same
    words have away from one.
    """

    near: tuple[Finding, ...]
    near_words: int
    near_expected: float
    away: tuple[Finding, ...]
    away_words: int

    @property
    def unusual(self) -> list[Finding]:
        """Mistakes that only a seam explains."""
        return [found for found in self.near if not found.is_usual]


def compare(
    text: Sequence[str],
    heard: Sequence[HeardWord],
    *,
    period: float,
    repetitions: int,
    seams: Sequence[float],
) -> Comparison:
    """`text` is said `repetitions` times, each `period` seconds after the one before. `heard`:
    (seconds, word) in order. `seams`: seconds.
    """
    aligned = _aligned(text, heard, period, repetitions)
    phases = _phases(text, aligned)
    near = np.array(
        [
            [_is_near(number * period + phase, seams) for phase in phases]
            for number in range(repetitions)
        ]
    )
    mistakes = [(number, mistake) for number, own in enumerate(aligned) for mistake in own.mistakes]
    without_seam = (~near).sum(axis=0)
    usual = Counter(
        (mistake.kind, mistake.place)
        for number, mistake in mistakes
        if not near[number, mistake.place]
    )
    findings = [
        Finding(
            mistake,
            number,
            float(number * period + phases[mistake.place]),
            usual[mistake.kind, mistake.place]
            >= max(USUAL_TIMES, USUAL_SHARE * int(without_seam[mistake.place])),
        )
        for number, mistake in mistakes
    ]
    return Comparison(
        near=tuple(found for found in findings if near[found.repetition, found.mistake.place]),
        near_words=int(near.sum()),
        near_expected=sum(
            count * int(near[:, place].sum()) / int(without_seam[place])
            for (_, place), count in usual.items()
        ),
        away=tuple(found for found in findings if not near[found.repetition, found.mistake.place]),
        away_words=int((~near).sum()),
    )


@dataclass(frozen=True, slots=True)
class _Repetition:
    """`phases`: place in the text -> seconds after the repetition's start, of the words heard."""

    mistakes: tuple[Mistake, ...]
    phases: dict[int, float]


def _aligned(
    text: Sequence[str], heard: Sequence[HeardWord], period: float, repetitions: int
) -> list[_Repetition]:
    spoken: list[list[HeardWord]] = [[] for _ in range(repetitions)]
    for number, words in groupby(heard, key=lambda word: int(word[0] // period)):
        spoken[min(number, repetitions - 1)] += words
    found = jiwer.process_words(
        [" ".join(text)] * repetitions, [" ".join(word for _, word in own) for own in spoken]
    )
    return [
        _Repetition(
            tuple(_mistakes(chunks, own, last=len(text) - 1)),
            {
                chunk.ref_start_idx + step: own[chunk.hyp_start_idx + step][0] - number * period
                for chunk in chunks
                if chunk.type == "equal"
                for step in range(chunk.ref_end_idx - chunk.ref_start_idx)
            },
        )
        for number, (chunks, own) in enumerate(zip(found.alignments, spoken, strict=True))
    ]


def _mistakes(
    chunks: Sequence[jiwer.AlignmentChunk], words: Sequence[HeardWord], *, last: int
) -> Iterator[Mistake]:
    for chunk in chunks:
        heard = [word for _, word in words[chunk.hyp_start_idx : chunk.hyp_end_idx]]
        if chunk.type == EXTRA:
            yield from (Mistake(EXTRA, min(chunk.ref_start_idx, last), word) for word in heard)
        elif chunk.type != "equal":
            for step, place in enumerate(range(chunk.ref_start_idx, chunk.ref_end_idx)):
                yield Mistake(chunk.type, place, heard[step] if heard else "")


def _phases(text: Sequence[str], aligned: Sequence[_Repetition]) -> np.ndarray:
    """When each word of the text is said, in seconds after the start of a repetition: the median of
    when it was heard.
    """
    places = [place for place in range(len(text)) if any(place in own.phases for own in aligned)]
    if not places:
        return np.zeros(len(text))
    medians = [
        np.median([own.phases[place] for own in aligned if place in own.phases]) for place in places
    ]
    return np.interp(np.arange(len(text)), places, medians)


def _is_near(seconds: float, seams: Sequence[float]) -> bool:
    after = bisect_left(seams, seconds)
    return any(abs(seam - seconds) <= NEAR_SECONDS for seam in seams[max(0, after - 1) : after + 1])
