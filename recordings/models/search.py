"""Search for a part of a title or of the participants, in any case and script.

SQLite keeps folded copies of both in `recordings_search`, a full-text table of trigrams, which
triggers hold to the rows (services/search_index.py). PostgreSQL compares upper cases, by trigram
indexes where the server has pg_trgm.
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

FOLD_FUNCTION = "speakr_fold"
TRIGRAM = 3

BY_TRIGRAMS = "SELECT rowid FROM recordings_search WHERE recordings_search MATCH %s"
BY_SCAN = (
    "SELECT rowid FROM recordings_search WHERE instr(title, %s) > 0 OR instr(participants, %s) > 0"
)


def containing(text: str) -> Q:
    """Recordings with `text` as a part of the title or the participants; nothing in it is special.

    Fewer than three characters are looked for in every row: the index knows no shorter pieces.
    """
    if connection.vendor != "sqlite":
        return Q(title__icontains=text) | Q(participants__icontains=text)
    folded = fold(text)
    # The query language of FTS5 ends at a NUL.
    if len(folded) < TRIGRAM or "\0" in folded:
        return Q(pk__in=RawSQL(BY_SCAN, [folded, folded]))
    phrase = '"{}"'.format(folded.replace('"', '""'))
    return Q(pk__in=RawSQL(BY_TRIGRAMS, [phrase]))


def fold(text: str | None) -> str | None:
    """What two texts that differ in case alone have in common. Character by character, so that a
    part of a text stays one; SQL's `speakr_fold`.
    """
    if text is None:
        return None
    # Python's case folding keeps the Turkish i's apart from i.
    return text.replace("İ", "i").replace("ı", "i").casefold()
