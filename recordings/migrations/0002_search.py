"""The index behind recordings/models/search.py; services/search_index.py holds SQLite's to the
rows.
"""

from __future__ import annotations

from typing import Any

from django.db import Error, migrations, transaction

TABLE = """
CREATE VIRTUAL TABLE recordings_search
USING fts5(title, participants, tokenize = 'trigram case_sensitive 1')
"""
TRIGGERS = [f"recordings_search_{event}" for event in ("insert", "update", "delete")]
TRIGRAM_INDEX = """
CREATE INDEX recording_{column}_trigrams ON recordings_recording
USING gin (UPPER({column}::text) gin_trgm_ops)
"""
COLUMNS = ("title", "participants")


def lay(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(TABLE)
    elif has_trigrams(schema_editor):
        for column in COLUMNS:
            schema_editor.execute(TRIGRAM_INDEX.format(column=column))


def has_trigrams(schema_editor: Any) -> bool:
    """Whether the extension is there or could be made. Without it a search reads every row."""
    try:
        with transaction.atomic(schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except Error:
        return False
    return True


def take_up(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        for name in TRIGGERS:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        schema_editor.execute("DROP TABLE recordings_search")
    else:
        for column in COLUMNS:
            schema_editor.execute(f"DROP INDEX IF EXISTS recording_{column}_trigrams")


class Migration(migrations.Migration):
    dependencies = [("recordings", "0001_initial")]
    operations = [migrations.RunPython(lay, take_up)]
