"""Words and voice turns joined into labelled segments: sentences or speaker turns, not blocks.

Pure. Times are seconds from the start of the recording. Every word is kept exactly once.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise

from recordings.connectors.base import SpokenSegment, Word
from recordings.pipeline.sentences import (
    BREATH_SECONDS,
    ends_sentence,
    is_spaceless,
    written_pieces,
)
from speakers.diarization.base import Turn

PAUSE_SECONDS = 1.0
NEAR_SECONDS = 1.0
LONGEST_SECONDS = 15.0
LONGEST_CHARACTERS = 200

# An overlap under this is within what word times and turn borders are wrong by.
DOUBTFUL_SECONDS = 0.15

_COMMAS = ",;:，、；：،"


@dataclass(frozen=True, slots=True)
class LabelledSegment:
    """A sentence or speaker turn. `words` is empty where the engine gave no word times."""

    speaker: str | None
    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    """A word with its share of the segment's text: the space before it, the marks around it.

    `glued`: written together with the token before ("3" + ".5"), so never cut off from it.
    """

    word: Word
    text: str
    label: str | None
    glued: bool


def assign_labels(words: Sequence[Word], turns: Sequence[Turn]) -> list[str | None]:
    """One label per word, of the turn that overlaps it most; all None without turns.

    Without an overlap: of a turn within a second, else of its sentence, else of the nearest turn.
    A lone word that differs from its sentence on weak evidence goes with the sentence.
    """
    if not turns:
        return [None] * len(words)
    index = _TurnIndex(turns)
    overlaps = [index.overlaps(word) for word in words]
    labels: list[str | None] = []
    for word, shared in zip(words, overlaps, strict=True):
        nearest, distance = index.nearest(word)
        near = nearest if distance <= NEAR_SECONDS else None
        labels.append(max(shared, key=lambda label: shared[label]) if shared else near)
    for sentence in _unbroken(words):
        _fill(labels, sentence)
        _smooth(labels, sentence, words, overlaps)
    return [
        index.nearest(word)[0] if label is None else label
        for word, label in zip(words, labels, strict=True)
    ]


def labelled_segments(
    segments: Sequence[SpokenSegment], turns: Sequence[Turn]
) -> list[LabelledSegment]:
    """The transcript cut at sentence ends, pauses and changes of label; long sentences at a comma.

    Without turns, segments keep the label that the engine gave them. One without words stays whole.
    """
    made: list[LabelledSegment] = []
    for has_words, group in groupby(segments, key=lambda segment: bool(segment.words)):
        if has_words:
            made.extend(_cut_from_words(list(group), turns))
        else:
            made.extend(_whole(segment, turns) for segment in group if segment.text.strip())
    return made


class _TurnIndex:
    """Finds the turns around an interval in logarithmic time; turns may overlap one another."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        self._last_to_end: list[Turn] = list(accumulate(self._turns, _later_to_end))
        self._reach = [turn.end for turn in self._last_to_end]

    def overlaps(self, word: Word) -> dict[str, float]:
        """Label -> seconds that it shares with the word; only labels that share some."""
        shared: dict[str, float] = {}
        first = bisect_right(self._reach, word.start)
        for turn in self._turns[first : bisect_left(self._starts, word.end)]:
            seconds = min(word.end, turn.end) - max(word.start, turn.start)
            if seconds > 0:
                shared[turn.label] = shared.get(turn.label, 0.0) + seconds
        return shared

    def nearest(self, word: Word) -> tuple[str, float]:
        """The label of the nearest turn and its distance in seconds; at a tie the later turn."""
        after = bisect_left(self._starts, word.end)
        found: list[tuple[float, str]] = []
        if after < len(self._turns):
            found.append((self._starts[after] - word.end, self._turns[after].label))
        if after:
            before = self._last_to_end[after - 1]
            found.append((max(0.0, word.start - before.end), before.label))
        distance, label = min(found, key=lambda pair: pair[0])
        return label, distance


def _later_to_end(one: Turn, other: Turn) -> Turn:
    return other if other.end > one.end else one


def _unbroken(words: Sequence[Word]) -> Iterator[range]:
    """Stretches of word positions without a sentence end or a pause inside."""
    first = 0
    for position, (word, following) in enumerate(pairwise(words), start=1):
        gap = following.start - word.end
        if gap >= BREATH_SECONDS or ends_sentence(word.text, following.text, gap):
            yield range(first, position)
            first = position
    if words:
        yield range(first, len(words))


def _fill(labels: list[str | None], sentence: range) -> None:
    """Words without a label take that of the word before them in the sentence, else after them."""
    for order in (sentence, reversed(sentence)):
        last: str | None = None
        for position in order:
            if labels[position] is None:
                labels[position] = last
            last = labels[position]


def _smooth(
    labels: list[str | None],
    sentence: range,
    words: Sequence[Word],
    overlaps: Sequence[dict[str, float]],
) -> None:
    """Gives a lone word of the sentence to its neighbours where its own evidence is weak."""
    runs = [list(run) for _, run in groupby(sentence, key=lambda position: labels[position])]
    for number, run in enumerate(runs):
        around = runs[max(0, number - 1) : number] + runs[number + 1 : number + 2]
        heirs = {labels[neighbour[0]] for neighbour in around}
        # At the edge of a sentence one other lone word is no better witness than this one.
        if len(run) > 1 or len(heirs) != 1 or (len(around) == 1 and len(around[0]) == 1):
            continue
        position, heir = run[0], heirs.pop()
        word, shared = words[position], overlaps[position]
        lead = shared.get(labels[position] or "", 0.0) - shared.get(heir or "", 0.0)
        if lead <= max(DOUBTFUL_SECONDS, (word.end - word.start) / 2):
            labels[position] = heir


def _whole(segment: SpokenSegment, turns: Sequence[Turn]) -> LabelledSegment:
    """A segment without word times, uncut."""
    as_word = Word(segment.start, segment.end, segment.text)
    label = assign_labels([as_word], turns)[0] if turns else segment.label
    return LabelledSegment(label, segment.start, segment.end, " ".join(segment.text.split()))


def _cut_from_words(
    segments: Sequence[SpokenSegment], turns: Sequence[Turn]
) -> Iterator[LabelledSegment]:
    words = [word for segment in segments for word in segment.words]
    labels = [segment.label for segment in segments for _ in segment.words]
    if turns:
        labels = assign_labels(words, turns)
    for sentence in _joined(_sentences(_tokens(words, written_pieces(segments), labels))):
        for part in _shortened(sentence):
            yield LabelledSegment(
                speaker=part[0].label,
                start=part[0].word.start,
                end=max(token.word.end for token in part),
                text=_text(part),
                words=tuple(token.word for token in part),
            )


def _tokens(
    words: Sequence[Word], pieces: Sequence[str], labels: Sequence[str | None]
) -> list[_Token]:
    tokens: list[_Token] = []
    for word, piece, label in zip(words, pieces, labels, strict=True):
        border = (tokens[-1].text[-1:] if tokens else " ") + piece[:1]
        glued = not any(sign.isspace() or is_spaceless(sign) for sign in border)
        tokens.append(_Token(word, piece, tokens[-1].label if glued else label, glued))
    return tokens


def _text(tokens: Sequence[_Token]) -> str:
    return " ".join("".join(token.text for token in tokens).split())


def _gap(before: _Token, after: _Token) -> float:
    return after.word.start - before.word.end


def _sentences(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Cuts at sentence ends, pauses and changes of label, but never inside a written word."""
    current: list[_Token] = []
    for token in tokens:
        if current and not token.glued:
            last, gap = current[-1], _gap(current[-1], token)
            if (
                token.label != last.label
                or gap >= PAUSE_SECONDS
                or ends_sentence(last.text, token.text, gap)
            ):
                yield current
                current = []
        current.append(token)
    if current:
        yield current


def _joined(sentences: Iterator[list[_Token]]) -> list[list[_Token]]:
    """A word or two ("Yes.") are put before the speaker's next sentence if that follows at once."""
    joined: list[list[_Token]] = []
    for sentence in sentences:
        last = joined[-1] if joined else []
        if (
            _is_short(last)
            and last[-1].label == sentence[0].label
            and _gap(last[-1], sentence[0]) < BREATH_SECONDS
            and _fits(last + sentence)
        ):
            last.extend(sentence)
        else:
            joined.append(sentence)
    return joined


def _is_short(tokens: Sequence[_Token]) -> bool:
    text = _text(tokens)
    # Where no spaces are written a word is a few characters, and so may be a whole sentence.
    return 0 < len(tokens) <= 2 and len(text) <= (3 if is_spaceless(text[-1:]) else 15)


def _fits(tokens: Sequence[_Token]) -> bool:
    seconds = tokens[-1].word.end - tokens[0].word.start
    return seconds <= LONGEST_SECONDS and len(_text(tokens)) <= LONGEST_CHARACTERS


def _shortened(tokens: list[_Token]) -> list[list[_Token]]:
    """Halves what is too long until it fits, best at a comma or pause near its middle."""
    cuts = [position for position in range(1, len(tokens)) if not tokens[position].glued]
    if not cuts or _fits(tokens):
        return [tokens]
    lengths = list(accumulate(len(token.text) for token in tokens))

    def quality(position: int) -> float:
        balance = 1 - abs(2 * lengths[position - 1] / lengths[-1] - 1)
        comma = 0.5 if tokens[position - 1].text.rstrip()[-1:] in tuple(_COMMAS) else 0.0
        pause = min(1.0, max(0.0, _gap(tokens[position - 1], tokens[position]))) / 2
        return balance + comma + pause

    best = max(cuts, key=quality)
    return _shortened(tokens[:best]) + _shortened(tokens[best:])
