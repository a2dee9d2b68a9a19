"""Calendar events as a file that calendar programs take (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event

PRODUCT = "-//Speakr//Events//EN"
DEFAULT_LENGTH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """Times are aware. `uid`: the same for the same event, whenever it is asked for; `changed_at`:
    since when it is as it is.
    """

    uid: str
    title: str
    start: datetime
    end: datetime | None
    changed_at: datetime
    description: str | None = None
    location: str | None = None
    attendees: Sequence[str] = ()
    reminder_minutes: int = 0


def calendar(entries: Iterable[Entry]) -> bytes:
    """UTF-8, folded and escaped by icalendar."""
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    for entry in entries:
        made.add_component(_event(entry))
    return made.to_ical()


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("summary", entry.title)
    event.add("dtstart", entry.start.astimezone(UTC))
    event.add("dtend", (entry.end or entry.start + DEFAULT_LENGTH).astimezone(UTC))
    # A calendar that has the event takes the later of the two (RFC 5546, 2.1.5).
    event.add("dtstamp", entry.changed_at.astimezone(UTC))
    event.add("last-modified", entry.changed_at.astimezone(UTC))
    description = _described(entry)
    if description:
        event.add("description", description)
    if entry.location:
        event.add("location", entry.location)
    if entry.reminder_minutes > 0:
        event.add_component(_alarm(entry))
    return event


def _described(entry: Entry) -> str:
    """Who comes is said in words: an ATTENDEE is an address, and we only have names."""
    parts = [entry.description or ""]
    if entry.attendees:
        parts.append(f"Attendees: {', '.join(entry.attendees)}")
    return "\n\n".join(part for part in parts if part)


def _alarm(entry: Entry) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", entry.title)
    alarm.add("trigger", timedelta(minutes=-entry.reminder_minutes))
    return alarm
