"""`make demo` as a newcomer sees it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY

DEMO_SECONDS = 240


def demo(data_dir: Path, recording: str, *, port: int = 0) -> subprocess.CompletedProcess[str]:
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    return subprocess.run(
        [sys.executable, "-m", "speakr_site.demo", recording],
        cwd=REPOSITORY,
        env={**os.environ, "DATA_DIR": str(data_dir), "PORT": str(port), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    done = demo(tmp_path, "nowhere.m4a")
    assert done.returncode == 1
    assert done.stderr.strip() == "There is no file nowhere.m4a."


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = demo(tmp_path, "samples/meeting.txt", port=taken.getsockname()[1])
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_file_that_is_no_recording_is_refused_with_the_servers_sentence(tmp_path: Path) -> None:
    done = demo(tmp_path, "samples/meeting.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("The server refused: ")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.engine
def test_the_sample_is_transcribed_and_everything_is_stopped(tmp_path: Path) -> None:
    done = demo(tmp_path, "samples/meeting.flac")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^00:0\d  SPEAKER_0\d  ", done.stdout, re.MULTILINE)
    for piece in ("Berlin", "/admin/", "/api/v1/docs", "password ", "token "):
        assert piece in done.stdout
    left = [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("DATA_DIR") == str(tmp_path)
    ]
    assert not left
