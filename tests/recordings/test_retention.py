"""The policy of retention, by example and against a slow statement of the same rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from recordings.retention import (
    Facts,
    Removes,
    Rules,
    ShelfRule,
    brake_holds,
    judge,
    may_go,
    night_of,
)

DAY = timedelta(days=1)
UPLOADED = datetime(2026, 3, 1, 12, tzinfo=UTC)
ON = Rules(is_enabled=True, days=90, folders_enabled=True)
WORK, HOME = ShelfRule('tag "Work"', days=30), ShelfRule('tag "Home"', days=60)
CLIENTS = ShelfRule('folder "Clients"', days=10, is_folder=True)


def facts(*shelves: ShelfRule, **changes: object) -> Facts:
    return replace(Facts(UPLOADED, shelves=shelves), **changes)


def days_kept(found: Facts, rules: Rules = ON) -> float | None:
    goes_at = judge(found, rules).goes_at
    return None if goes_at is None else (goes_at - UPLOADED) / DAY


@pytest.mark.parametrize(
    ("found", "days", "reason"),
    [
        (facts(), 90, "90 days by the server's rule"),
        (facts(WORK), 30, '30 days by the tag "Work"'),
        (facts(replace(WORK, days=120)), 120, '120 days by the tag "Work"'),
        (facts(HOME, WORK), 30, '30 days by the tag "Work"'),
        (facts(HOME, WORK, CLIENTS), 10, '10 days by the folder "Clients"'),
        (facts(replace(WORK, days=None)), 90, "90 days by the server's rule"),
        (facts(replace(WORK, is_by_owner=False)), 90, "90 days by the server's rule"),
        (facts(WORK, is_exempt=True), None, "it is exempt from deletion"),
        (facts(WORK, replace(HOME, protects=True)), None, 'the tag "Home" protects it'),
        (facts(WORK, replace(CLIENTS, protects=True)), None, 'the folder "Clients" protects it'),
        (
            facts(replace(HOME, protects=True, is_by_owner=False)),
            90,
            "90 days by the server's rule",
        ),
    ],
)
def test_the_first_rule_that_applies_decides(found: Facts, days: int | None, reason: str) -> None:
    assert (days_kept(found), judge(found, ON).reason) == (days, reason)


@pytest.mark.parametrize(
    ("found", "rules", "days"),
    [
        (facts(), replace(ON, days=0), None),
        (facts(WORK), replace(ON, days=0), 30),
        (facts(WORK), replace(ON, is_enabled=False), None),
        (facts(CLIENTS), replace(ON, folders_enabled=False), 90),
        (facts(replace(CLIENTS, protects=True)), replace(ON, folders_enabled=False), None),
        (facts(), replace(ON, removes=Removes.AUDIO), 90),
        (facts(has_audio=False), replace(ON, removes=Removes.AUDIO), None),
        (facts(has_audio=False), ON, 90),
    ],
)
def test_the_servers_switches_count(found: Facts, rules: Rules, days: int | None) -> None:
    assert days_kept(found, rules) == days


@pytest.mark.parametrize(
    ("days", "lowered_after", "kept"),
    [
        # Counted from the day on which it was lowered,
        (30, 100, 130),
        # at least a week ahead,
        (1, 100, 107),
        # and as always for what came after that.
        (30, -20, 30),
        (1, -2, 5),
    ],
)
def test_a_lowered_period_gives_notice(days: int, lowered_after: int, kept: int) -> None:
    lowered_at = UPLOADED + lowered_after * DAY
    assert days_kept(facts(replace(WORK, days=days, lowered_at=lowered_at))) == kept


def test_a_protection_that_is_lifted_gives_notice_too() -> None:
    lifted = replace(WORK, days=None, lowered_at=UPLOADED + 100 * DAY)
    assert days_kept(facts(lifted)) == 107
    assert days_kept(facts(lifted, HOME)) == 107
    assert days_kept(facts(replace(lifted, is_by_owner=False))) == 90


def test_what_is_worked_on_is_not_due() -> None:
    late = UPLOADED + 1000 * DAY
    assert judge(facts(), ON).is_due(late)
    assert not judge(facts(is_busy=True), ON).is_due(late)
    assert judge(facts(), ON).is_due(UPLOADED + 90 * DAY)
    assert not judge(facts(), ON).is_due(UPLOADED + 90 * DAY - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("due", "total", "holds"),
    [
        (0, 0, False),
        (1, 1, False),
        (1, 2, False),
        (2, 2, True),
        (2, 3, True),
        (2, 4, False),
        (5, 10, False),
        (6, 12, True),
        (6, 60, False),
        (7, 60, True),
        (100, 1000, False),
        (101, 1000, True),
    ],
)
def test_the_brake_holds_where_many_come_due_at_once(due: int, total: int, holds: bool) -> None:
    assert brake_holds(due=due, total=total) is holds


def test_a_mark_is_seen_for_a_day_by_the_clock_and_by_the_machine() -> None:
    day, moment = timedelta(hours=24), timedelta(seconds=1)
    at = UPLOADED
    assert may_go(marked_at=at, now=at + day, served=day + moment)
    assert not may_go(marked_at=at, now=at + day - moment, served=9 * day)
    assert not may_go(marked_at=at, now=at + 999 * day, served=day)


def test_a_night_begins_at_two_by_the_wall() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert night_of(datetime(2026, 1, 5, 0, 59, tzinfo=UTC), berlin) == "2026-01-04"
    assert night_of(datetime(2026, 1, 5, 1, 0, tzinfo=UTC), berlin) == "2026-01-05"
    assert night_of(datetime(2026, 7, 5, 0, 0, tzinfo=UTC), berlin) == "2026-07-05"


# The slow statement: whether a recording is due at a moment, asked rule by rule, in seconds.


def seconds_between(start: datetime, end: datetime) -> float:
    return (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds()


def is_due_slowly(found: Facts, rules: Rules, now: datetime) -> bool:
    own = [shelf for shelf in found.shelves if shelf.is_by_owner]
    if found.is_exempt or any(shelf.protects for shelf in own):
        return False
    if found.is_busy or not rules.is_enabled:
        return False
    if rules.removes == "audio" and not found.has_audio:
        return False
    own = [shelf for shelf in own if not (shelf.is_folder and not rules.folders_enabled)]
    for shelf in own:
        if shelf.lowered_at and seconds_between(shelf.lowered_at, now) < 7 * 86_400:
            return False
    age = seconds_between(found.created_at, now)
    with_period = [shelf for shelf in own if shelf.days is not None]
    if not with_period:
        return rules.days > 0 and age >= rules.days * 86_400
    for shelf in with_period:
        counted = age
        if shelf.lowered_at:
            counted = min(age, seconds_between(shelf.lowered_at, now))
        if counted >= shelf.days * 86_400:
            return True
    return False


MOMENTS = st.datetimes(
    min_value=datetime(2026, 2, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2026, 5, 1),  # noqa: DTZ001
    timezones=st.sampled_from(
        [UTC, *map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Asia/Kathmandu"))]
    ),
    allow_imaginary=False,
)
DAYS = st.sampled_from([1, 2, 7, 8, 30, 60])
SHELVES = st.builds(
    ShelfRule,
    name=st.just('tag "Work"'),
    days=st.none() | DAYS,
    protects=st.sampled_from([False, False, False, True]),
    lowered_at=st.none() | MOMENTS,
    is_folder=st.booleans(),
    is_by_owner=st.sampled_from([True, True, False]),
)
FACTS = st.builds(
    Facts,
    created_at=MOMENTS,
    is_exempt=st.sampled_from([False, False, False, True]),
    is_busy=st.sampled_from([False, False, True]),
    has_audio=st.sampled_from([True, True, False]),
    shelves=st.lists(SHELVES, max_size=4).map(tuple),
)
RULES = st.builds(
    Rules,
    is_enabled=st.sampled_from([True, True, True, False]),
    days=st.just(0) | DAYS,
    removes=st.sampled_from(Removes),
    folders_enabled=st.booleans(),
)
# A night in which Berlin's clocks go forward: by the wall it is a day short of 24 hours.
SPRING = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))


@settings(max_examples=1500, deadline=None)
@example(Facts(SPRING), Rules(is_enabled=True, days=1), SPRING + timedelta(days=1))
@given(FACTS, RULES, MOMENTS)
def test_the_policy_says_what_the_slow_statement_says(
    found: Facts, rules: Rules, now: datetime
) -> None:
    verdict = judge(found, rules)
    assert verdict.is_due(now) is is_due_slowly(found, rules, now)
    event(f"due: {verdict.is_due(now)}")
    if verdict.goes_at is not None and not found.is_busy:
        # To the second, and by the same instant in whatever zone it is asked.
        instant = verdict.goes_at.astimezone(ZoneInfo("America/New_York"))
        assert is_due_slowly(found, rules, verdict.goes_at)
        assert verdict.is_due(instant)
        assert not is_due_slowly(found, rules, verdict.goes_at - timedelta(microseconds=1))
