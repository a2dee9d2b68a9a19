"""Every write about transcript templates.

A template is filled in once per segment, so what it may make of a transcript is limited where it is
written: of a transcript with `n` segments and `c` characters, at most
`n * (TEMPLATE_MAX_LENGTH + PLACEHOLDERS_MAX * 100) + c * PLACEHOLDERS_MAX` characters, upper case
aside, which is longer for some letters. Names are at most 100 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.services.templates import Templates
from recordings.exports.text import placeholder_count
from recordings.models import TranscriptTemplate
from speakr_site.core.errors import InvalidInput

PLACEHOLDERS_MAX = 10
TOO_MANY_PLACEHOLDERS = f"template must not have more than {PLACEHOLDERS_MAX} placeholders"


def _require_few_placeholders(values: Mapping[str, Any]) -> None:
    if placeholder_count(values.get("template", "")) > PLACEHOLDERS_MAX:
        raise InvalidInput(TOO_MANY_PLACEHOLDERS)


transcript_templates = Templates(TranscriptTemplate, check=_require_few_placeholders)
