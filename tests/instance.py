"""A whole Speakr of real processes, started as `make run` does it, for tests and benchmarks."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import requests

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 20
UPLOAD_SECONDS = 120
# Of pgserver, when tests/environment.py started one.
POSTGRESQL = os.environ.get("DATABASE_URL", "")

T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float, what: str) -> T:
    """The first truthy answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.1)
    return answer


def start(role: str, data_dir: Path, port: int, **environment: str) -> subprocess.Popen[bytes]:
    """`python -m speakr_site.start ROLE` in a session of its own; what it prints goes to a file."""
    with (data_dir / "console.txt").open("ab") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "speakr_site.start", role],
            cwd=REPOSITORY,
            env={**os.environ, "DATA_DIR": str(data_dir), "PORT": str(port), **environment},
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


class Instance:
    """A running Speakr with its own data directory, database and port; `environment` on top of
    this process's.
    """

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.database_url = environment.get("DATABASE_URL", "") or (
            fresh_database(data_dir.name) if POSTGRESQL else ""
        )
        self.environment = {**environment, "DATABASE_URL": self.database_url}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = start("all", data_dir, self.port, **self.environment)

    @property
    def token(self) -> str:
        """Of the first operator; waits until it is shown."""
        shown = until(
            lambda: re.search(r"^  token +(\S+)$", self.console, re.MULTILINE),
            START_SECONDS,
            "a token is shown",
        )
        return shown[1]

    @property
    def console(self) -> str:
        return (self.data_dir / "console.txt").read_text()

    def log(self, program: str) -> str:
        return (self.data_dir / "logs" / f"{program}.log").read_text()

    def answers(self, path: str = "/admin/login/") -> bool:
        assert self.process.poll() is None, self.console
        with suppress(requests.RequestException):
            return requests.get(self.url + path, timeout=5).ok
        return False

    def canaries(self) -> dict[str, int]:
        """Lane: process id of the sentinel whose workers stamped it last."""
        return dict(self.rows("SELECT lane, pid FROM core_canary"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if self.database_url:
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(query).fetchall()
        with closing(sqlite3.connect(self.data_dir / "speakr.sqlite3")) as connection:
            return connection.execute(query).fetchall()

    def states(self) -> dict[str, int]:
        """How many recordings are in each status."""
        query = "SELECT status, count(*) FROM recordings_recording GROUP BY status"
        return dict(self.rows(query))

    def upload(self, token: str, path: Path) -> requests.Response:
        with path.open("rb") as file:
            return requests.post(
                f"{self.url}/api/v1/recordings/upload",
                headers={"Authorization": f"Bearer {token}"},
                files={"file": file},
                timeout=UPLOAD_SECONDS,
            )

    def manage(self, *arguments: str) -> str:
        """What a manage.py command prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **self.environment, "DATA_DIR": str(self.data_dir)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def program(self, name: str) -> psutil.Process | None:
        """The main process of one of the five, by the lane or command that it was started with."""
        for process in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                command, lane = process.cmdline(), process.environ().get("Q_CLUSTER_NAME")
                if name == lane or any(name in part for part in command):
                    return process
        return None

    def sentinel(self, lane: str) -> int:
        """0 while there is none."""
        with suppress(psutil.Error):
            main = self.program(lane)
            return main.children()[0].pid if main and main.children() else 0
        return 0

    def processes(self) -> set[int]:
        """Everything that this instance started, orphans included: they keep the session."""
        found = set()
        for pid in psutil.pids():
            with suppress(ProcessLookupError):
                if os.getsid(pid) == self.process.pid:
                    found.add(pid)
        return found - zombies(found)

    def end(self) -> None:
        """Whatever a failed test left."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def zombies(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        with suppress(psutil.Error):
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found


def fresh_database(name: str) -> str:
    """The URL of a new, empty PostgreSQL database."""
    name = re.sub(r"\W", "_", name)
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return POSTGRESQL.replace("/postgres?", f"/{name}?")
