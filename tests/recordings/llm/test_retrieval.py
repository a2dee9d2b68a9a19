"""The parts of a transcript that a question is about, and what an answer cites."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from recordings.llm.retrieval import alike, cited, most_relevant, passages

TALK = [
    "Good morning everybody.",
    "The budget for March is ten thousand euros.",
    "Nobody likes the new coffee machine.",
    "We meet again in Lisbon on Friday.",
    "会議は金曜日にリスボンで行われます。",
    "ไม่มีใครชอบเครื่องชงกาแฟใหม่",
]


def test_the_segment_that_answers_comes_first() -> None:
    assert alike(TALK, "How large is the budget?", most=1) == [1]
    assert alike(TALK, "Where do we meet?", most=1) == [3]
    assert alike(TALK, "リスボンの会議", most=1) == [4]
    assert alike(TALK, "เครื่องชงกาแฟ", most=1) == [5]


def test_nothing_in_common_gives_no_source() -> None:
    assert alike(TALK, "zebra") == []
    assert alike(TALK, "") == []
    assert alike([], "budget") == []


def test_what_fits_is_given_in_the_order_of_time() -> None:
    long = [f"Filler number {number} about nothing at all." for number in range(500)]
    long[400] = "The password of the vault is swordfish."
    found = most_relevant(long, "What is the password of the vault?", size_of=len, room=2000)
    assert 400 in found
    assert found == sorted(found)
    assert sum(len(long[index]) for index in found) <= 2000


def test_a_question_about_nothing_gets_the_beginning() -> None:
    found = most_relevant(TALK, "zebra", size_of=lambda text: 200, room=450)
    assert found == [0, 1]


@given(st.lists(st.integers(0, 500), max_size=60))
def test_passages_hold_every_segment_once(sizes: list[int]) -> None:
    found = passages(sizes)
    assert [index for part in found for index in part] == list(range(len(sizes)))
    assert all(len(part) == 1 or sum(sizes[i] for i in part) <= 200 for part in found)


@given(st.lists(st.text(max_size=30), max_size=12), st.text(max_size=40), st.integers(0, 300))
def test_no_text_breaks_it(texts: list[str], question: str, room: int) -> None:
    found = most_relevant(texts, question, size_of=len, room=room)
    assert sum(len(texts[index]) for index in found) <= room
    assert set(alike(texts, question)) <= set(range(len(texts)))


def test_times_in_an_answer_are_segments() -> None:
    starts = [0.0, 12.4, 12.9, 3725.2]
    answer = "As said [00:12] and [01:02:05], again [00:00:12]; not [99:99] nor [00:13]."
    assert cited(answer, starts) == [1, 3]


def test_four_hours_are_searched_at_once() -> None:
    talk = [f"{TALK[number % 4]} {number}" for number in range(6000)]
    alike(talk[:10], "warm")
    begun = time.monotonic()
    most_relevant(talk, "What about the budget for March?", size_of=len, room=20_000)
    assert time.monotonic() - begun < 5
