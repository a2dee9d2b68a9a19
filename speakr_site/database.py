"""One database URL in, Django's DATABASES entry out: SQLite tuned for many writers, PostgreSQL as
it comes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url

CONNECTION_SECONDS = 60
CONNECT_SECONDS = 10

SQLITE_OPTIONS = {
    # A deferred transaction that reads before it writes fails at once under a second writer.
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    # synchronous=FULL: an upload that was acknowledged survives a power failure.
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000; "
        "PRAGMA mmap_size=134217728; PRAGMA journal_size_limit=27103364;"
    ),
}


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """`url` empty: SQLite in the data directory. Raises ValueError for another kind."""
    if not url:
        url = f"sqlite:///{data_dir / 'speakr.sqlite3'}"
    scheme, separator, rest = url.partition("://")
    if not scheme.startswith(("sqlite", "postgres")):
        raise ValueError(f"Speakr runs on SQLite and PostgreSQL, not on {scheme!r}.")
    # SQLAlchemy names the driver in the scheme (postgresql+psycopg2://); Django does not.
    config = dj_database_url.parse(
        scheme.split("+")[0] + separator + rest,
        conn_max_age=CONNECTION_SECONDS,
        conn_health_checks=True,
    )
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {**SQLITE_OPTIONS, **config.get("OPTIONS", {})}
        # A file, not memory: threads and processes of a test share it.
        config["TEST"] = {"NAME": str(data_dir / "test.sqlite3")}
    elif config["ENGINE"].endswith("postgresql"):
        # Otherwise a request waits for minutes on a host that is silent.
        config.setdefault("OPTIONS", {}).setdefault("connect_timeout", CONNECT_SECONDS)
    return dict(config)
