"""SIGKILL amid a long summary: the next worker goes on from the answers that were paid for.

Real processes and a real model server; nobody helps them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.instance import START_SECONDS, Instance, until
from tests.model_server import KEY, Hangs, ModelServer

pytestmark = pytest.mark.stress

BEFORE_THE_KILL = 3
WORK_SECONDS = 60
# The lease of the killed one has to end first.
RESUME_SECONDS = 150
MAKE_A_LONG_TALK = """
from accounts.models import User
from recordings.models import Recording, Transcript
recording = Recording.objects.create(
    owner=User.objects.get(), title="Long talk", sha256="0" * 64, status="COMPLETED"
)
recording.current_transcript = Transcript.objects.create(recording=recording, number=1, segments=[
    {"speaker": None, "start": n * 5.0, "end": n * 5.0 + 4, "text": f"Point {n} was talked about."}
    for n in range(900)
])
recording.save()
print(recording.pk)
"""


class Model:
    """Notes on every section; of the section after the first few it says nothing, once."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.unanswered: list[str] = []

    def __call__(self, request: dict[str, Any]) -> str | Hangs:
        asked = json.dumps(request["messages"])
        if len(self.answered) == BEFORE_THE_KILL and not self.unanswered:
            self.unanswered.append(asked)
            return Hangs()
        self.answered.append(asked)
        return f"Notes {len(self.answered)}."


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def model_server(model: Model) -> Iterator[ModelServer]:
    server = ModelServer()
    server.answers = [model]
    yield server
    server.close()


@pytest.fixture
def instance(model_server: ModelServer, tmp_path: Path) -> Iterator[Instance]:
    running = Instance(
        tmp_path,
        TEXT_MODEL_NAME="made-up",
        TEXT_MODEL_BASE_URL=model_server.url,
        TEXT_MODEL_API_KEY=KEY,
        TEXT_MODEL_CONTEXT_TOKENS="4096",
    )
    try:
        until(running.answers, START_SECONDS, "the server answers")
        yield running
    finally:
        running.end()


def who_asks(instance: Instance, server: ModelServer) -> psutil.Process:
    """The worker that waits for the model's answer."""
    port = int(server.url.split(":")[2].split("/")[0])
    for pid in instance.processes():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if any(c.raddr and c.raddr.port == port for c in process.net_connections("tcp")):
                return process
    raise AssertionError("nobody asks the model")


def test_a_killed_worker_s_answers_are_not_paid_for_again(
    instance: Instance, model_server: ModelServer, model: Model
) -> None:
    token = instance.token
    recording = instance.manage("shell", "-v", "0", "-c", MAKE_A_LONG_TALK).strip()
    reply = requests.post(
        f"{instance.url}/api/v1/recordings/{recording}/summarize",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert reply.status_code == 200, reply.text
    until(lambda: model.unanswered, WORK_SECONDS, "a section is being asked about")
    assert len(instance.rows("SELECT id FROM recordings_windowresult")) == BEFORE_THE_KILL

    killed = who_asks(instance, model_server)
    killed.kill()

    until(lambda: instance.states() == {"COMPLETED": 1}, RESUME_SECONDS, "it is summarized")
    assert Counter(model.answered).most_common(1)[0][1] == 1
    assert set(model.unanswered) < set(model.answered)
    assert instance.rows("SELECT requests FROM recordings_tokenusage") == [(len(model.answered),)]
    ((summary, meta, warnings),) = instance.rows(
        "SELECT summary, summary_meta, text_warnings FROM recordings_recording"
    )
    meta, warnings = (json.loads(v) if isinstance(v, str) else v for v in (meta, warnings))
    assert summary == f"Notes {len(model.answered)}."
    assert warnings == []
    assert meta["sections"] > BEFORE_THE_KILL + 1
    assert meta["covered_chars"] == meta["input_chars"]
    assert not instance.rows("SELECT id FROM recordings_windowresult")
    assert killed.pid not in instance.processes()
