"""What a model answered, read with patience: prose, titles, events, names. Pure.

Nothing here raises, whatever the answer: a model may be broken, or have been talked into something
by the very transcript. What is given back can be stored and is of the sizes that the contract has
(10.1, 17.2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import json_repair

TITLE_MAX_LENGTH, LOCATION_MAX_LENGTH, DESCRIPTION_MAX_LENGTH = 200, 500, 5000
NAME_MAX_LENGTH = 100
EVENTS_MAX, ATTENDEES_MAX = 100, 50
# Minutes before an event; the most is four weeks.
REMINDER_MINUTES, REMINDER_MINUTES_MAX = 15, 40_320
START_OF_DAY = time(9)
YEARS = range(1970, 2201)

# Repairing takes quadratic time where an answer is made for it: 160 s for 100,000 characters.
# Events are answered in 3,000 tokens.
_REPAIR_MAX_LENGTH = 12_000

# Neither a database nor a calendar program takes these.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_THINKING = re.compile(r"<(?P<closing>/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_LONGEST_MARK = len("</reasoning>")
_FENCE, _FENCES_MAX = "```", 5
# A bracket in prose, like "[sic]", does not start an array.
_OPENING = re.compile(r"\{|\[(?=\s*[\[\]{\"])")
_CLOCK = re.compile(r"T?([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?", re.ASCII)

_TITLE_PREFIX = re.compile(
    r"(?:suggested |the )?(?:title|titel|titre|título|titolo)\s*[:：]\s*", re.I
)
_MARKDOWN_START = re.compile(r"#{1,6}\s+|>\s*|[-*+]\s+|1[.)]\s+")
_MARKS = "*_`~"
# Where spaces part words, marks stand at their edges; "2**8" and "my_file" are no emphasis.
_EMPHASIS = re.compile(
    r"(?<![\d*])(?P<bold>\*{2,3})(?=\S)(?P<strong>.+?)(?<=\S)(?P=bold)"
    r"|(?<![\w*~])(?P<mark>\*|_{1,3}|~~)(?=\S)(?P<said>.+?)(?<=\S)(?P=mark)(?!\w)"
)
_HEADING_END = re.compile(r"\s#+$")
# A title is not further into an answer, and undressing it takes quadratic time.
_TITLE_REACH = 2000
_QUOTES = "\"'“”„‟‘’‚‛«»‹›「」『』"

_ASIDE = re.compile(r"[(\[（【][^)\]）】]*[)\]）】]?")
_AFTER_COMMA = re.compile(r"[,;，、；،؛].*")
_NOBODY = re.compile(
    r"(?:un|not)?(?:known|named|specified|identified|mentioned|available|determined|clear|sure|given)?"
    r"(?:speaker|person|participant|voice|name)?(?:[a-z]|\d+)?"
    r"|(?:unknown|unidentified|anonymous)(?:male|female|man|woman)?\d*"
    r"|none|null|nil|na|tbd|undefined|anonymous|nobody|noname"
    r"|unbekannt|inconnue?|desconocid[oa]|sconosciut[oa]|onbekend|неизвестно"
)


@dataclass(frozen=True, slots=True)
class EventDraft:
    """One event as a model found it, within the contract's limits. Times: aware, UTC.

    `end` is after `start`, or None.
    """

    title: str
    start: datetime
    end: datetime | None
    description: str | None
    location: str | None
    attendees: tuple[str, ...]
    reminder_minutes: int


def without_thinking(text: str) -> str:
    """What a reasoning model said aloud, stripped and storable.

    Thinking that only closes took everything before it; thinking that never closes takes all, if
    nothing was said before it.
    """
    kept: list[str] = []
    place, thinks_from, is_first = 0, None, True
    for mark in _THINKING.finditer(text):
        if thinks_from is None and not (mark["closing"] and is_first):
            kept.append(text[place : mark.start()])
        if mark["closing"]:
            place, thinks_from = mark.end(), None
        elif thinks_from is None:
            thinks_from = mark.start()
        is_first = False
    if thinks_from is None:
        kept.append(text[place:])
    elif any(part.strip() for part in kept):
        kept.append(text[thinks_from:])
    return _storable("".join(kept)).strip()


def streamed_without_thinking(deltas: Iterable[str]) -> Iterator[str]:
    """An answer as it comes in, without thinking at its start; the rest goes through as it is."""
    waiting, thinks, speaks = "", False, False
    for delta in deltas:
        if speaks:
            yield _storable(delta)
            continue
        waiting += delta
        if not thinks:
            start = waiting.lstrip()
            if mark := _THINKING.match(start):
                thinks, waiting = not mark["closing"], start[mark.end() :]
            elif len(start) < _LONGEST_MARK and (not start or start.startswith("<")):
                continue
        if thinks and (mark := _closing(waiting)):
            thinks, waiting = False, waiting[mark.end() :]
        if thinks:
            waiting = waiting[-_LONGEST_MARK:]
        elif said := waiting.lstrip():
            speaks = True
            yield _storable(said)
    if not (thinks or speaks) and waiting.strip():
        yield _storable(waiting.strip())


def json_of(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or array in an answer: alone, fenced, among prose, cut off or badly written.

    None where there is none.
    """
    said = without_thinking(text)
    for candidate in _candidates(said):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict | list):
            return found
    opening = _OPENING.search(said)
    if opening is None:
        return None
    broken = said[opening.start() : opening.start() + _REPAIR_MAX_LENGTH]
    try:
        found = json_repair.repair_json(broken, return_objects=True, skip_json_loads=True)
    except (ValueError, LookupError, TypeError, RecursionError):
        # It guesses; what it stumbles over is no JSON.
        return None
    return found if isinstance(found, dict | list) else None


def events_of(data: object, *, zone: ZoneInfo, reference: date) -> tuple[list[EventDraft], int]:
    """The events of one answer or a list of answers, as `json_of` gives them, and how many rows
    were left out as bad or too many. Duplicates (title and start) are dropped silently.

    A time without an offset is in `zone`; a date alone starts at nine; a time alone is on the day
    of `reference`, an end's on the day of its start.
    """
    events: dict[tuple[str, datetime], EventDraft] = {}
    skipped = 0
    for row in _rows(data):
        draft = _event(row, zone, reference) if isinstance(row, dict) else None
        if draft is None:
            skipped += 1
            continue
        key = (draft.title.casefold(), draft.start)
        if key not in events and len(events) == EVENTS_MAX:
            skipped += 1
        else:
            events.setdefault(key, draft)
    return list(events.values()), skipped


def speaker_map_of(data: object, labels: Sequence[str]) -> dict[str, str]:
    """Every label of a transcript, in order, with the name that a model found, or "".

    What says that somebody is unknown is no name; what stands in parentheses or after a comma is
    not part of one; a map from names to labels is turned round (incumbent 3.7).
    """
    known = {_folded(label): label for label in reversed(labels)}
    names = dict.fromkeys(labels, "")
    for one, other in _pairs(data):
        if (label := known.get(_folded(one))) is not None:
            name = other
        elif (label := known.get(_folded(other))) is not None:
            name = one
        else:
            continue
        if not names[label] and _folded(name) not in known:
            names[label] = _name(name)
    return names


def title_of(text: str) -> str:
    """A title of one line, at most TITLE_MAX_LENGTH characters, without decoration; "" for none."""
    data = json_of(text) if text.lstrip()[:1] in ("{", "`") else None
    if isinstance(data, dict) and isinstance(data.get("title"), str):
        text = data["title"]
    said = without_thinking(text)[:_TITLE_REACH]
    lines = [line for line in map(_bare_title, said.splitlines()) if line]
    # "Here is a title:" is not it.
    if len(lines) > 1 and lines[0].endswith((":", "：")):
        del lines[0]
    return shortened(lines[0], TITLE_MAX_LENGTH) if lines else ""


def shortened(text: str, most: int) -> str:
    """At most so many characters, cut between words where the last one is not too long."""
    if len(text) <= most:
        return text
    cut = text[: most + 1].rfind(" ")
    return text[: cut if cut > most // 2 else most].rstrip()


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("", text)


def _closing(text: str) -> re.Match[str] | None:
    return next((mark for mark in _THINKING.finditer(text) if mark["closing"]), None)


def _one_line(value: object, most: int) -> str:
    return shortened(" ".join(_storable(value).split()), most) if isinstance(value, str) else ""


def _candidates(said: str) -> Iterator[str]:
    """Where the JSON of an answer may be, the likeliest first."""
    yield said
    for part in [*said.split(_FENCE)[1 : 2 * _FENCES_MAX : 2], said]:
        if opening := _OPENING.search(part):
            closing = "}" if opening[0] == "{" else "]"
            yield part[opening.start() : part.rfind(closing) + 1]


def _rows(data: object) -> list[Any]:
    """Rows of `{"events": [...]}`, of a bare list, of one bare event, or of several of these."""
    if isinstance(data, dict):
        rows = data.get("events", [data] if "title" in data else [])
        return rows if isinstance(rows, list) else [rows]
    if not isinstance(data, list):
        return []
    return [row for part in data for row in _rows_of_part(part)]


def _rows_of_part(part: object) -> list[Any]:
    if isinstance(part, dict) and isinstance(part.get("events"), list):
        return part["events"]
    return part if isinstance(part, list) else [part]


def _event(row: Mapping[str, Any], zone: ZoneInfo, reference: date) -> EventDraft | None:
    title = _one_line(row.get("title"), TITLE_MAX_LENGTH)
    start = _moment(_given(row, "start_datetime", "start"), zone, reference)
    if not title or start is None:
        return None
    description = row.get("description")
    described = _storable(description).strip() if isinstance(description, str) else ""
    return EventDraft(
        title=title,
        start=start,
        end=_end(_given(row, "end_datetime", "end"), zone, start),
        description=shortened(described, DESCRIPTION_MAX_LENGTH) or None,
        location=_one_line(row.get("location"), LOCATION_MAX_LENGTH) or None,
        attendees=_attendees(row.get("attendees")),
        reminder_minutes=_reminder(row.get("reminder_minutes")),
    )


def _given(row: Mapping[str, Any], name: str, short_name: str) -> str:
    value = row.get(name) or row.get(short_name)
    return value.strip().upper() if isinstance(value, str) else ""


def _end(text: str, zone: ZoneInfo, start: datetime) -> datetime | None:
    """The end of an event; a day alone is one only where it is a later day, which is part of it."""
    first_day = start.astimezone(zone).date()
    last_day = _day(text)
    if last_day is None:
        end = _moment(text, zone, first_day)
    elif last_day > first_day and last_day.year in YEARS:
        end = _utc(datetime.combine(last_day + timedelta(days=1), time()), zone)
    else:
        return None
    return end if end and end > start else None


def _moment(text: str, zone: ZoneInfo, day: date) -> datetime | None:
    """`day`: the one that a time alone is on."""
    alone = _day(text)
    if alone is not None:
        return _utc(datetime.combine(alone, START_OF_DAY), zone)
    if clock := _CLOCK.fullmatch(text):
        return _utc(datetime.combine(day, time(int(clock[1]), int(clock[2]))), zone)
    try:
        return _utc(datetime.fromisoformat(text), zone)
    except ValueError:
        return None


def _utc(local: datetime, zone: ZoneInfo) -> datetime | None:
    """A time that the clocks of a zone skip is taken by the offset before they do."""
    aware = local if local.tzinfo else local.replace(tzinfo=zone)
    try:
        moment = aware.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        return None
    return moment if moment.year in YEARS else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _attendees(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return ()
    given = (row.get("name") if isinstance(row, dict) else row for row in value)
    names = (_one_line(name, NAME_MAX_LENGTH) for name in given)
    return tuple({name.casefold(): name for name in names if name}.values())[:ATTENDEES_MAX]


def _reminder(value: object) -> int:
    # True is an int, and 15.0 is as good as 15.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= REMINDER_MINUTES_MAX:
        return REMINDER_MINUTES
    return int(value)


def _pairs(data: object) -> Iterator[tuple[str, str]]:
    """Keys and values, or the label and name of each row, wrapped in one more object or not."""
    if isinstance(data, dict) and len(data) == 1:
        (inner,) = data.values()
        if isinstance(inner, list) or (isinstance(inner, dict) and "name" not in inner):
            data = inner
    for row in data if isinstance(data, list) else [data]:
        if not isinstance(row, dict):
            continue
        label = row.get("label") or row.get("speaker")
        pairs = [(label, row["name"])] if label and "name" in row else row.items()
        for key, value in pairs:
            name = value.get("name") if isinstance(value, dict) else value
            if isinstance(key, str) and isinstance(name, str):
                yield key, name


def _folded(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _name(text: str) -> str:
    text = _AFTER_COMMA.sub("", _ASIDE.sub(" ", " ".join(_storable(text).split())))
    name = _one_line(text.strip(f" {_QUOTES}{_MARKS}:-?"), NAME_MAX_LENGTH)
    return "" if _NOBODY.fullmatch(_folded(name)) else name


def _bare_title(line: str) -> str:
    """A line without Markdown, prefix and quotes, however they are nested."""
    bare = None
    line = " ".join(line.split())
    while line != bare:
        bare = line
        if start := _MARKDOWN_START.match(line):
            line = line[start.end() :]
        line = _HEADING_END.sub("", line.replace("`", ""))
        line = _EMPHASIS.sub(lambda found: found["strong"] or found["said"], line)
        line = line.strip(f" {_MARKS}")
        if prefix := _TITLE_PREFIX.match(line):
            line = line[prefix.end() :]
        if len(line) > 1 and line[0] in _QUOTES and line[-1] in _QUOTES:
            line = line[1:-1]
    return "" if line in ("", *_QUOTES) else line
