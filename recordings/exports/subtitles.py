"""SRT and WebVTT from named, timed lines. Pure; who is called what is decided by the caller.

Contract 8.4: one cue per segment, and only WebVTT names the speaker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_ARROW = re.compile("-{2,}>")


@dataclass(frozen=True, slots=True)
class Cue:
    """One segment as it is shown. `name`: None where nobody is known. Times: seconds, or None."""

    name: str | None
    text: str
    start: float | None
    end: float | None


def named(segments: Iterable[Mapping[str, Any]], names: Mapping[str | None, str]) -> list[Cue]:
    """Segments of a transcript with labels joined to `names` (label -> name); a label without a
    name stands for itself.
    """
    return [
        Cue(
            name=names.get(segment["speaker"], segment["speaker"]),
            text=segment["text"],
            start=segment["start"],
            end=segment["end"],
        )
        for segment in segments
    ]


def srt(cues: Sequence[Cue]) -> str:
    """SubRip; "" without cues."""
    return "\n".join(
        f"{number}\n{_timing(cue, separator=',')}\n{_flat(cue.text)}\n"
        for number, cue in enumerate(cues, start=1)
    )


def vtt(cues: Sequence[Cue]) -> str:
    """WebVTT with the speaker as a voice tag; "WEBVTT" and a line break without cues."""
    lines = ["WEBVTT", ""]
    for cue in cues:
        voice = f"<v {_escaped(cue.name)}>" if cue.name else ""
        lines += [_timing(cue, separator="."), voice + _escaped(cue.text), ""]
    return "\n".join(lines)


def clock(seconds: float | None, *, separator: str | None = None) -> str:
    """`HH:MM:SS`, after `separator` milliseconds; truncated, hours not wrapped, None is zero."""
    total = round((seconds or 0) * 1000)
    # Cut, not rounded, by the time as it is written: 1.001 * 1000 is 1000.9999999999999 in binary
    # floats, and yet 1001 milliseconds.
    if total and total / 1000 > seconds:
        total -= 1
    if total < 0:
        total = 0
    whole = _whole_clock(total // 1000)
    return whole if separator is None else f"{whole}{separator}{total % 1000:03d}"


# The first hours of a recording; as text they are asked for over and over.
@lru_cache(maxsize=4 * 3600)
def _whole_clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}"


def _timing(cue: Cue, *, separator: str) -> str:
    start = cue.start or 0.0
    end = round(start + 1, 6) if cue.end is None else cue.end
    return f"{clock(start, separator=separator)} --> {clock(end, separator=separator)}"


def _flat(text: str) -> str:
    """One line without an arrow: a line break or `-->` in the text would end the cue."""
    if text.isprintable():
        # So it has no line break of any kind.
        one_line = text.strip()
    else:
        one_line = " ".join(line for part in text.splitlines() if (line := part.strip()))
    return _ARROW.sub("->", one_line) if "-->" in one_line else one_line


def _escaped(text: str) -> str:
    return _flat(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
