"""Windows of one recording joined into one timeline.

Pure. Windows touch without overlap and carry whole-file times: nothing is shifted or dropped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise

from recordings.connectors.base import SpokenSegment

# Word times are wrong by up to this much; a longer overlap is two people speaking.
JITTER_SECONDS = 0.5


def stitch(windows: Sequence[tuple[SpokenSegment, ...]]) -> tuple[SpokenSegment, ...]:
    """All segments in order of start, each once, wherever the windows were cut.

    A tiny overlap of two neighbours with the same label is taken from the end of the first.
    """
    ordered = sorted(chain.from_iterable(windows), key=lambda segment: segment.start)
    clamped = [_clamped(segment, following) for segment, following in pairwise(ordered)]
    return (*clamped, *ordered[-1:])


def _clamped(segment: SpokenSegment, following: SpokenSegment) -> SpokenSegment:
    limit = following.start
    overlap = segment.end - limit
    if segment.label != following.label or not 0 < overlap <= JITTER_SECONDS:
        return segment
    words = tuple(
        replace(word, start=min(word.start, limit), end=min(word.end, limit))
        for word in segment.words
    )
    return replace(segment, end=limit, words=words)
