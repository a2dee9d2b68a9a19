"""A transcript as plain text, by default or by a person's template. Pure.

Contract 8.5, 0.1.8, 0.1.22. Placeholders are filled in one pass: what was said is never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from recordings.exports.subtitles import Cue, clock

# Contract 8.5: what a template shows for a segment without a speaker.
NAMELESS = "Unknown"

_PLACEHOLDER = re.compile(r"\{\{(index|speaker|text|start_time|end_time)((?:\|[a-z]+)*)\}\}")
_TIMES = {"start_time", "end_time"}


def render(lines: Sequence[Cue], template: str | None) -> str:
    """The segments, each by the template or as `Name: text`, joined with one line break.

    Unknown placeholders and filters stay as they are. By default a nameless segment is its text.
    """
    if template is None:
        return "\n".join(f"{line.name}: {line.text}" if line.name else line.text for line in lines)
    return "\n".join(_filled(template, index, line) for index, line in enumerate(lines, start=1))


def _filled(template: str, index: int, line: Cue) -> str:
    def value(match: re.Match[str]) -> str:
        field, filters = match[1], set(match[2].split("|")[1:])
        known = {"upper", "srt"} if field in _TIMES else {"upper"}
        if not filters <= known:
            return match[0]
        if field in _TIMES:
            seconds = line.start if field == "start_time" else line.end
            shown = clock(seconds, separator="," if "srt" in filters else None)
        else:
            shown = {"index": str(index), "speaker": line.name or NAMELESS, "text": line.text}[
                field
            ]
        return shown.upper() if "upper" in filters else shown

    return _PLACEHOLDER.sub(value, template)
