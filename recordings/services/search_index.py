"""Triggers that keep SQLite's search index equal to the recordings, whoever writes them."""

from __future__ import annotations

from django.db import connections, transaction

TABLE = "recordings_search"
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
FILL = """
    INSERT INTO recordings_search (rowid, title, participants)
    SELECT id, speakr_fold(title), speakr_fold(participants) FROM recordings_recording
"""


def lay_triggers(using: str) -> None:
    """Makes the triggers and the index anew where a trigger is missing. Call after migrations:
    Django alters a table of SQLite by copying it, and the triggers go with the old one.
    """
    connection = connections[using]
    if connection.vendor != "sqlite" or TABLE not in connection.introspection.table_names():
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        missing = TRIGGERS.keys() - {name for (name,) in cursor.fetchall()}
        if not missing:
            return
        cursor.execute(f"DELETE FROM {TABLE}")
        cursor.execute(FILL)
        for name in missing:
            cursor.execute(f"CREATE TRIGGER {name} {TRIGGERS[name]}")
