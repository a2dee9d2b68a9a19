"""The doctor on what the database holds together: tables, messages, lanes, time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from recordings.services.doctor.findings import Finding, age, ok, problem
from recordings.services.health import in_time, lane_names
from recordings.services.lanes import healthy_lanes
from speakr_site.core import queue
from speakr_site.core.models import Canary

SECONDS_TO_ANSWER = 5.0
CLOCK_SECONDS = 5.0
# Seconds since 1970, as the database's machine counts them.
CLOCK = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
}


def answers() -> Iterator[Finding]:
    in_time(lambda: _value("SELECT 1"), SECONDS_TO_ANSWER)
    yield ok(f"The database answers ({connection.display_name}).")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        yield problem(f"Of the migrations {missing} are not applied: run manage.py migrate.")
    else:
        yield ok("Every migration is applied.")


def journal() -> Iterator[Finding]:
    """SQLite lets people read while somebody writes only with a write-ahead log."""
    if connection.vendor != "sqlite":
        return
    mode = _value("PRAGMA journal_mode")
    if mode == "wal":
        yield ok("SQLite keeps a write-ahead log.")
    else:
        yield problem(
            f"SQLite's journal mode is {mode} and not WAL: is the database on a network share?"
        )


def broker() -> Iterator[Finding]:
    waiting = queue.waiting_messages()
    now = timezone.now()
    lanes = [
        f"{count} for {lane} (the oldest for {age(now - oldest)})"
        for lane, (count, oldest) in waiting.items()
    ]
    yield ok(f"The broker's table answers; messages that wait: {', '.join(lanes) or 'none'}.")


def lanes() -> Iterator[Finding]:
    healthy = healthy_lanes()
    stamped = dict(Canary.objects.values_list("lane", "stamped_at"))
    for lane in lane_names():
        at = stamped.get(lane)
        seen = f"its canary is {age(timezone.now() - at)} old" if at else "it has no canary yet"
        if lane in healthy:
            yield ok(f"The lane {lane} is alive; {seen}.")
        else:
            yield problem(f"The lane {lane} takes no messages; {seen}. Is the server running?")


def clock() -> Iterator[Finding]:
    """Leases and canaries compare times that several machines wrote."""
    before = time.time()
    theirs = float(_value(CLOCK[connection.vendor]))
    ahead = theirs - (before + time.time()) / 2
    if abs(ahead) <= CLOCK_SECONDS:
        yield ok("The database's clock and this machine's agree.")
    else:
        yield problem(
            f"The database's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
            "this machine's: set both by a time server."
        )


def _value(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
