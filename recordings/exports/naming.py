"""Titles by a template: `{{date}} {{client}}: {{ai_title}}`. Pure.

Patterns are somebody's own regular expressions; RE2 matches them in linear time, whatever they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath

import re2

TITLE_MAX_LENGTH = 200
FROM_CONTENT = "ai_title"
VARIABLES = (
    FROM_CONTENT,
    "filename",
    "filename_full",
    "date",
    "datetime",
    "time",
    "year",
    "month",
    "day",
)
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def named(
    template: str,
    *,
    pattern: str | None,
    filename: str,
    moment: datetime,
    ai_title: Callable[[], str | None],
) -> str | None:
    """The title, one line of at most 200 characters; None where nothing is left of it.

    `pattern`: its named groups are further variables, taken from the stem of the file's name.
    `moment`: of the recording, in the zone to show it in. `ai_title`: called only where the
    template asks for it. A variable that is not there is empty.
    """
    values = {**_captured(pattern, _stem(filename)), **_given(filename, moment)}
    if any(name == FROM_CONTENT for name in _PLACEHOLDER.findall(template)):
        values[FROM_CONTENT] = ai_title() or ""
    filled = _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)
    return " ".join(filled.split())[:TITLE_MAX_LENGTH].strip(" -–—:,·|") or None


def compiled(pattern: str) -> re2._Regexp:
    """Raises ValueError for what is no regular expression of RE2's."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        raise ValueError("pattern must be a regular expression, as RE2 takes them") from error


def _captured(pattern: str | None, stem: str) -> dict[str, str]:
    found = compiled(pattern).search(stem) if pattern else None
    groups = found.groupdict() if found else {}
    return {name: value or "" for name, value in groups.items()}


def _given(filename: str, moment: datetime) -> dict[str, str]:
    return {
        "filename": _stem(filename),
        "filename_full": filename,
        "date": f"{moment:%Y-%m-%d}",
        "datetime": f"{moment:%Y-%m-%d %H:%M}",
        "time": f"{moment:%H:%M}",
        "year": f"{moment:%Y}",
        "month": f"{moment:%m}",
        "day": f"{moment:%d}",
    }


def _stem(filename: str) -> str:
    return PurePosixPath(filename).stem
