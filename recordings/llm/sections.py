"""Text cut to what a model can hold, without counting its tokens. Pure.

Nothing is ever left out: the claims of all sections, joined, are the text. How many tokens a text
has is only known to the model; here it is estimated from its bytes, on the safe side, and a section
that a server still finds too long is halved.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from recordings.pipeline.sentences import CLOSERS

# Of a context, what is kept free for the answer, and what a prompt may take at most.
ANSWER_SHARE = 4
PROMPT_SHARE = 2

OVERLAP_TOKENS = 250
# Of what a section may hold, the overlap takes one part in so many at most.
_OVERLAP_SHARE = 8

SO_FAR_TOKENS = 300
_SO_FAR_SHARE = 32

# Sixths of a token that a character costs. A tokenizer puts three letters or more into one token,
# digits and punctuation may each be one, and outside ASCII some need one for every two bytes.
_SIXTHS = 6
_PER_LETTER, _PER_SIGN, _PER_BYTE = 2, 6, 3
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "
_LETTERS_AND_HIGH_BYTES = _LETTERS + bytes(range(128, 256))
# A character of four bytes, and a letter.
_DEAREST, _CHEAPEST = 12, 2

# The dearest character takes two.
LEAST_TOKENS = 4

_SENTENCE_END = regex.compile(
    rf"(?:[.!?…][{regex.escape(CLOSERS)}]*\s+|[。！？｡؟۔।॥։][{regex.escape(CLOSERS)}]*\s*)"
)
_SPACE = regex.compile(r"\s+")
_CLUSTER = regex.compile(r"\X")
# Longer than any cluster that people write.
_CLUSTER_REACH = 64


class PromptTooLongError(ValueError):
    """A prompt of more than half the context."""


@dataclass(frozen=True, slots=True)
class Section:
    """`text`: what it claims, characters `start` up to `end` of the whole; never empty.

    `overlap`: the end of what came before, for context only, or "".
    """

    start: int
    end: int
    text: str
    overlap: str


def estimated_tokens(text: str) -> int:
    """At least as many tokens as a tokenizer is likely to make; of two texts joined, never more
    than of both apart.
    """
    return -(-_sixths(text) // _SIXTHS)


def answer_room(context_tokens: int) -> int:
    """Tokens of a context that are kept for the answer."""
    return context_tokens // ANSWER_SHARE


def data_room(context_tokens: int, prompt_tokens: int) -> int:
    """Tokens that are left for a section with its overlap, beside the prompt and the answer.

    `prompt_tokens`: estimate of all messages without the section. PromptTooLongError where they
    take more than half the context.
    """
    if prompt_tokens > context_tokens // PROMPT_SHARE:
        raise PromptTooLongError
    return context_tokens - answer_room(context_tokens) - prompt_tokens


def overlap_room(limit_tokens: int) -> int:
    """How many of `limit_tokens` a section spends on what came before."""
    return min(OVERLAP_TOKENS, limit_tokens // _OVERLAP_SHARE)


def so_far_room(context_tokens: int) -> int:
    """How many tokens of a context go to notes on earlier sections."""
    return min(SO_FAR_TOKENS, context_tokens // _SO_FAR_SHARE)


def sections(text: str, *, limit_tokens: int, overlap_tokens: int) -> list[Section]:
    """The text in order: each section's claim and overlap take at most `limit_tokens` together.

    Cut at the end of a line where there is one in the second half of what fits, else of a sentence,
    else at a space, else between characters. "" has no section. ValueError where the limit leaves
    less than LEAST_TOKENS beside the overlap.
    """
    if limit_tokens - overlap_tokens < LEAST_TOKENS or overlap_tokens < 0:
        raise ValueError(f"{limit_tokens} tokens do not hold an overlap of {overlap_tokens}")
    found: list[Section] = []
    start = 0
    while start < len(text):
        overlap = _tail(text, start, overlap_tokens)
        end = _reach(text, start, limit_tokens - estimated_tokens(overlap))
        if end < len(text):
            end = _cut(text, (start + end + 1) // 2, end, least=start + 1)
        found.append(Section(start, end, text[start:end], overlap))
        start = end
    return found


def halved(section: Section) -> tuple[Section, Section] | None:
    """The same claim in two sections, each with half the overlap; None where it is one character.

    For a server that says the context is too long.
    """
    if len(section.text) < 2:
        return None
    middle, quarter = len(section.text) // 2, len(section.text) // 4
    cut = _cut(section.text, middle - quarter, middle + quarter, least=1)
    cut = min(cut, len(section.text) - 1)
    overlap_tokens = estimated_tokens(section.overlap) // 2
    place = section.start + cut
    return (
        Section(section.start, place, section.text[:cut], tail(section.overlap, overlap_tokens)),
        Section(place, section.end, section.text[cut:], _tail(section.text, cut, overlap_tokens)),
    )


def tail(text: str, tokens: int) -> str:
    """The end of a text, of at most so many tokens; it starts where a line or sentence does, or at
    a word, where that does not cost more than half of it.
    """
    return _tail(text, len(text), tokens)


def groups(sizes: Sequence[int], *, limit_tokens: int) -> list[range]:
    """Which neighbouring parts go into one call, in order: parts of `sizes` tokens, together at
    most `limit_tokens`. A part that is larger stands alone.

    A group of one needs no call. As long as any group has two, the next round has fewer parts, so
    rounds come to an end: with one part, or with parts of which no two fit together.
    """
    found: list[range] = []
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > limit_tokens:
            found.append(range(start, index))
            start, total = index, 0
        total += size
    return [*found, range(start, len(sizes))] if sizes else []


def _sixths(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    signs = len(data.translate(None, _LETTERS))
    letters = len(data) - signs
    high = 0 if text.isascii() else signs - len(data.translate(None, _LETTERS_AND_HIGH_BYTES))
    return _PER_LETTER * letters + _PER_SIGN * (signs - high) + _PER_BYTE * high


def _reach(text: str, start: int, tokens: int) -> int:
    """The furthest end such that the text from `start` takes at most so many tokens."""
    least = start + tokens * _SIXTHS // _DEAREST
    most = start + tokens * _SIXTHS // _CHEAPEST
    ends = range(min(least, len(text)), min(most, len(text)) + 1)
    fitting = bisect_right(ends, tokens, key=lambda end: estimated_tokens(text[start:end]))
    return ends[max(0, fitting - 1)]


def _tail(text: str, end: int, tokens: int) -> str:
    """What stands before `end`, at most so many tokens of it."""
    least = max(0, end - tokens * _SIXTHS // _CHEAPEST)
    starts = range(least, end + 1)
    fitting = bisect_left(starts, -tokens, key=lambda start: -estimated_tokens(text[start:end]))
    start = starts[fitting]
    if start == 0 or start == end or text[start - 1] == "\n":
        return text[start:end]
    middle = (start + end) // 2
    line = text.find("\n", start, middle)
    if line >= 0:
        return text[line + 1 : end]
    for mark in (_SENTENCE_END, _SPACE):
        if found := mark.search(text, start, middle):
            return text[found.end() : end]
    return text[_after_cluster(text, start, end) : end]


def _cut(text: str, start: int, end: int, *, least: int) -> int:
    """The best place to cut after `start` and not after `end`; never before `least`."""
    line = text.rfind("\n", start, end)
    if line >= 0:
        return line + 1
    for mark in (_SENTENCE_END, _SPACE):
        if last := deque(mark.finditer(text, start, end), maxlen=1):
            return last[0].end()
    return _before_cluster(text, end, least)


def _before_cluster(text: str, place: int, first: int) -> int:
    """`place`, or the start of the cluster of characters that it would cut through."""
    return max((edge for edge in _edges(text, place) if first <= edge <= place), default=place)


def _after_cluster(text: str, place: int, last: int) -> int:
    """`place`, or the end of the cluster of characters that it would cut through."""
    return min((edge for edge in _edges(text, place) if place <= edge <= last), default=place)


def _edges(text: str, place: int) -> list[int]:
    near = max(0, place - _CLUSTER_REACH)
    return [found.end() for found in _CLUSTER.finditer(text, near, place + _CLUSTER_REACH)]
