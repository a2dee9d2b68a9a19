"""How recognised words are written: where a sentence ends, and what stands between two words.

Pure. It knows nothing of speakers; cutting segments is `align`'s work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from recordings.connectors.base import SpokenSegment, Word

# A silence this long makes a full stop certain and keeps two utterances apart.
BREATH_SECONDS = 0.5

OPENERS = "([{«“„‘¿¡「『（【《"
CLOSERS = "\"')]}»”’」』）】》"

# Ends of sentence in scripts that write no abbreviations with them.
_CERTAIN_ENDS = "。！？｡؟۔।॥։"
_ENDS = ".!?…"

_NEVER_LAST = re.compile(
    r"dr|mr|mrs|ms|prof|st|rev|gen|col|capt|lt|sgt|hon|mt|e\.g|i\.e|vs|cf|bzw|z\.b|d\.h|u\.a"
    r"|[^\W\d_i]"  # an initial; "I" is a word
)
_BEFORE_A_NUMBER = re.compile(r"no|nr|vol|pp?|fig|ch|sec|ca|approx|art")
_MONTH = re.compile(r"(jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)", re.IGNORECASE)

# Han, kana, Thai, Lao, Myanmar, Khmer and full-width punctuation; Korean writes spaces.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


def is_spaceless(character: str) -> bool:
    """Whether this character belongs to a script that is written without spaces between words."""
    return bool(_SPACELESS.match(character))


def ends_sentence(text: str, following: str, gap: float) -> bool:
    """Whether `text` is the last word of a sentence; `gap` is the seconds to the word that follows.

    While speech goes straight on, "Dr.", "J.", "No. 5" and the German "8. Dezember" are not an end.
    """
    bare = text.strip().rstrip(CLOSERS)
    if not bare:
        return False
    if bare[-1] in _CERTAIN_ENDS:
        return True
    if bare[-1] not in _ENDS:
        return False
    return gap >= BREATH_SECONDS or not _carries_on(bare, following)


def _carries_on(bare: str, following: str) -> bool:
    """Whether the sentence runs past the mark at the end of `bare`."""
    following = following.strip().lstrip(OPENERS + CLOSERS)
    if following[:1].islower():
        return True
    if bare[-1] != ".":
        return False
    stem = bare.split()[-1].lstrip(OPENERS + CLOSERS).rstrip(".").casefold()
    if _NEVER_LAST.fullmatch(stem):
        return True
    if following[:1].isdigit():
        return bool(_BEFORE_A_NUMBER.fullmatch(stem))
    return stem.isdecimal() and len(stem) <= 2 and bool(_MONTH.match(following))


def written_pieces(segments: Sequence[SpokenSegment]) -> list[str]:
    """One piece of text per word, spaces included; joined they give all the segments' texts."""
    pieces: list[str] = []
    for segment in segments:
        own = _divided(segment.text.strip(), segment.words)
        if pieces:
            own[0] = _spacing(pieces[-1], own[0]) + own[0]
        pieces.extend(own)
    return pieces


def _divided(text: str, words: Sequence[Word]) -> list[str]:
    """`text` divided among its words: it alone knows the spaces, and what the engine did not time.

    Where the words are not found in it, the words alone, spaced by their script.
    """
    starts, position = [0], 0
    for number, word in enumerate(words):
        found = text.find(word.text, position)
        if found < 0:
            spaces = [_spacing(one.text, other.text) for one, other in pairwise(words)]
            return [space + word.text for space, word in zip(["", *spaces], words, strict=True)]
        if number:
            starts.append(position + _closing_length(text[position:found]))
        position = found + len(word.text)
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def _closing_length(between: str) -> int:
    """How many characters between two words belong to the first: its closing punctuation."""
    for length, character in enumerate(between):
        if character.isspace() or character.isalnum() or character in OPENERS:
            return length
    return len(between)


def _spacing(before: str, after: str) -> str:
    return "" if is_spaceless(before[-1:]) and is_spaceless(after[:1]) else " "
