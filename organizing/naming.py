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
FILENAME_MAX_LENGTH = 500
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
# In braces there is a name, in any script; spaces around it do not count.
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
# What no title shows and no database holds; some of it ends a line.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What stands between two variables, and is left over where one of them is empty.
_JOINTS = " -–—:,·|_"


def named(
    template: str,
    *,
    pattern: str | None,
    filename: str,
    moment: datetime,
    ai_title: Callable[[], str | None],
) -> str | None:
    """The title, one line of at most 200 characters; the stem of the file's name where nothing is
    left of the template, None where that is empty too.

    `pattern`: its named groups are further variables, taken from the stem. `moment`: of the
    recording, in the zone to show it in. `ai_title`: called only where the template asks for it;
    where it has none, the stem stands for it. Any other variable that is not there is empty. Raises
    what `ai_title` raises.
    """
    stem = _stem(filename)
    # Ours last: a group cannot take the name of one (`group_names`).
    values = {**_captured(pattern, stem), **_given(filename, moment)}
    if asks_for_content(template):
        values[FROM_CONTENT] = ai_title() or stem
    filled = _PLACEHOLDER.sub(lambda found: values.get(found[1].strip(), ""), template)
    return _line(filled) or _line(stem) or None


def asks_for_content(template: str) -> bool:
    """Whether what was said is needed to fill it in."""
    return any(name.strip() == FROM_CONTENT for name in _PLACEHOLDER.findall(template))


def group_names(pattern: str) -> tuple[str, ...]:
    """The variables that a pattern adds. Raises ValueError, with a sentence, for what is no regular
    expression of RE2's, and for a group with the name of one of VARIABLES, which it could not be
    told from.
    """
    names = tuple(_compiled(pattern).groupindex)
    taken = next((name for name in names if name in VARIABLES), None)
    if taken is not None:
        raise ValueError(f"pattern must not name a group {taken}: there is such a variable already")
    return names


def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError) as error:
        raise ValueError(
            "pattern must be a regular expression as RE2 takes them, without look-around and "
            "back-references"
        ) from error


def _captured(pattern: str | None, stem: str) -> dict[str, str]:
    """Nothing where the pattern does not match, or is none."""
    if not pattern:
        return {}
    try:
        found = _compiled(pattern).search(stem)
    except ValueError:
        return {}
    return {name: value or "" for name, value in found.groupdict().items()} if found else {}


def _given(filename: str, moment: datetime) -> dict[str, str]:
    date, time = moment.date().isoformat(), f"{moment:%H:%M}"
    year, month, day = date.split("-")
    return {
        "filename": _stem(filename),
        "filename_full": filename,
        "date": date,
        "datetime": f"{date} {time}",
        "time": time,
        "year": year,
        "month": month,
        "day": day,
    }


def _line(text: str) -> str:
    line = " ".join(_UNSHOWN.sub(" ", text).split())
    return line.strip(_JOINTS)[:TITLE_MAX_LENGTH].rstrip(_JOINTS)


def _stem(filename: str) -> str:
    return PurePosixPath(filename).stem
