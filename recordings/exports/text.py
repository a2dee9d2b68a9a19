"""A transcript as plain text, by default or by a person's template. Pure.

Contract 8.5, 0.1.8, 0.1.22. A template is taken apart before anything is filled in, so what was
said is never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from recordings.exports.subtitles import Cue, clock

# Contract 8.5: what a template shows for a segment without a speaker.
NAMELESS = "Unknown"

# What it shows of the segment with this number, from 1.
Field = Callable[[int, Cue], str]

_PLACEHOLDER = re.compile(
    r"\{\{(?:"
    r"(?P<word>index|speaker|text)(?P<word_filters>(?:\|upper)*)"
    r"|(?P<time>start_time|end_time)(?P<time_filters>(?:\|(?:upper|srt))*)"
    r")\}\}"
)
_WORDS: dict[str, Field] = {
    "index": lambda index, _line: str(index),
    "speaker": lambda _index, line: line.name or NAMELESS,
    "text": lambda _index, line: line.text,
}


def render(lines: Sequence[Cue], template: str | None) -> str:
    """The segments, each by the template or as `Name: text`, joined with one line break.

    Unknown placeholders and filters stay as they are. By default a nameless segment is its text.
    """
    if template is None:
        return "\n".join(f"{line.name}: {line.text}" if line.name else line.text for line in lines)
    parts = _parts(template)
    return "\n".join(
        "".join([part if isinstance(part, str) else part(index, line) for part in parts])
        for index, line in enumerate(lines, start=1)
    )


def placeholder_count(template: str) -> int:
    """How many places of a template are filled in."""
    return sum(1 for _ in _PLACEHOLDER.finditer(template))


def _parts(template: str) -> list[str | Field]:
    """The template in order: what stays as it is, and what is filled in."""
    parts: list[str | Field] = []
    end = 0
    for found in _PLACEHOLDER.finditer(template):
        parts += [template[end : found.start()], _field(found)]
        end = found.end()
    return [*parts, template[end:]]


def _field(found: re.Match[str]) -> Field:
    if found["time"]:
        # Upper case changes nothing about digits.
        separator = "," if "srt" in found["time_filters"] else None
        if found["time"] == "start_time":
            return lambda _index, line: clock(line.start, separator=separator)
        return lambda _index, line: clock(line.end, separator=separator)
    shown = _WORDS[found["word"]]
    if found["word_filters"]:
        return lambda index, line: shown(index, line).upper()
    return shown
