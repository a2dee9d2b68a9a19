"""SRT and WebVTT from named, timed lines. Pure; who is called what is decided by the caller.

Contract 8.4: one cue per segment, and only WebVTT names the speaker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Cue:
    """One segment as it is shown. `name`: None where nobody is known. Times: seconds, or None."""

    name: str | None
    text: str
    start: float | None
    end: float | None


def srt(cues: Sequence[Cue]) -> str:
    """SubRip; "" without cues."""
    lines: list[str] = []
    for number, cue in enumerate(cues, start=1):
        lines += [str(number), _timing(cue, separator=","), _flat(cue.text), ""]
    return "\n".join(lines)


def vtt(cues: Sequence[Cue]) -> str:
    """WebVTT with the speaker as a voice tag; "WEBVTT" and a line break without cues."""
    lines = ["WEBVTT", ""]
    for cue in cues:
        voice = f"<v {_escaped(cue.name)}>" if cue.name else ""
        lines += [_timing(cue, separator="."), voice + _escaped(cue.text), ""]
    return "\n".join(lines)


def clock(seconds: float | None, *, separator: str | None = None) -> str:
    """`HH:MM:SS`, after `separator` milliseconds; truncated, hours not wrapped, None is zero."""
    # Decimal of the shortest notation: 1.001 * 1000 is 1000.9999999999999 in binary floats.
    total = max(0, int(Decimal(str(seconds or 0)) * 1000))
    whole, milliseconds = divmod(total, 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    fraction = "" if separator is None else f"{separator}{milliseconds:03d}"
    return f"{hours:02d}:{minute:02d}:{second:02d}{fraction}"


def _timing(cue: Cue, *, separator: str) -> str:
    start = cue.start or 0.0
    end = round(start + 1, 6) if cue.end is None else cue.end
    return f"{clock(start, separator=separator)} --> {clock(end, separator=separator)}"


def _flat(text: str) -> str:
    """One line without an arrow: a line break or `-->` in the text would end the cue."""
    one_line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return re.sub("-{2,}>", "->", one_line)


def _escaped(text: str) -> str:
    return _flat(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
