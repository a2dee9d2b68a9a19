"""Real processes, as `make run` starts them: they serve, survive kills, and leave nothing behind.

One instance serves most tests, the last of which ends it; what is killed must come back by itself.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.conftest import REPOSITORY
from tests.instance import START_SECONDS, STOP_SECONDS, Instance, free_port, start, until, zombies

pytestmark = pytest.mark.slow

COME_BACK_SECONDS = 20
TRANSCRIBE_SECONDS = 180
LANES = {"speakr", "gpu", "text"}


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
    assert until(lambda: set(instance.canaries()) == LANES, COME_BACK_SECONDS, "three canaries")


def test_a_second_server_on_the_same_port_ends_with_a_sentence(
    instance: Instance, tmp_path: Path
) -> None:
    second = start("all", tmp_path, instance.port)
    assert second.wait(START_SECONDS) != 0
    said = (tmp_path / "console.txt").read_text()
    assert "cannot listen" in said
    assert str(instance.port) in said
    assert "Traceback" not in said


def test_a_second_server_on_the_same_data_ends_with_a_sentence(instance: Instance) -> None:
    port = free_port()
    second = start("all", instance.data_dir, port)
    assert second.wait(START_SECONDS) != 0
    assert f"A Speakr runs on {instance.data_dir} already." in instance.console
    assert instance.answers()


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
    token = instance.token
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


def test_a_closed_terminal_stops_everything(tmp_path: Path) -> None:
    running = Instance(tmp_path)
    try:
        until(running.answers, START_SECONDS, "the server answers")
        os.killpg(running.process.pid, signal.SIGHUP)
        assert running.process.wait(STOP_SECONDS) == 0
        assert not running.processes()
    finally:
        running.end()
