"""The delivery worker is killed ten times while its receivers fail: every event arrives, the same
each time, and no attempt is lost to a kill.

A real cluster, started again whenever it has ended. A worker is killed by the receiver that it
talks to, before the answer or right after it, so that each kill meets something under way.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
from standardwebhooks import Webhook as Verifier

from tests.factories import WEBHOOK_SECRET
from tests.hooks.lane import EVENT, Lane
from tests.hooks.receiver import Answer, Failures, Receiver, Request
from tests.instance import until

pytestmark = pytest.mark.slow

SEED = 7
EVENTS, PEOPLE, KILLS = 500, 3, 10
MOST_FAILURES = 2
ENVIRONMENT = {
    "WEBHOOK_DELIVERY_TIMEOUT_SECONDS": "1",
    "WEBHOOK_RETRY_DELAYS": "0,0,1",
}
# Of all requests, until there were enough.
KILL_CHANCE = 0.03
# What was answered so long before a kill is recorded.
RECORD_SECONDS = 3
DONE_SECONDS = 180

PUBLISH = f"""
import time
from django.db import transaction
from hooks.models import Webhook
from hooks.outbox import publish
owners = list(Webhook.objects.values_list("owner_id", flat=True))
for number in range({EVENTS}):
    with transaction.atomic():
        publish(
            owner_id=owners[number % len(owners)],
            event_type="{EVENT}",
            data={{"recording_id": number, "title": "Büro", "fields_changed": ["title"]}},
        )
    time.sleep(0.04)
"""


class Killer:
    """A plan around others' plans: it answers as they do, and kills whom it answers, some times.
    `moments`: of the kills. `unanswered`: those before the answer.
    """

    def __init__(self, plans: dict[int, Failures]) -> None:
        self.moments: list[float] = []
        self.unanswered = 0
        self._plans = plans
        self._chance = random.Random(SEED)
        self._dead: set[int] = set()
        self._one_at_a_time = threading.Lock()

    def answer(self, port: int, request: Request) -> Answer:
        with self._one_at_a_time:
            return self._answer(port, request)

    def _answer(self, port: int, request: Request) -> Answer:
        answer = self._plans[port](request)
        if len(self.moments) == KILLS or self._chance.random() > KILL_CHANCE:
            return answer
        worker = self._sender_of(request, port)
        if worker is None:
            return answer
        self._dead.add(worker.ppid())
        self.moments.append(time.time())
        if self._chance.random() < 0.5:
            self.unanswered += 1
            os.kill(worker.pid, signal.SIGKILL)
            return answer
        return replace(answer, deed=lambda: os.kill(worker.pid, signal.SIGKILL))

    def _sender_of(self, request: Request, port: int) -> psutil.Process | None:
        """None where its cluster is about to end."""
        ends = (request.peer[1], port)
        for link in psutil.net_connections("tcp4"):
            if link.pid and link.raddr and (link.laddr.port, link.raddr.port) == ends:
                with suppress(psutil.Error):
                    worker = psutil.Process(link.pid)
                    sentinel = worker.parent()
                    return worker if sentinel and sentinel.pid not in self._dead else None
        return None


@dataclass(frozen=True)
class Row:
    status: str
    attempt_count: int


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    with ExitStack() as running:
        yield [running.enter_context(Receiver()) for _ in range(PEOPLE)]


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    running = Lane(tmp_path, **ENVIRONMENT)
    yield running
    running.end()


def rows(lane: Lane) -> dict[str, Row]:
    found = lane.rows("SELECT event_id, status, attempt_count FROM hooks_delivery")
    return {str(uuid.UUID(str(id_))): Row(status, count) for id_, status, count in found}


def doubtful(requests: list[Request], kills: list[float], deaths: list[float]) -> int:
    """How many of them a kill may have kept from being recorded: those shortly before it, and until
    the whole cluster had ended.
    """
    spans = [
        (kill - RECORD_SECONDS, min(death for death in deaths if death >= kill)) for kill in kills
    ]
    return sum(any(begin < each.arrived < end for begin, end in spans) for each in requests)


def test_every_event_arrives_though_its_sender_is_killed_ten_times(
    lane: Lane, receivers: list[Receiver]
) -> None:
    plans = {
        receiver.port: Failures(most=MOST_FAILURES, seed=SEED + number)
        for number, receiver in enumerate(receivers)
    }
    killer = Killer(plans)
    for receiver in receivers:
        receiver.answer_by(lambda request, port=receiver.port: killer.answer(port, request))
    lane.subscribe({f"person{n}": [receiver] for n, receiver in enumerate(receivers)})
    with ThreadPoolExecutor(1) as pool:
        published = pool.submit(lane.run, PUBLISH)
        until(lambda: len(killer.moments) == KILLS, DONE_SECONDS, "ten kills")
        published.result()
    until(
        lambda: Counter(row.status for row in rows(lane).values()) == {"done": EVENTS},
        DONE_SECONDS,
        "everything is delivered",
    )

    final = rows(lane)
    requests: dict[str, list[Request]] = {id_: [] for id_ in final}
    failures = {}
    for receiver in receivers:
        for request in receiver.requests:
            requests[request.id].append(request)
            failures[request.id] = plans[receiver.port].of(request.id)
    unrecorded = untouched = 0
    for id_, row in final.items():
        check_same_and_signed(requests[id_])
        assert requests[id_][-1].status == 200
        lost = len(requests[id_]) - row.attempt_count
        in_doubt = doubtful(requests[id_], killer.moments, lane.deaths)
        # An attempt counts when its outcome was recorded, and only then: a kill adds none, and
        # takes away only those that it met between the request and the row.
        assert 0 <= lost <= in_doubt
        assert 1 <= row.attempt_count <= failures[id_] + 1
        if not in_doubt:
            assert len(requests[id_]) == row.attempt_count == failures[id_] + 1
            untouched += 1
        unrecorded += lost
    assert untouched > EVENTS / 4
    assert killer.unanswered <= unrecorded
    assert lane.rows("SELECT enabled, consecutive_failures FROM hooks_webhook") == [
        (True, 0)
    ] * len(receivers)


def check_same_and_signed(requests: list[Request]) -> None:
    (body,) = {request.body for request in requests}
    for request in requests:
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert request.headers["Speakr-Signature"] == f"sha256={signature}"
        names = {name.lower(): value for name, value in request.headers.items()}
        told = Verifier(WEBHOOK_SECRET.encode()).verify(body, names)
        assert told["id"] == request.id
