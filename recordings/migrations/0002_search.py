"""The index behind recordings/models/search.py.

On SQLite a later migration that alters recordings_recording copies the table, which drops these
triggers without a word: it must run `lay_triggers` again.
"""

from __future__ import annotations

from typing import Any

from django.db import Error, migrations, transaction

TABLE = """
CREATE VIRTUAL TABLE recordings_search
USING fts5(title, participants, tokenize = 'trigram case_sensitive 1')
"""
FILL = """
INSERT INTO recordings_search (rowid, title, participants)
SELECT id, speakr_fold(title), speakr_fold(participants) FROM recordings_recording
"""
TRIGGERS = {
    "recordings_search_insert": """
        AFTER INSERT ON recordings_recording BEGIN
            INSERT INTO recordings_search (rowid, title, participants)
            VALUES (new.id, speakr_fold(new.title), speakr_fold(new.participants));
        END
    """,
    "recordings_search_update": """
        AFTER UPDATE OF title, participants ON recordings_recording
        WHEN new.title IS NOT old.title OR new.participants IS NOT old.participants BEGIN
            UPDATE recordings_search
            SET title = speakr_fold(new.title), participants = speakr_fold(new.participants)
            WHERE rowid = new.id;
        END
    """,
    "recordings_search_delete": """
        AFTER DELETE ON recordings_recording BEGIN
            DELETE FROM recordings_search WHERE rowid = old.id;
        END
    """,
}
TRIGRAM_INDEX = """
CREATE INDEX recording_{column}_trigrams ON recordings_recording
USING gin (UPPER({column}::text) gin_trgm_ops)
"""
COLUMNS = ("title", "participants")


def lay(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(TABLE)
        schema_editor.execute(FILL)
        lay_triggers(schema_editor)
    elif schema_editor.connection.vendor == "postgresql" and has_trigrams(schema_editor):
        for column in COLUMNS:
            schema_editor.execute(TRIGRAM_INDEX.format(column=column))


def lay_triggers(schema_editor: Any) -> None:
    for name, body in TRIGGERS.items():
        schema_editor.execute(f"CREATE TRIGGER {name} {body}")


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
    elif schema_editor.connection.vendor == "postgresql":
        for column in COLUMNS:
            schema_editor.execute(f"DROP INDEX IF EXISTS recording_{column}_trigrams")


class Migration(migrations.Migration):
    dependencies = [("recordings", "0001_initial")]
    operations = [migrations.RunPython(lay, take_up)]
