"""How much a person may say about a recording, wherever they say it: request, tag, folder."""

from __future__ import annotations

from datetime import datetime

# Characters of a prompt, or of the words to listen for.
HINTS_MAX_LENGTH = 10_000
SPEAKERS_MAX = 100
# Of moments that are kept: at the ends of the calendar some time zone leads out of it.
FIRST_YEAR, LAST_YEAR = 1900, 2200


def may_be_kept(moment: datetime) -> bool:
    return FIRST_YEAR <= moment.year <= LAST_YEAR
