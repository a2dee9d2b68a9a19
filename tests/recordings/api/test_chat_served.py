"""Chat as gunicorn serves it: a model that hangs costs the others nothing, and a stream reaches its
reader piece by piece until one of them has enough.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection

from accounts.models import User
from accounts.services import issue_token
from recordings.models import Recording, TokenUsage
from tests.factories import make_recording, make_transcript
from tests.instance import POSTGRESQL, REPOSITORY, START_SECONDS, STOP_SECONDS, free_port, until
from tests.model_server import KEY, Hangs, ModelServer, Talks, model_server

__all__ = ["model_server"]

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
QUICK_SECONDS = 2


@dataclass(frozen=True)
class Served:
    url: str
    token: str

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=self._headers, timeout=30)

    def ask(self, *, stream: bool = False) -> requests.Response:
        body = {"message": "What was said?", "stream": stream}
        return requests.post(
            f"{self.url}/chat", json=body, headers=self._headers, timeout=90, stream=stream
        )

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def talk(alice: User) -> Recording:
    recording = make_recording(owner=alice)
    make_transcript(recording=recording)
    return recording


@pytest.fixture
def served(talk: Recording, model_server: ModelServer, tmp_path: Path) -> Iterator[Served]:
    """gunicorn as `make run` starts it, on the database of the test."""
    _, token = issue_token(user=talk.owner, name="test")
    port = free_port()
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": database_url(),
        "PORT": str(port),
        "WEB_THREADS": str(THREADS),
        "TEXT_MODEL_NAME": "made-up",
        "TEXT_MODEL_BASE_URL": model_server.url,
        "TEXT_MODEL_API_KEY": KEY,
    }
    with (tmp_path / "console.txt").open("wb") as console:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "speakr_site/gunicorn.py"],
            cwd=REPOSITORY,
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
    found = Served(f"http://127.0.0.1:{port}/api/v1/recordings/{talk.pk}", token)
    try:
        until(lambda: answers(found), START_SECONDS, "the web server answers")
        yield found
    finally:
        # What still hangs lets go of its thread.
        model_server.closing.set()
        process.terminate()
        process.wait(STOP_SECONDS)


def answers(found: Served) -> bool:
    with suppress(requests.RequestException):
        return found.get("").ok
    return False


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return POSTGRESQL.replace("/postgres?", f"/{name}?")


def test_hung_chats_leave_the_rest_of_the_api_quick(
    served: Served, model_server: ModelServer
) -> None:
    model_server.answers = [Hangs()]
    with ThreadPoolExecutor(THREADS) as pool:
        hung = [pool.submit(served.ask, stream=index % 2 == 0) for index in range(THREADS // 2)]
        until(lambda: len(model_server.requests) == THREADS // 2, 20, "half of the threads wait")
        refused = list(pool.map(lambda _: timed(served.ask), range(THREADS // 2)))
        read = [timed(lambda path=path: served.get(path)) for path in ("", "/transcript") * 5]
        assert not any(call.done() for call in hung)
        model_server.closing.set()
        ended = Counter(call.result().status_code for call in hung)
    assert Counter(answer.status_code for answer, _ in refused) == {503: THREADS // 2}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer, _ in refused)
    assert Counter(answer.status_code for answer, _ in read) == {200: 10}
    assert max(seconds for _, seconds in refused + read) < QUICK_SECONDS
    assert ended == {503: THREADS // 2}
    assert len(model_server.requests) == THREADS // 2
    assert TokenUsage.objects.count() == 0


def test_a_reader_who_leaves_ends_the_call(served: Served, model_server: ModelServer) -> None:
    model_server.answers = [Talks()]
    begun = time.monotonic()
    response = served.ask(stream=True)
    assert response.headers["Content-Type"] == "text/event-stream"
    lines = response.iter_lines()
    assert next(lines) == b'data: {"delta": "word0 "}'
    assert time.monotonic() - begun < 20
    response.close()
    assert model_server.hung_up.wait(20)
    row = until(TokenUsage.objects.first, 20, "it is counted")
    assert (row.operation, row.requests) == ("chat", 1)
    assert row.completion_tokens > 0
    # Its place is free again.
    model_server.answers = ["An answer."]
    with ThreadPoolExecutor(THREADS) as pool:
        replies = list(pool.map(lambda _: served.ask().status_code, range(THREADS // 2)))
    assert replies == [200] * (THREADS // 2)


def timed(act: Any) -> tuple[requests.Response, float]:
    begun = time.monotonic()
    return act(), time.monotonic() - begun
