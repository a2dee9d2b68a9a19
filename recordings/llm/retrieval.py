"""Which parts of a transcript a question is about, where the whole is too long. Pure.

BM25 over passages of a few segments; scripts without spaces are compared by pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

PASSAGE_TOKENS = 200
SOURCES_MAX = 5
_WORD = re.compile(r"\w+")
# Thai, Lao, Burmese, Khmer, Japanese, Chinese: words are not told apart by spaces.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")
_CITED = re.compile(r"\[(?:(\d{1,3}):)?(\d{1,2}):(\d{2})\]")


def passages(sizes: Sequence[int], *, most: int = PASSAGE_TOKENS) -> list[range]:
    """Neighbouring segments, of `sizes` tokens each, together at most `most` where one alone is not
    more.
    """
    found: list[range] = []
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > most:
            found.append(range(start, index))
            start, total = index, 0
        total += size
    return [*found, range(start, len(sizes))] if sizes else []


def most_relevant(
    texts: Sequence[str], question: str, *, size_of: Callable[[str], int], room: int
) -> list[int]:
    """Indexes of segments, in order, that together take at most `room` of what `size_of` says: the
    passages most alike the question, best first as long as they fit; the first ones where none is.
    """
    sizes = [size_of(text) for text in texts]
    parts = passages(sizes)
    scores = _scores([" ".join(texts[i] for i in part) for part in parts], question)
    # Equal ones in the order of time.
    order = sorted(range(len(parts)), key=lambda index: (-scores[index], index))
    chosen: list[int] = []
    left = room
    for index in order:
        size = sum(sizes[i] for i in parts[index])
        if size <= left:
            chosen += parts[index]
            left -= size
    return sorted(chosen)


def alike(texts: Sequence[str], question: str, *, most: int = SOURCES_MAX) -> list[int]:
    """Indexes of the segments that have most in common with the question, in order; none that has
    nothing.
    """
    scores = _scores(texts, question)
    order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))[:most]
    return sorted(index for index in order if scores[index] > 0)


def cited(answer: str, starts: Sequence[float], *, most: int = SOURCES_MAX) -> list[int]:
    """Indexes of the segments that an answer names by their times, as in [00:12:34], in the order
    of naming. `starts`: in seconds, ascending. Times at which no segment starts are passed over.
    """
    by_second: dict[int, int] = {}
    for index, start in enumerate(starts):
        by_second.setdefault(int(start), index)
    found: dict[int, None] = {}
    for hours, minutes, seconds in _CITED.findall(answer):
        second = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
        if second in by_second:
            found.setdefault(by_second[second])
    return list(found)[:most]


def _scores(texts: Sequence[str], question: str) -> Sequence[float]:
    # Imported where it is used: it takes most of a second.
    import bm25s

    corpus = [_terms(text) for text in texts]
    known = {term for terms in corpus for term in terms}
    asked = [term for term in dict.fromkeys(_terms(question)) if term in known]
    if not asked:
        return np.zeros(len(texts))
    index = bm25s.BM25()
    index.index(corpus, show_progress=False)
    return index.get_scores(asked)


def _terms(text: str) -> list[str]:
    terms: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _UNSPACED.search(word):
            terms += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        else:
            terms.append(word)
    return terms
