"""Real processes, as `make run` starts them: they serve, survive kills, and leave nothing behind.

One instance serves most tests, the last of which ends it; what is killed must come back by itself.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
import pytest
import requests

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

START_SECONDS = 60
COME_BACK_SECONDS = 20
STOP_SECONDS = 20
TRANSCRIBE_SECONDS = 180
LANES = {"speakr", "gpu", "text"}
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
    """A running Speakr with its own data directory, database and port."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database_url = fresh_database(data_dir.name) if POSTGRESQL else ""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = start("all", data_dir, self.port, DATABASE_URL=self.database_url)

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
        query = "SELECT lane, pid FROM core_canary"
        if POSTGRESQL:
            with psycopg.connect(self.database_url) as connection:
                return dict(connection.execute(query).fetchall())
        with closing(sqlite3.connect(self.data_dir / "speakr.sqlite3")) as connection:
            return dict(connection.execute(query).fetchall())

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


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    running = Instance(tmp_path_factory.mktemp("speakr"))
    try:
        until(running.answers, START_SECONDS, "the server answers")
        yield running
    finally:
        running.end()


def test_the_login_is_shown_and_the_server_answers(instance: Instance) -> None:
    assert instance.answers("/api/v1/docs")
    assert instance.url in instance.console
    for name in ("user", "password", "token"):
        assert re.search(rf"^  {name} +\S+$", instance.console, re.MULTILINE)


def test_every_lane_stamps_its_canary_soon_after_the_start(instance: Instance) -> None:
    until(lambda: set(instance.canaries()) == LANES, COME_BACK_SECONDS, "three canaries")


def test_a_second_server_on_the_same_port_ends_with_a_sentence(
    instance: Instance, tmp_path: Path
) -> None:
    second = start("all", tmp_path, instance.port)
    assert second.wait(START_SECONDS) != 0
    said = (tmp_path / "console.txt").read_text()
    assert "cannot listen" in said
    assert str(instance.port) in said
    assert "Traceback" not in said


@pytest.mark.parametrize("victim", ["idle worker", "sentinel", "main process"])
def test_a_killed_cluster_is_replaced_and_works_again(instance: Instance, victim: str) -> None:
    old = until(lambda: instance.canaries().get("gpu"), COME_BACK_SECONDS, "a stamp")
    main = instance.program("gpu")
    assert main is not None
    old_processes = {process.pid for process in main.children(recursive=True)} | {main.pid}
    worker = int(re.findall(r"ready for work at (\d+)", instance.log("gpu"))[-1])
    assert worker in old_processes

    os.kill({"idle worker": worker, "sentinel": old, "main process": main.pid}[victim], 9)

    until(
        lambda: instance.canaries()["gpu"] not in old_processes,
        COME_BACK_SECONDS,
        "the new cluster's workers took a message",
    )
    assert instance.canaries()["gpu"] == instance.sentinel("gpu")
    assert not old_processes & instance.processes()


def test_a_killed_web_server_is_replaced(instance: Instance) -> None:
    main = instance.program("gunicorn")
    assert main is not None
    main.kill()
    until(
        lambda: instance.answers() and instance.program("gunicorn").pid != main.pid,
        COME_BACK_SECONDS,
        "the server answers again",
    )


@pytest.mark.engine
def test_an_upload_becomes_a_transcript(instance: Instance) -> None:
    token = re.search(r"^  token +(\S+)$", instance.console, re.MULTILINE)[1]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"

    def get(path: str) -> dict[str, Any]:
        response = session.get(f"{instance.url}/api/v1/recordings/{path}", timeout=30)
        assert response.ok, response.text
        return response.json()

    with (REPOSITORY / "samples" / "meeting.flac").open("rb") as file:
        created = session.post(
            f"{instance.url}/api/v1/recordings/upload", files={"file": file}, timeout=60
        )
    assert created.status_code == 202, created.text
    recording = created.json()["id"]
    status = until(
        lambda: (now := get(f"{recording}/status"))["status"] in ("COMPLETED", "FAILED") and now,
        TRANSCRIBE_SECONDS,
        "the recording is transcribed",
    )
    assert status["status"] == "COMPLETED", status
    segments = get(f"{recording}/transcript?format=json")["segments"]
    assert len({segment["speaker"] for segment in segments}) == 2
    assert "Berlin" in " ".join(segment["sentence"] for segment in segments)


def test_two_instances_run_side_by_side_and_one_dies_with_its_supervisor(
    instance: Instance, tmp_path: Path
) -> None:
    other = Instance(tmp_path)
    try:
        until(other.answers, START_SECONDS, "the second server answers")
        until(lambda: set(other.canaries()) == LANES, COME_BACK_SECONDS, "its three canaries")
        assert instance.answers()
        assert not set(other.canaries().values()) & set(instance.canaries().values())

        other.process.kill()
        other.process.wait(STOP_SECONDS)

        until(lambda: not other.processes(), STOP_SECONDS, "no process is left")
        assert instance.answers()
    finally:
        other.end()


def test_one_ctrl_c_stops_everything_cleanly(instance: Instance) -> None:
    descendants = {
        process.pid for process in psutil.Process(instance.process.pid).children(recursive=True)
    }
    # A terminal sends it to the whole foreground group.
    os.killpg(instance.process.pid, signal.SIGINT)
    assert instance.process.wait(STOP_SECONDS) == 0
    assert not instance.processes()
    alive = {pid for pid in descendants if psutil.pid_exists(pid)}
    # What ends after its parent may wait for this machine's init to notice.
    assert alive == zombies(alive)
    assert "Traceback" not in instance.console
    for program in ("web", "cluster", "gpu", "text", "watch"):
        assert "Traceback" not in instance.log(program), program
