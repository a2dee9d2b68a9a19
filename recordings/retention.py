"""When a recording goes by itself and why, or why never: the whole policy, and nothing else.

Knows no database and no clock. Rules, the first that applies (http-contract.md, 0.1.31 and 0.1.25):

1. Any protection keeps it for ever: its own exemption, a protecting tag, a tag or folder with -1.
2. The shortest period of its tags and its folder counts.
3. Else the server's period counts, if there is one.

Only tags that the owner attached count; the folder is always the owner's choice. A period is
counted from the upload. One that was lowered since is counted from the day on which it was lowered,
and nothing goes within LOWERED_NOTICE after any rule of its tags and its folder was lowered. While
folders are switched off a folder's period does not count; a folder that keeps for ever still
protects, since a switch for what people see must not delete what they meant to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

LOWERED_NOTICE = timedelta(days=7)
# From being marked to being deleted.
MARKED_NOTICE = timedelta(hours=24)
# A night begins then, by the server's time zone.
NIGHT_BEGINS = timedelta(hours=2)
# The brake: more than one in so many at once,
BRAKE_SHARE = 10
# but so few may always go where they are at most half of all, and one alone may anyway.
BRAKE_FEW = 5


class Removes(StrEnum):
    """What deletion takes away. Without its audio a recording keeps its texts."""

    RECORDING = "recording"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Rules:
    """The server's. `days`: for recordings that no tag or folder speaks for; 0 for none."""

    is_enabled: bool = False
    days: int = 0
    removes: Removes = Removes.RECORDING
    folders_enabled: bool = False


@dataclass(frozen=True, slots=True)
class ShelfRule:
    """What one tag or folder says. `name`: for people, such as `tag "Work"`. `days`: from 1 up, or
    None for nothing. `lowered_at`: when it last came to keep for a shorter time than before.
    """

    name: str
    days: int | None = None
    protects: bool = False
    lowered_at: datetime | None = None
    is_folder: bool = False
    is_by_owner: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What matters of a recording. `is_busy`: work on it waits or runs."""

    created_at: datetime
    is_exempt: bool = False
    is_busy: bool = False
    has_audio: bool = True
    shelves: tuple[ShelfRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`goes_at`: when its time is over; None for never. `reason`: a clause for people."""

    goes_at: datetime | None
    reason: str
    is_busy: bool = False

    def is_due(self, now: datetime) -> bool:
        return self.goes_at is not None and self.goes_at <= now and not self.is_busy


def judge(facts: Facts, rules: Rules) -> Verdict:
    """When and why, or why never; `goes_at` in UTC."""
    shelves = [shelf for shelf in facts.shelves if shelf.is_by_owner]
    kept = _protection(facts, shelves)
    if kept:
        return Verdict(None, kept)
    if not rules.is_enabled:
        return Verdict(None, "automatic deletion is switched off")
    if rules.removes is Removes.AUDIO and not facts.has_audio:
        return Verdict(None, "its audio is gone already")
    heard = [shelf for shelf in shelves if rules.folders_enabled or not shelf.is_folder]
    ends = [_end(facts.created_at, shelf.days, shelf) for shelf in heard if shelf.days is not None]
    if not ends and rules.days:
        ends = [_end(facts.created_at, rules.days, None)]
    if not ends:
        return Verdict(None, "no rule applies to it")
    goes_at, reason = min(ends)
    notices = [_utc(shelf.lowered_at) + LOWERED_NOTICE for shelf in heard if shelf.lowered_at]
    if notices and max(notices) > goes_at:
        goes_at, reason = max(notices), f"{reason}; a rule was lowered, which gives a week's notice"
    return Verdict(goes_at, reason, facts.is_busy)


def brake_holds(*, due: int, total: int) -> bool:
    """Whether so many of all recordings come due at once that something must be wrong."""
    if due * BRAKE_SHARE <= total or due <= 1:
        return False
    return due > BRAKE_FEW or due * 2 > total


def may_go(*, marked_at: datetime, now: datetime, served: timedelta) -> bool:
    """Whether a mark was to be seen for long enough, by the clock and by the time that the machine
    was up since (`served`, in whole seconds): a clock that jumps ahead shortens nothing.
    """
    return now - marked_at >= MARKED_NOTICE and served > MARKED_NOTICE


def night_of(now: datetime, zone: tzinfo) -> str:
    """The night that a moment belongs to, as an ISO date; the day after a night counts to it."""
    local = _utc(now).astimezone(zone).replace(tzinfo=None)
    return (local - NIGHT_BEGINS).date().isoformat()


def _protection(facts: Facts, shelves: list[ShelfRule]) -> str:
    if facts.is_exempt:
        return "it is exempt from deletion"
    return next((f"the {shelf.name} protects it" for shelf in shelves if shelf.protects), "")


def _end(created_at: datetime, days: int, shelf: ShelfRule | None) -> tuple[datetime, str]:
    """When a period ends, and its reason. In UTC: elsewhere days have 23 to 25 hours."""
    since, said = _utc(created_at), f"{days} day{'' if days == 1 else 's'}"
    if shelf is None:
        return since + timedelta(days=days), f"{said} by the server's rule"
    reason = f"{said} by the {shelf.name}"
    if shelf.lowered_at and _utc(shelf.lowered_at) > since:
        since = _utc(shelf.lowered_at)
        reason += f", counted from {since:%Y-%m-%d}, when that was lowered"
    return since + timedelta(days=days), reason


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
