"""The parts of a transcript that a question is about, and what an answer cites."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from recordings.llm.retrieval import alike, cited, most_relevant

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


def test_inflected_words_are_alike() -> None:
    assert alike(["Er geht.", "Die Versicherungen zahlen."], "Welche Versicherung?") == [1]


def test_what_has_only_small_words_in_common_is_no_source() -> None:
    said = ["The budget is the thing.", *["So the cat and the dog sat there."] * 9]
    assert alike(said, "What is the budget?") == [0]


def test_nothing_in_common_gives_no_source() -> None:
    assert alike(TALK, "zebra") == []
    assert alike(TALK, "") == []
    assert alike([], "budget") == []


def test_what_fits_is_given_in_the_order_of_time() -> None:
    long = [f"Filler number {number} about nothing at all." for number in range(500)]
    long[400] = "The password of the vault is swordfish."
    sizes = [len(text) for text in long]
    found = most_relevant(long, "What is the password of the vault?", sizes=sizes, room=2000)
    assert 400 in found
    assert found == sorted(found)
    assert sum(len(long[index]) for index in found) <= 2000


def test_a_question_about_nothing_gets_the_beginning() -> None:
    found = most_relevant(TALK, "zebra", sizes=[200] * len(TALK), room=450)
    assert found == [0, 1]


@given(st.lists(st.text(max_size=30), max_size=12), st.text(max_size=40), st.integers(0, 300))
def test_no_text_breaks_it(texts: list[str], question: str, room: int) -> None:
    sizes = [len(text) for text in texts]
    found = most_relevant(texts, question, sizes=sizes, room=room)
    assert sum(len(texts[index]) for index in found) <= room
    assert set(alike(texts, question)) <= set(range(len(texts)))


def test_times_in_an_answer_are_segments() -> None:
    spans = [(0.0, 4.0), (12.4, 12.8), (12.9, 12.9), (3725.2, 3727.0)]
    answer = "As said [00:12] and [01:02:05], again [00:00:12]; not [99:99] nor [00:13]."
    assert cited(answer, spans) == [1, 3]


def test_a_time_amid_a_segment_names_it() -> None:
    spans = [(0.0, 60.0), (10.4, 30.0), (10.4, 30.0), (28.0, 35.5), (90.0, 95.0)]
    # The one begun last of those that talk at once, the first of pieces of one.
    assert cited("[00:20], [00:33], [00:45], [00:05]", spans) == [1, 3, 0]
    assert cited("[00:01:35] but not [00:01:20] nor [00:01:36]", spans) == [4]


def test_an_answer_of_nothing_but_times_is_read_at_once() -> None:
    spans = [(number * 2.0, number * 2.0 + 0.5) for number in range(7000)]
    answer = "".join(f"[{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}]" for n in range(1, 90_000, 2))
    begun = time.process_time()
    assert cited(answer, spans) == []
    assert time.process_time() - begun < 2


def test_times_are_found_however_they_are_written() -> None:
    spans = [(start, start) for start in (0.0, 12.4, 630.0, 3725.2)]
    assert cited("[00:00:12–01:02:05]", spans) == [1, 3]
    assert cited("(00:12), **0:10:30** and [01:02:05, 00:00:00]", spans) == [1, 2, 3, 0]


def test_the_time_of_an_appointment_is_none() -> None:
    spans = [(12.0, 14.0), (630.0, 640.0)]
    answer = "We meet (on Friday at 10:30). The ratio is 00:12; the key is 1:00:00:12:4."
    assert cited(answer, spans) == []


def test_four_hours_are_searched_at_once() -> None:
    talk = [f"{TALK[number % 4]} {number}" for number in range(6000)]
    alike(talk[:10], "warm")
    begun = time.monotonic()
    sizes = [len(text) for text in talk]
    most_relevant(talk, "What about the budget for March?", sizes=sizes, room=20_000)
    assert time.monotonic() - begun < 5
