"""A summary without a model: sentences and phrases picked from what was said. Pure.

Every stretch of a recording gives its share, so the end is never left out, and the time taken grows
with the length and no faster: Luhn's method finds candidates in each stretch, LexRank, which is
quadratic, chooses among those few. In scripts without spaces, pairs of neighbouring characters
stand for words, as in search engines.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import regex

from recordings.exports.subtitles import Cue, clock
from recordings.pipeline.sentences import CLOSERS, is_spaceless

NOTICE = "*Key sentences picked from the transcript by the server; not a written summary.*"
PHRASES_TITLE = "Key phrases"

STRETCH_SENTENCES = 300
_CANDIDATES = 60
# Among fewer, what most sentences are about counts for nothing with LexRank.
_RANKED_LEAST = 12
# Luhn's significant words: so many of the most frequent in a stretch.
_SIGNIFICANT = 100

SENTENCES_LEAST, SENTENCES_MOST = 5, 25
PHRASES_IN_SUMMARY, PHRASES_IN_TITLE = 8, 3
TITLE_MAX_LENGTH = 80
# Less is no sentence, more is unpunctuated speech and cut.
_WORDS_LEAST, _LENGTH_MOST = 4, 320
_PHRASE_WORDS = 3
# So many times the phrases that are wanted are looked at.
_CONSIDERED = 4
# Characters that phrases are looked for in, taken evenly from the whole: 2 s of work.
_PHRASES_REACH = 120_000

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*")
_SENTENCE = regex.compile(
    rf".+?(?:[.!?…]+[{regex.escape(CLOSERS)}]*(?=\s|$)|[。！？｡؟۔।॥]+[{regex.escape(CLOSERS)}]*|$)",
    regex.DOTALL,
)
# Up to a space, where there is one; never through what reads as one character.
_PIECE = regex.compile(rf"\X{{1,{_LENGTH_MOST}}}(?:\s|$)|\X{{1,{_LENGTH_MOST}}}")
# Between letters, an underscore is one.
_MARKDOWN = regex.compile(r"[\\`*\[\]<>]|(?<![^\W_])_|_(?![^\W_])")
_NO_WORD = regex.compile(r"\S{50,}+|[^\w\s]{4,}+")
_REGION = regex.compile("[-_]")
_ENDS, _BEFORE = ".!?…", ".!?…\n"
# Codes that stand for the same written words.
_SAME = {"nb": "no", "nn": "no", "yue": "zh"}
# yake's list "br" is Brazilian, and its Czech one has another name.
_YAKES = {"br": "xx", "cs": "cz"}


@dataclass(frozen=True, slots=True)
class Picked:
    """A sentence as it was said. `name`: None where nobody is known. `start`: seconds of the
    segment it is in, or None.
    """

    text: str
    name: str | None
    start: float | None


class _Words:
    """The tokenizer that sumy asks for; its own needs files from the network."""

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(_words(text))


def key_sentences(lines: Sequence[Cue], *, most: int, language: str | None = None) -> list[Picked]:
    """At most so many sentences, in the order they were said; the same for the same lines.

    `language`: a code; without one, or with one that nobody has a list for, no word counts as
    filler. Nothing is picked twice. Takes about a second for an hour of talk.
    """
    said = _distinct(lines)
    if len(said) <= most:
        return said
    stretches = _stretches(said, most)
    picked: list[Picked] = []
    for index, stretch in enumerate(stretches):
        # Of the places, the share of this stretch and what the ones before left over.
        share = most * (index + 1) // len(stretches) - most * index // len(stretches)
        picked += _best(stretch, share, language)
    return picked


def key_phrases(text: str, *, most: int, language: str | None = None) -> list[str]:
    """Phrases of one to three words that a text is about, the most telling first; [] in scripts
    without spaces, where nothing here can tell a word.
    """
    # Half a second to import, and only who has no model needs it.
    import yake

    # Its warnings quote the text.
    logging.getLogger("yake").setLevel(logging.CRITICAL)
    if not text.strip() or _is_mostly_spaceless(text):
        return []
    sample = _sample(text)
    extractor = yake.KeywordExtractor(
        lan=_yakes(_code(language)), n=_PHRASE_WORDS, dedup_lim=0.7, top=most * _CONSIDERED
    )
    ranked: list[tuple[bool, float, str]] = []
    for phrase, score in extractor.extract_keywords(sample):
        said, aside = _occurrences(phrase, sample)
        if 2 * aside < said or not said:
            # Lower scores are better, and what was said again is before what was said once.
            ranked.append((said < 2, float(score), phrase))
    phrases: list[str] = []
    for _, _, phrase in sorted(ranked):
        words = set(phrase.casefold().split())
        # What is said inside a longer phrase is not said again.
        if all(not words <= set(kept.casefold().split()) for kept in phrases):
            phrases.append(phrase)
    return phrases[:most]


def extractive_summary(
    lines: Sequence[Cue], *, language: str | None = None, most: int | None = None
) -> str:
    """Markdown: what it is, key phrases, and key sentences with speaker and time; "" where nothing
    was said. `most`: sentences; by default more for longer recordings.
    """
    said = [line for line in lines if line.text.strip()]
    if not said:
        return ""
    picked = key_sentences(said, most=most or _usual_count(said), language=language)
    phrases = key_phrases(_spoken(said), most=PHRASES_IN_SUMMARY, language=language)
    parts = [NOTICE]
    if phrases:
        parts.append(f"**{PHRASES_TITLE}:** {', '.join(map(_escaped, phrases))}")
    parts.append("\n".join(map(_bullet, picked)))
    return "\n\n".join(parts)


def extractive_title(lines: Sequence[Cue], *, language: str | None = None) -> str:
    """Key phrases as a title, or in scripts without spaces the start of the key sentence; "" where
    nothing was said.
    """
    phrases = key_phrases(_spoken(lines), most=PHRASES_IN_TITLE, language=language)
    if not phrases:
        sentences = key_sentences(lines, most=1, language=language)
        phrases = [picked.text for picked in sentences]
    title = ""
    for phrase in phrases:
        longer = f"{title}, {phrase}" if title else phrase
        if title and len(longer) > TITLE_MAX_LENGTH:
            break
        title = longer
    return title[:1].upper() + title[1:TITLE_MAX_LENGTH].rstrip(" .。")


def _distinct(lines: Sequence[Cue]) -> list[Picked]:
    """Sentences in order, the first of those that say the same, without the very short ones where
    there are others.
    """
    found: dict[tuple[str, ...], Picked] = {}
    for line in lines:
        for text in _sentences(line.text):
            found.setdefault(tuple(_words(text)), Picked(text, line.name, line.start))
    long_enough = [picked for words, picked in found.items() if len(words) >= _WORDS_LEAST]
    return long_enough or [picked for words, picked in found.items() if words]


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a segment; what has no end in sight is cut."""
    for found in _SENTENCE.finditer(" ".join(text.split())):
        pieces = [found[0]] if len(found[0]) <= _LENGTH_MOST else _PIECE.findall(found[0])
        yield from (stripped for piece in pieces if (stripped := piece.strip()))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.casefold()):
        if len(word) == 1 or word.isascii() or not any(map(is_spaceless, word)):
            yield word
        else:
            yield from (one + other for one, other in pairwise(word))


def _stretches(said: list[Picked], most: int) -> list[list[Picked]]:
    """The sentences in order, in parts as equal as can be; no more parts than places."""
    count = min(math.ceil(len(said) / STRETCH_SENTENCES), most)
    edges = [len(said) * index // count for index in range(count + 1)]
    return [said[start:end] for start, end in pairwise(edges)]


def _best(stretch: list[Picked], most: int, language: str | None) -> list[Picked]:
    # Seconds and 100 MB to import, and only who has no model needs it.
    import numpy as np
    from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence
    from sumy.summarizers.lex_rank import LexRankSummarizer
    from sumy.summarizers.luhn import LuhnSummarizer

    by_text = {picked.text: picked for picked in stretch}
    sentences = [Sentence(text, _Words()) for text in by_text]
    fillers, stem = _stop_words(_code(language)), _stemmer(_code(language))
    luhn, lex_rank = LuhnSummarizer(stem), LexRankSummarizer(stem)
    luhn.stop_words = lex_rank.stop_words = fillers
    words = sum(len(sentence.words) for sentence in sentences)
    luhn.significant_percentage = min(1, _SIGNIFICANT / max(1, words))
    document = ObjectDocumentModel([Paragraph(sentences)])
    if len(sentences) < _RANKED_LEAST:
        return [by_text[str(sentence)] for sentence in luhn(document, most)]
    candidates = luhn(document, max(_CANDIDATES, most))
    # Where no two sentences share a word, it divides by nothing and keeps their order.
    with np.errstate(invalid="ignore"):
        chosen = lex_rank(ObjectDocumentModel([Paragraph(candidates)]), most)
    return [by_text[str(sentence)] for sentence in chosen]


@lru_cache(maxsize=8)
def _stop_words(code: str) -> frozenset[str]:
    """Words that say nothing by themselves; none where no list knows the language."""
    import yake
    from sumy.utils import get_stop_words

    words = yake.KeywordExtractor(lan=_yakes(code)).stopword_set
    with suppress(LookupError):
        words |= get_stop_words(code)
    return frozenset(word for word in words if word)


@lru_cache(maxsize=8)
def _stemmer(code: str) -> Callable[[str], str]:
    """A Snowball stemmer; words as they are where there is none for the language."""
    from sumy.nlp.stemmers import Stemmer, null_stemmer
    from sumy.utils import normalize_language

    stem = null_stemmer
    # sumy's own stemmers warn of foreign words, or want another package.
    if normalize_language(code) not in Stemmer.SPECIAL_STEMMERS:
        with suppress(LookupError):
            stem = Stemmer(code)
    return lru_cache(maxsize=50_000)(stem)


@lru_cache(maxsize=64)
def _code(language: str | None) -> str:
    """A code of two letters, of "pt-BR" as of "ger" and "english"; "xx", which no language has,
    where there is none.
    """
    # It reads its tables when it is first asked.
    from pycountry import languages

    said = _REGION.split((language or "").casefold().strip())[0]
    if len(said) != 2 and said not in _SAME:
        # Some have no shorter code, and the first letters of theirs are another's.
        with suppress(LookupError):
            said = getattr(languages.lookup(said), "alpha_2", "")
    code = _SAME.get(said, said)
    return code if len(code) == 2 else "xx"


def _yakes(code: str) -> str:
    return _YAKES.get(code, code)


def _usual_count(lines: Sequence[Cue]) -> int:
    return min(SENTENCES_MOST, max(SENTENCES_LEAST, round(math.sqrt(len(lines)) / 3)))


def _spoken(lines: Sequence[Cue]) -> str:
    return "\n".join(" ".join(line.text.split()) for line in lines)


def _sample(text: str) -> str:
    """Lines taken evenly from a text that is too long, without what is no word: yake takes for
    ever over those.
    """
    lines = _NO_WORD.sub(" ", text).splitlines()
    step = math.ceil(len(text) / _PHRASES_REACH)
    return "\n".join(lines[::step])[:_PHRASES_REACH]


def _occurrences(phrase: str, text: str) -> tuple[int, int]:
    """How often a phrase is said, and how often only aside: as a whole sentence, to call or greet
    somebody, or as a filler ("Good.", "Well, …", "…, Julia.").
    """
    words = r"\s+".join(map(regex.escape, phrase.split()))
    said = aside = 0
    for found in regex.finditer(
        rf"(?<![\p{{L}}\p{{N}}]){words}(?![\p{{L}}\p{{N}}])", text, regex.IGNORECASE
    ):
        start, end = found.span()
        before = text[max(0, start - 2) : start].rstrip(" ")[-1:]
        after = text[end : end + 1]
        ends = after in _ENDS
        said += 1
        if after and (ends if before == "," else before in _BEFORE and (ends or after == ",")):
            aside += 1
    return said, aside


def _is_mostly_spaceless(text: str) -> bool:
    letters = [character for character in text[:5000] if character.isalpha()]
    return 2 * sum(map(is_spaceless, letters)) > len(letters)


def _bullet(picked: Picked) -> str:
    who = f"**{_escaped(picked.name)}** " if picked.name else ""
    when = "" if picked.start is None else f"({clock(picked.start)})"
    head = f"{who}{when}".strip()
    return f"- {head}: {_escaped(picked.text)}" if head else f"- {_escaped(picked.text)}"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))
