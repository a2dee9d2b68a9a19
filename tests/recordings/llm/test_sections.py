"""Whatever the text, the sections that a model is sent leave nothing out and fit."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recordings.llm.sections import (
    LEAST_TOKENS,
    OVERLAP_TOKENS,
    PromptTooLongError,
    Section,
    answer_room,
    data_room,
    estimated_tokens,
    groups,
    halved,
    overlap_room,
    sections,
    tail,
)

ENGLISH = "[Anna Schmidt]: And so we agreed on Tuesday, at ten. "
GERMAN = "[Jörg Groß]: Über die Überprüfung müssen wir größtenteils später sprechen. "
CHINESE = "[李雷]：我们今天讨论明年的预算，然后决定谁来负责。"
THAI = "เราจะประชุมกันในวันอังคารหน้าที่สำนักงานใหญ่"
EMOJI = "👩‍👩‍👧‍👦🇩🇪🏳️‍🌈👍🏽e\u0301"
LANGUAGES = (ENGLISH, GERMAN, CHINESE, THAI, EMOJI, "x", "1", "\u0301", "\n", "\r\n", " ", "\ud800")

MEGABYTE = 1_000_000


@st.composite
def texts(draw: st.DrawFn) -> str:
    """1 KB to 2 MB, of any languages, in lines or in one."""
    kinds = draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=5))
    line_break = draw(st.sampled_from(["", "\n", " "]))
    size = draw(st.sampled_from([1_000, 5_000, 40_000, 300_000, 2 * MEGABYTE]))
    rng = random.Random(draw(st.integers(0, 9999)))
    passages = ["".join(rng.choices(kinds, k=rng.randint(1, 40))) + line_break for _ in range(20)]
    count = 1 + size // max(1, sum(len(_bytes(passage)) for passage in passages) // len(passages))
    return "".join(rng.choices(passages, k=count))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


CONTEXTS = st.integers(2_048, 131_072)


@settings(max_examples=60, deadline=None)
@given(texts(), CONTEXTS, st.floats(0, 0.5))
@example("word " * 400_000, 2_048, 0.5)
@example("x" * 2 * MEGABYTE, 131_072, 0.1)
@example(THAI * 15_000, 4_096, 0.3)
@example("\u0301" * 1_000_000, 2_048, 0.5)
def test_every_character_is_claimed_once_and_every_call_fits(
    text: str, context_tokens: int, prompt_share: float
) -> None:
    prompt_tokens = int(context_tokens * prompt_share)
    room = data_room(context_tokens, prompt_tokens)
    found = sections(text, limit_tokens=room, overlap_tokens=overlap_room(room))
    assert "".join(section.text for section in found) == text
    place = 0
    for section in found:
        assert section.start == place < section.end
        assert text[: section.start].endswith(section.overlap)
        assert (
            prompt_tokens
            + estimated_tokens(section.overlap + section.text)
            + answer_room(context_tokens)
            <= context_tokens
        )
        place = section.end
    assert place == len(text)


@settings(deadline=None)
@given(st.text(), st.integers(LEAST_TOKENS, 60), st.integers(0, 20))
@example("e" + "\u0301" * 300, LEAST_TOKENS, 0)
def test_the_smallest_rooms_lose_nothing_either(text: str, claimed: int, overlap: int) -> None:
    found = sections(text, limit_tokens=claimed + overlap, overlap_tokens=overlap)
    assert "".join(section.text for section in found) == text
    for section in found:
        assert estimated_tokens(section.overlap) <= overlap
        assert estimated_tokens(section.overlap + section.text) <= claimed + overlap
    assert found == sections(text, limit_tokens=claimed + overlap, overlap_tokens=overlap)


def test_nothing_has_no_section_and_what_fits_has_one() -> None:
    assert sections("", limit_tokens=100, overlap_tokens=10) == []
    (whole,) = sections(ENGLISH, limit_tokens=100, overlap_tokens=10)
    assert whole == Section(0, len(ENGLISH), ENGLISH, "")


def test_a_limit_that_holds_no_text_is_refused() -> None:
    with pytest.raises(ValueError, match="do not hold"):
        sections("text", limit_tokens=12, overlap_tokens=10)


@pytest.mark.parametrize(
    ("passage", "ends"),
    [
        (f"{ENGLISH.strip()}\n", "\n"),
        (ENGLISH, ". "),
        (CHINESE, "。"),
        ("He said: “Stop!” And they stopped. ", (". ", "” ")),
        ("word " * 7 + "other ", " "),
    ],
)
def test_cuts_are_where_a_reader_would_cut(passage: str, ends: str | tuple[str, ...]) -> None:
    found = sections(passage * 400, limit_tokens=300, overlap_tokens=40)
    assert len(found) > 10
    for section in found[1:]:
        assert section.overlap
        assert not section.overlap[:1].isspace()
    for section in found[:-1]:
        assert section.text.endswith(ends)


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301\u0323", "ที่", "각"])
def test_what_reads_as_one_character_is_not_cut_through(cluster: str) -> None:
    text = cluster * 3_000
    for section in sections(text, limit_tokens=300, overlap_tokens=40):
        for part in (section.text, section.overlap):
            assert set(regex.findall(r"\X", part)) <= {cluster}


def test_the_overlap_is_whole_lines_where_lines_are_short() -> None:
    text = "".join(f"[Anna]: sentence number {number}.\n" for number in range(2_000))
    for section in sections(text, limit_tokens=800, overlap_tokens=100)[1:]:
        assert section.overlap.startswith("[Anna]") and section.overlap.endswith("\n")
        assert estimated_tokens(section.overlap) > 50


@settings(deadline=None)
@given(texts(), st.integers(0, 2_000))
def test_two_halves_claim_what_the_whole_did(text: str, overlap_tokens: int) -> None:
    whole = sections(text, limit_tokens=4_000, overlap_tokens=overlap_tokens)[-1]
    first, second = halved(whole)
    assert first.text + second.text == whole.text
    assert (first.start, first.end, second.end) == (whole.start, second.start, whole.end)
    assert min(len(first.text), len(second.text)) >= len(whole.text) // 4
    assert whole.overlap.endswith(first.overlap)
    assert first.text.endswith(second.overlap)
    for half in (first, second):
        assert estimated_tokens(half.overlap) <= estimated_tokens(whole.overlap) // 2


def test_halving_ends_with_one_character() -> None:
    section = Section(0, 5, "ab\ncd", "before")
    pending, single = [section], []
    while pending:
        if halves := halved(pending.pop()):
            pending += halves
        else:
            single.append(True)
    assert len(single) == 5
    assert halved(replace(section, text="a", end=1)) is None


@given(st.text(), st.text())
def test_an_estimate_grows_with_the_text_and_never_by_joining(one: str, other: str) -> None:
    apart = estimated_tokens(one) + estimated_tokens(other)
    assert estimated_tokens(one) <= estimated_tokens(one + other) <= apart


# Counted by Whisper's tokenizer, which has 50,364 entries for all languages.
@pytest.mark.parametrize(
    ("text", "real"),
    [
        ("And so, my fellow Americans, ask not what your country can do for you.", 17),
        ("Wir haben beschlossen, die Überprüfung größtenteils zu verschieben.", 19),
        ("[00:12:34] [SPEAKER_00]: Yes.", 15),
        ("我们今天讨论明年的预算，然后决定谁来负责。", 25),
        (THAI, 35),
    ],
)
def test_the_estimate_is_on_the_safe_side_but_not_absurd(text: str, real: int) -> None:
    assert real <= estimated_tokens(text) <= 2 * real


def test_the_answer_has_a_quarter_and_a_prompt_half_at_most() -> None:
    assert answer_room(8_192) == 2_048
    assert data_room(8_192, 1_000) == 8_192 - 2_048 - 1_000
    assert data_room(8_192, 4_096) == 2_048
    with pytest.raises(PromptTooLongError):
        data_room(8_192, 4_097)
    assert overlap_room(100_000) == OVERLAP_TOKENS
    assert overlap_room(800) == 100


@given(st.text(), st.integers(0, 50))
def test_a_tail_is_an_end_that_fits(text: str, tokens: int) -> None:
    found = tail(text, tokens)
    assert text.endswith(found)
    assert estimated_tokens(found) <= tokens


@given(st.lists(st.integers(0, 900), max_size=60), st.integers(1, 2_000))
def test_groups_are_neighbours_in_order_that_fit(sizes: list[int], limit_tokens: int) -> None:
    found = groups(sizes, limit_tokens=limit_tokens)
    assert [index for group in found for index in group] == list(range(len(sizes)))
    for group in found:
        assert len(group) == 1 or sum(sizes[index] for index in group) <= limit_tokens


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=60), st.data())
def test_rounds_of_reducing_come_to_an_end(sizes: list[int], data: st.DataObject) -> None:
    """Even when a model answers longer than it was asked."""
    rounds = 0
    while len(sizes) > 1:
        found = groups(sizes, limit_tokens=2_000)
        if len(found) == len(sizes):
            break
        assert len(found) < len(sizes)
        sizes = [
            sizes[group[0]] if len(group) == 1 else data.draw(st.integers(1, 3_000))
            for group in found
        ]
        rounds += 1
    assert rounds < 60


@pytest.mark.parametrize("passage", [ENGLISH + "\n", ENGLISH, "x", CHINESE, THAI, EMOJI])
def test_two_megabytes_take_no_time(passage: str) -> None:
    text = passage * (2 * MEGABYTE // len(_bytes(passage)))
    started = time.process_time()
    for context_tokens in (2_048, 131_072):
        room = data_room(context_tokens, 500)
        sections(text, limit_tokens=room, overlap_tokens=overlap_room(room))
    assert time.process_time() - started < 2.0
