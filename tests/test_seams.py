"""The benchmark's eye for seams: it sees every word that is lost, doubled or changed at one."""

from __future__ import annotations

import pytest

from benchmarks.seams import NEAR_SECONDS, Comparison, compare

TEXT = [f"word{place}" for place in range(60)]
PERIOD, REPETITIONS = 62.0, 20
# In the pause between two words of the sixth repetition.
SEAM = 5 * PERIOD + 30.0
AT_THE_SEAM, FAR_FROM_IT = 30, 55


def spoken() -> list[list[tuple[float, str]]]:
    """One word a second, as somebody without mistakes hears it; a list for each repetition."""
    return [
        [(number * PERIOD + place + 0.5, word) for place, word in enumerate(TEXT)]
        for number in range(REPETITIONS)
    ]


def compared(heard: list[list[tuple[float, str]]]) -> Comparison:
    words = [word for own in heard for word in own]
    return compare(TEXT, words, period=PERIOD, repetitions=REPETITIONS, seams=[SEAM])


def test_a_faithful_transcript_has_no_mistakes() -> None:
    found = compared(spoken())
    assert (found.near, found.away) == ((), ())
    assert found.near_words == 2 * NEAR_SECONDS
    assert found.near_words + found.away_words == REPETITIONS * len(TEXT)


@pytest.mark.parametrize("damage", ["delete", "insert", "substitute"])
def test_a_word_harmed_at_a_seam_is_held_against_it(damage: str) -> None:
    heard = spoken()
    harm(heard[5], AT_THE_SEAM, damage)
    found = compared(heard)
    assert [(item.mistake.kind, item.repetition) for item in found.unusual] == [(damage, 5)]
    assert found.unusual[0].seconds == pytest.approx(SEAM, abs=1.5)
    assert found.away == ()


def test_a_mistake_that_the_same_words_always_bring_is_not_the_seam_s() -> None:
    heard = spoken()
    for own in heard[::2]:
        harm(own, AT_THE_SEAM, "delete")
    harm(heard[5], AT_THE_SEAM, "delete")
    found = compared(heard)
    assert (len(found.near), found.unusual) == (1, [])
    assert len(found.away) == REPETITIONS / 2


def test_one_such_mistake_elsewhere_excuses_nothing() -> None:
    heard = spoken()
    for number in (5, 9):
        harm(heard[number], AT_THE_SEAM, "delete")
    assert len(compared(heard).unusual) == 1


def test_a_mistake_far_from_every_seam_is_none_of_theirs() -> None:
    heard = spoken()
    harm(heard[5], FAR_FROM_IT, "insert")
    found = compared(heard)
    assert (found.near, len(found.away)) == ((), 1)


def test_a_repetition_that_nobody_heard_is_lost_word_by_word() -> None:
    heard = spoken()
    heard[5].clear()
    found = compared(heard)
    assert len(found.unusual) == found.near_words
    assert len(found.away) == len(TEXT) - found.near_words


def harm(words: list[tuple[float, str]], place: int, damage: str) -> None:
    if damage == "delete":
        del words[place]
    elif damage == "insert":
        words.insert(place, words[place - 1])
    else:
        words[place] = (words[place][0], "mumble")
