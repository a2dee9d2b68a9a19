from __future__ import annotations

import random
from datetime import timedelta

import pytest

from hooks.outcomes import Verdict, pause_after, verdict_on

LADDER = [0, 30, 120, 600, 3600]
DAY = 24 * 3600


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        (range(100, 200), Verdict.REFUSED),
        (range(200, 300), Verdict.DELIVERED),
        (range(300, 400), Verdict.REFUSED),
        (set(range(400, 500)) - {408, 429}, Verdict.REFUSED),
        ((408, 429), Verdict.REPEAT),
        (range(500, 600), Verdict.REPEAT),
        (range(600, 1000), Verdict.REFUSED),
    ],
)
def test_every_status_has_its_verdict(statuses: range, verdict: Verdict) -> None:
    assert {verdict_on(status) for status in statuses} == {verdict}


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 30), (2, 120), (3, 600), (4, 3600), (5, 3600), (99, 3600)]
)
def test_the_pause_is_the_ladder_s_and_up_to_a_fifth_more(attempts: int, seconds: int) -> None:
    pauses = [
        pause_after(attempts, ladder=LADDER, retry_after=None, chance=random.Random(seed))
        for seed in range(200)
    ]
    assert timedelta(seconds=seconds) <= min(pauses)
    assert max(pauses) <= timedelta(seconds=seconds * 1.2)
    assert max(pauses) - min(pauses) > timedelta(seconds=seconds * 0.15)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(7, 30), (-5, 30), (45, 45), (DAY, DAY), (DAY + 1, DAY), (float("inf"), DAY)],
)
def test_the_receiver_may_ask_for_longer_but_not_for_more_than_a_day(
    retry_after: float, seconds: int
) -> None:
    pause = pause_after(1, ladder=LADDER, retry_after=retry_after, chance=random.Random(1))
    assert seconds <= pause.total_seconds() <= max(30 * 1.2, seconds)
