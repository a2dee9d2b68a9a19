"""Where speech is, and how much of it has words. Pure; finding either is the engine's work.

Seconds on any one clock, intervals include their start and exclude their end. Nothing here depends
on the language: time is counted, never words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# A word that was stretched over speech without words of its own covers no more than this.
LONGEST_WORD = 1.5

# Word times are this rough, and a breath belongs to the words on both sides of it.
BESIDE_A_WORD = 0.25


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds [start, end) of sound."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def touches(self, other: Stretch) -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, word: TimedWord) -> bool:
        """Whether the middle of the word is inside."""
        return self.start <= (word.start + word.end) / 2 < self.end


class TimedWord(Protocol):
    """Any library's idea of a word with times in seconds."""

    @property
    def start(self) -> float: ...

    @property
    def end(self) -> float: ...


def joined(stretches: Sequence[Stretch], *, longest: float, pause: float) -> list[Stretch]:
    """Neighbours put together while they stay within `longest` and lie at most `pause` apart."""
    found: list[Stretch] = []
    for stretch in stretches:
        last = found[-1] if found else None
        if last and stretch.end - last.start <= longest and stretch.start - last.end <= pause:
            found[-1] = Stretch(last.start, stretch.end)
        else:
            found.append(stretch)
    return found


def within(speech: Sequence[Stretch], bounds: Stretch) -> list[Stretch]:
    """The parts of `speech` that lie in `bounds`."""
    return [
        Stretch(max(stretch.start, bounds.start), min(stretch.end, bounds.end))
        for stretch in speech
        if stretch.touches(bounds)
    ]


def without_words(speech: Sequence[Stretch], words: Sequence[TimedWord]) -> list[Stretch]:
    """The parts of `speech` that no word covers, in order of time."""
    covers = sorted(
        (word.start - BESIDE_A_WORD, min(word.end, word.start + LONGEST_WORD) + BESIDE_A_WORD)
        for word in words
    )
    bare: list[Stretch] = []
    for stretch in speech:
        heard_to = stretch.start
        for start, end in covers:
            if start >= stretch.end:
                break
            if start > heard_to:
                bare.append(Stretch(heard_to, start))
            heard_to = max(heard_to, end)
        if heard_to < stretch.end:
            bare.append(Stretch(heard_to, stretch.end))
    return bare
