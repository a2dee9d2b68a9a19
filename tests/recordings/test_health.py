"""/healthz and /readyz: what a load balancer and a container are told, whatever is broken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.services import health
from recordings.services.lanes import CANARY_FRESH
from speakr_site.core.models import Canary
from tests.conftest import REPOSITORY

LANES = ("speakr", "gpu", "text")
# The question is asked on a connection of its own, which sees only what is committed.
committed = pytest.mark.django_db(transaction=True)

READYZ = """
import django, json, time
django.setup()
from django.test import Client
started = time.monotonic()
response = Client().get("/readyz")
print(json.dumps([response.status_code, time.monotonic() - started, response.json()]))
"""


def stamp_all() -> None:
    for lane in LANES:
        Canary.objects.create(lane=lane, stamped_at=timezone.now(), pid=1, host="elsewhere")


def readyz_on(database_url: str, data_dir: Path) -> tuple[int, float, dict[str, Any], str]:
    """Status, seconds, answer and log of /readyz in a process with that database."""
    done = subprocess.run(
        [sys.executable, "-c", READYZ],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "speakr_site.settings",
            "DATABASE_URL": database_url,
            "DATA_DIR": str(data_dir),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return (*json.loads(done.stdout), done.stderr)


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("method", ["get", "head"])
def test_healthz_answers_without_a_query(method: str) -> None:
    # Without the `db` mark a query raises.
    response = getattr(Client(), method)("/healthz")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert method == "head" or response.json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_is_written_through_them(path: str) -> None:
    assert Client().post(path).status_code == 405


@committed
def test_a_server_whose_parts_all_work_is_ready() -> None:
    stamp_all()
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "status": "ready",
        "checks": dict.fromkeys(["database", "storage", *(f"lane {n}" for n in LANES)], "ok"),
    }


@committed
def test_head_has_the_status_and_no_body() -> None:
    response = Client().head("/readyz")
    assert (response.status_code, response.content) == (503, b"")


@committed
def test_a_lane_that_takes_no_messages_is_named() -> None:
    stamp_all()
    Canary.objects.filter(lane="gpu").update(stamped_at=timezone.now() - 2 * CANARY_FRESH)
    Canary.objects.filter(lane="text").delete()
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "status": "not ready",
        "checks": {
            "database": "ok",
            "storage": "ok",
            "lane speakr": "ok",
            "lane gpu": "The lane takes no messages.",
            "lane text": "The lane takes no messages.",
        },
    }


@committed
@pytest.mark.parametrize("name", ["MEDIA_ROOT", "FILE_UPLOAD_TEMP_DIR"])
@pytest.mark.parametrize("what", ["gone", "a file", "read-only"])
def test_storage_that_cannot_be_written_is_named(
    settings: Any, tmp_path: Path, name: str, what: str
) -> None:
    stamp_all()
    folder = tmp_path / "uploads"
    if what == "a file":
        folder.write_text("")
    # root may write wherever the kernel lets anybody write: not here.
    setattr(settings, name, Path("/proc") if what == "read-only" else folder)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["storage"] == "The storage cannot be written."
    assert str(tmp_path) not in response.content.decode()


@committed
def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stamp_all()

    def on_a_full_disk(*, dir: Path, buffering: int) -> Any:
        return Path("/dev/full").open("wb", buffering=buffering)

    monkeypatch.setattr(health.tempfile, "TemporaryFile", on_a_full_disk)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["storage"] == "The storage cannot be written."


@committed
def test_looking_leaves_nothing_in_the_storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    Client().get("/readyz")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_down_is_said_without_its_address(tmp_path: Path) -> None:
    status, _, answer, log = readyz_on("postgresql://someone:geheim1@127.0.0.1:1/x", tmp_path)
    assert status == 503
    assert answer["status"] == "not ready"
    assert answer["checks"]["storage"] == "ok"
    assert answer["checks"]["database"] == "The database does not answer."
    assert answer["checks"]["lane gpu"] == "Unknown while the database does not answer."
    for secret in ("geheim1", "someone", "127.0.0.1"):
        assert secret not in json.dumps(answer)
    assert "geheim1" not in log


def test_a_database_that_never_answers_is_not_waited_for(tmp_path: Path, mute_port: int) -> None:
    status, seconds, answer, _ = readyz_on(f"postgresql://a:b@127.0.0.1:{mute_port}/x", tmp_path)
    assert status == 503
    assert answer["checks"]["database"] == "The database does not answer."
    assert seconds < 2 * health.SECONDS_TO_ANSWER + 10


def test_questions_that_hang_do_not_pile_up() -> None:
    release = threading.Event()
    before = threading.active_count()
    for _ in range(2 * health.THREADS):
        with pytest.raises(TimeoutError):
            health.in_time(release.wait, 0.05)
    assert threading.active_count() - before <= health.THREADS
    release.set()
    assert health.in_time(lambda: "again", 10) == "again"


def test_an_answer_in_time_comes_at_once() -> None:
    started = time.monotonic()
    assert health.in_time(lambda: timedelta(seconds=1), 30) == timedelta(seconds=1)
    assert time.monotonic() - started < 15
