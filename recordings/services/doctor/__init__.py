"""Looks at every part of an installation and says in sentences how it is; repairs nothing.

For the operator at the machine: names folders and hosts, but no secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from recordings.services.doctor import database, engine, language, machine, webhooks
from recordings.services.doctor.findings import Check, Finding, Level, guarded, warning
from speakr_site.core import system

__all__ = ["Finding", "Level", "examine"]

NEED_DATABASE: dict[str, Check] = {
    "migrations": database.migrations,
    "journal": database.journal,
    "broker": database.broker,
    "lanes": database.lanes,
    "clock": database.clock,
    "webhooks": webhooks.sending,
    "webhooks' secrets": webhooks.secrets,
}
NEED_NO_DATABASE: dict[str, Check] = {
    "counters": machine.counters,
    "storage": machine.stored,
    "disk space": machine.disk_space,
    "speech model": engine.speech_model,
    "voice model": engine.voice_model,
    "language model": language.models,
    "transcription service": engine.service,
}


def examine() -> Iterator[Finding]:
    """Every finding as soon as it is known. A failed check is a finding and stops none after it."""
    yield from guarded("configuration", machine.configuration)
    about_database = list(guarded("database", database.answers))
    yield from about_database
    has_database = about_database[0].level is Level.OK
    if has_database:
        for name, check in NEED_DATABASE.items():
            yield from guarded(name, check)
    else:
        yield warning(f"Without the database nothing is known of: {', '.join(NEED_DATABASE)}.")
    for name, check in NEED_NO_DATABASE.items():
        yield from guarded(name, check)
    values = system.current if has_database else system.defaults
    yield from guarded("engine", lambda: engine.round_trip(values()))
