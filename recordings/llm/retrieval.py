"""Which parts of a transcript a question is about, where the whole is too long. Pure.

BM25 over passages of a few segments. Words count by their beginnings, so that inflected forms are
alike, whichever the language; scripts without spaces are compared by pairs of characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

import numpy as np

from recordings.llm.sections import groups

PASSAGE_TOKENS = 200
# What is put between two passages that are not neighbours.
GAP_TOKENS = 4
ALIKE_MAX, CITED_MAX = 5, 20
# What cites more is no answer.
TIMES_MAX = 200
# Of the score of the best; what has less in common has only "the" and "what".
ALIKE_SHARE = 0.3
# McNamee, Nicholas and Mayfield, "Addressing morphological variation in alphabetic languages"
# (2009): truncation does about as well as a stemmer for each language.
_STEM_LENGTH = 6
_WORD = re.compile(r"\w+")
# Thai, Lao, Burmese, Khmer, Japanese, Chinese: words are not told apart by spaces.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")
# Without hours only in brackets: "at 10:30" is the time of an appointment.
_CITED = re.compile(
    r"(?<![\d:])(?:(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)"
    r"|(?<=[\[(])(?P<short_minutes>\d{1,2}):(?P<short_seconds>[0-5]\d)(?=[\])]))(?![\d:])",
    re.ASCII,
)


def most_relevant(
    texts: Sequence[str], question: str, *, sizes: Sequence[int], room: int
) -> list[int]:
    """Indexes of segments, in order, that take at most `room` tokens together with the gaps between
    them: the passages most alike the question, best first as long as they fit, and what stands
    first where none is, or where there is room left. `sizes`: tokens of each.
    """
    parts = groups(sizes, limit_tokens=PASSAGE_TOKENS)
    scores = _scores([" ".join(texts[i] for i in part) for part in parts], question)
    # Equal ones in the order of time.
    order = sorted(range(len(parts)), key=lambda index: (-scores[index], index))
    chosen: list[int] = []
    left = room
    for index in order:
        size = GAP_TOKENS + sum(sizes[i] for i in parts[index])
        if size <= left:
            chosen += parts[index]
            left -= size
    return sorted(chosen)


def alike(texts: Sequence[str], question: str, *, most: int = ALIKE_MAX) -> list[int]:
    """Indexes of the segments that have most in common with the question, in order; none that has
    next to nothing.
    """
    scores = _scores(texts, question)
    order = sorted(range(len(texts)), key=lambda index: (-scores[index], index))[:most]
    least = ALIKE_SHARE * scores[order[0]] if order else 0
    return sorted(index for index in order if scores[index] > 0 and scores[index] >= least)


def cited(answer: str, spans: Sequence[tuple[float, float]], *, most: int = CITED_MAX) -> list[int]:
    """Indexes of the segments that an answer names by their times, as in [00:12:34], in the order
    of naming: the one that starts in that second, else the one that is being said then. `spans`:
    start and end of each in seconds, by start. Times at which nothing is said are passed over.
    """
    starting: dict[int, int] = {}
    for index, (start, _) in enumerate(spans):
        starting.setdefault(int(start), index)
    named = dict.fromkeys(map(_second, islice(_CITED.finditer(answer), TIMES_MAX)))
    found: dict[int, None] = {}
    for second in named:
        index = starting.get(second)
        if index is None:
            index = _said_at(second, spans)
        if index is not None:
            found.setdefault(index)
    return list(found)[:most]


def _second(time: re.Match[str]) -> int:
    minutes = int(time["minutes"] or time["short_minutes"])
    seconds = int(time["seconds"] or time["short_seconds"])
    return int(time["hours"] or 0) * 3600 + minutes * 60 + seconds


def _said_at(second: int, spans: Sequence[tuple[float, float]]) -> int | None:
    """The segment begun last of those that go on then, the first of equals."""
    found: int | None = None
    for index, (start, end) in enumerate(spans):
        if start <= second <= end and (found is None or start > spans[found][0]):
            found = index
    return found


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
            terms.append(word[:_STEM_LENGTH])
    return terms
