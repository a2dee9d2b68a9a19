"""`make demo` as a newcomer sees it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.model_server import ModelServer

DEMO_SECONDS = 240


def begin(
    data_dir: Path,
    recording: str,
    *,
    port: int = 0,
    program: tuple[str, str] = ("-m", "speakr_site.demo"),
    **environment: str,
) -> subprocess.Popen[str]:
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    return subprocess.Popen(
        [sys.executable, *program, recording],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DATA_DIR": str(data_dir),
            "PORT": str(port),
            "DATABASE_URL": "",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(demo: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed and what it complained about."""
    try:
        return demo.communicate(timeout=DEMO_SECONDS)
    finally:
        demo.kill()


def still_running(data_dir: Path) -> list[int]:
    """Processes that were started on this data directory."""
    return [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("DATA_DIR") == str(data_dir)
    ]


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    demo = begin(tmp_path, "nowhere.m4a")
    _, complaint = finish(demo)
    assert demo.returncode == 1
    assert complaint.strip() == "There is no file nowhere.m4a."


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        demo = begin(tmp_path, "samples/meeting.txt", port=taken.getsockname()[1])
        _, complaint = finish(demo)
    assert demo.returncode == 1
    assert "cannot listen" in complaint
    assert "Traceback" not in complaint


@pytest.mark.slow
def test_a_file_that_is_no_recording_is_refused_with_the_servers_sentence(tmp_path: Path) -> None:
    demo = begin(tmp_path, "samples/meeting.txt")
    _, complaint = finish(demo)
    assert demo.returncode == 1
    assert complaint.startswith("The server refused: ")
    assert "Traceback" not in complaint
    assert not still_running(tmp_path)


@pytest.mark.slow
def test_ctrl_c_pressed_again_and_again_stops_everything_in_order(tmp_path: Path) -> None:
    demo = begin(tmp_path, "samples/meeting.flac")
    assert "The first login: user admin, password " in demo.stdout.readline()
    assert "Uploading" in demo.stdout.readline()
    while demo.poll() is None:
        demo.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            demo.wait(0.2)
    _, complaint = finish(demo)
    assert (demo.returncode, complaint) == (128 + signal.SIGINT, "")
    assert not still_running(tmp_path)
    assert not (tmp_path / "supervisord.pid").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_fork_of_the_server_is_not_lost(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Python goes on after what is raised in a fork hook; logging has one."""
    demo = begin(
        tmp_path,
        "samples/meeting.flac",
        program=(
            "-c",
            "import os, runpy\n"
            f"os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), {number:d}))\n"
            "runpy.run_module('speakr_site.demo', run_name='__main__')",
        ),
    )
    printed, complaint = finish(demo)
    assert (demo.returncode, complaint) == (128 + number, "")
    assert "Uploading" not in printed
    assert not still_running(tmp_path)


@pytest.mark.slow
@pytest.mark.engine
def test_the_sample_is_transcribed_and_everything_is_stopped(tmp_path: Path) -> None:
    demo = begin(tmp_path, "samples/meeting.flac")
    printed, complaint = finish(demo)
    assert demo.returncode == 0, complaint
    assert re.search(r"^00:0\d  SPEAKER_0\d  ", printed, re.MULTILINE)
    for piece in ("Berlin", "/admin/", "/api/v1/docs", "password ", "token "):
        assert piece in printed
    assert re.search(r"^Summary, without a language model:\n\n.*SPEAKER_0\d", printed, re.M | re.S)
    assert not still_running(tmp_path)


@pytest.mark.slow
@pytest.mark.engine
def test_a_model_s_summary_and_events_are_shown(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> str:
        if "response_format" in request:
            event = {"title": "Train to Berlin", "start_datetime": "2026-03-06T10:00"}
            return json.dumps({"events": [event]})
        return "They talked of a train."

    server = ModelServer()
    server.answers = [answer]
    try:
        demo = begin(
            tmp_path,
            "samples/meeting.flac",
            TEXT_MODEL_NAME="made-up",
            TEXT_MODEL_BASE_URL=server.url,
        )
        printed, complaint = finish(demo)
    finally:
        server.close()
    assert demo.returncode == 0, complaint
    assert "Summary, by made-up:\n\nThey talked of a train.\n" in printed
    assert "2026-03-06T10:00:00Z  Train to Berlin" in printed
    assert "Berlin" in server.prompts()[0]
