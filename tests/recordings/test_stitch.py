"""Windows become one timeline."""

from __future__ import annotations

import random

import pytest

from recordings.connectors.base import SpokenSegment, Word
from recordings.pipeline.stitch import stitch


def segment(start: float, end: float, text: str = "", label: str | None = None) -> SpokenSegment:
    return SpokenSegment(start, end, text, label, (Word(start, end, text),) if text else ())


def test_nothing_gives_nothing():
    assert stitch([]) == ()
    assert stitch([(), ()]) == ()


def test_windows_that_finished_in_another_order_are_sorted():
    early, late = segment(0, 5, "a"), segment(600, 605, "b")
    assert stitch([(late,), (early,)]) == (early, late)


def test_a_tiny_overlap_at_the_seam_is_taken_from_the_end_of_the_first():
    before = SpokenSegment(
        598, 600.2, "so it", None, (Word(598, 599, "so"), Word(599, 600.2, "it"))
    )
    after = segment(600, 603, "goes")
    first, second = stitch([(before,), (after,)])
    assert (first.end, first.words[-1].end) == (600, 600)
    assert (first.text, first.words[0]) == ("so it", Word(598, 599, "so"))
    assert second == after


def test_a_word_beyond_the_seam_keeps_an_end_after_its_start():
    before = SpokenSegment(599, 600.4, "it", None, (Word(600.1, 600.4, "it"),))
    first, _ = stitch([(before,), (segment(600, 603, "goes"),)])
    assert first.words == (Word(600, 600, "it"),)


def test_two_people_speaking_at_once_keep_their_times():
    both = (segment(0, 5, "a", "S1"), segment(4.8, 7, "b", "S2"))
    assert stitch([both]) == both


def test_a_long_overlap_is_kept_because_it_is_no_jitter():
    both = (segment(0, 5, "a"), segment(3, 7, "b"))
    assert stitch([both]) == both


def random_whole(seed: int) -> tuple[SpokenSegment, ...]:
    draw = random.Random(seed)
    now, whole = 0.0, []
    for number in range(draw.randint(0, 40)):
        now += draw.choice([0.0, 0.1, 2.0])
        end = now + draw.choice([0.05, 0.5, 4.0])
        whole.append(segment(now, end, f"w{number}", draw.choice([None, None, "S1"])))
        now = end - draw.choice([0.0, 0.0, 0.02, 0.3])
    return tuple(sorted(whole, key=lambda one: one.start))


@pytest.mark.parametrize("seed", range(100))
def test_stitching_a_split_equals_the_whole(seed):
    whole = random_whole(seed)
    draw = random.Random(seed)
    cuts = sorted(draw.randint(0, len(whole)) for _ in range(draw.randint(0, 6)))
    borders = [0, *cuts, len(whole)]
    windows = [whole[a:b] for a, b in zip(borders, borders[1:], strict=False)]
    assert stitch(windows) == stitch([whole])


@pytest.mark.parametrize("seed", range(100))
def test_nothing_is_lost_or_doubled_and_times_are_monotone(seed):
    whole = random_whole(seed)
    joined = stitch([whole])
    assert [one.text for one in joined] == [one.text for one in whole]
    assert [[word.text for word in one.words] for one in joined] == [
        [word.text for word in one.words] for one in whole
    ]
    starts = [one.start for one in joined]
    assert starts == sorted(starts)
    assert all(one.start <= one.end for one in joined)
    assert all(
        one.start <= word.start <= word.end <= one.end for one in joined for word in one.words
    )
