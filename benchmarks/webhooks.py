"""How soon a webhook's receiver knows what was committed, whether receivers that hang delay it, and
how many deliveries a second go out.

`python -m benchmarks.webhooks`: the cluster that delivers, of real processes, on SQLite and then on
PostgreSQL; receivers on this machine. Beside each figure stands its ratio to bare urllib3 posts of
one such body to such a receiver, one after another, taken in the same run. Ends with 1 where a bar
is missed.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pgserver
import urllib3

from tests.hooks.lane import EVENT, Lane
from tests.hooks.receiver import Answer, Receiver
from tests.instance import START_SECONDS, until

LATENCY_BAR_SECONDS, ISOLATED_BAR_SECONDS, BAR_PER_SECOND = 1.0, 2.0, 50.0
EVENTS, GAP_SECONDS = 50, 0.4
HANGING, HANG_SECONDS = 9, 10
HEALTHY, BURST = 5, 200
BARE_POSTS = 300
WARM_UP = 5
ARRIVE_SECONDS = 120
PUBLISH = """
import json, random, time
from django.db import transaction
from accounts.models import User
from hooks.outbox import publish_many
owner = User.objects.get(username={owner!r}).pk
committed = []
for first in range(0, {count}, {at_once}):
    data = [
        {{"recording_id": number, "title": "Board meeting", "fields_changed": ["title"]}}
        for number in range(first, first + {at_once})
    ]
    with transaction.atomic():
        publish_many(owner_id=owner, event_type={event!r}, data=lambda: data)
    committed += [time.time()] * {at_once}
    time.sleep(random.uniform(0.5, 1.5) * {gap})
print(json.dumps(committed))
"""


def main() -> int:
    """The exit code."""
    with tempfile.TemporaryDirectory(prefix="speakr-bench-") as folder:
        missed = measure("SQLite", Path(folder) / "sqlite", "")
        server = pgserver.get_server(Path(folder) / "server")
        try:
            missed += measure("PostgreSQL", Path(folder) / "postgresql", server.get_uri())
        finally:
            server.cleanup()
    print(f"\n{missed} bars missed" if missed else "\nevery bar holds")
    return int(missed > 0)


def measure(database: str, data_dir: Path, url: str) -> int:
    """Prints one database's figures; how many bars were missed."""
    data_dir.mkdir()
    with ExitStack() as running:
        lane = Lane(data_dir, DATABASE_URL=url, LOG_LEVEL="warning")
        running.callback(lane.end)

        def receivers(count: int) -> list[Receiver]:
            return [running.enter_context(Receiver()) for _ in range(count)]

        alone, healthy, beside, hanging = (
            receivers(1), receivers(HEALTHY), receivers(1), receivers(HANGING)
        )  # fmt: skip
        for receiver in hanging:
            receiver.answer(Answer(wait_seconds=HANG_SECONDS + 1))
        lane.subscribe({"alone": alone, "many": healthy, "beside": hanging + beside})
        until(lane.canaries, START_SECONDS, "the cluster is at work")
        publish(lane, "alone", WARM_UP, GAP_SECONDS)
        alone[0].wait_for(WARM_UP, ARRIVE_SECONDS)
        alone[0].requests.clear()
        latency = p95(alone[0], publish(lane, "alone", EVENTS, GAP_SECONDS))
        rate = throughput(lane, healthy)
        isolated = p95(beside[0], publish(lane, "beside", EVENTS, GAP_SECONDS))
        bare = bare_post_seconds(alone[0])
    print(f"\n{database}; a bare post takes {bare * 1000:.1f} ms, {1 / bare:.0f} a second")
    missed = told("commit to receipt, p95", latency, bare, LATENCY_BAR_SECONDS)
    missed += told(f"beside {HANGING} that hang", isolated, bare, ISOLATED_BAR_SECONDS)
    verdict = "" if rate >= BAR_PER_SECOND else "  MISSED"
    ratio = f"{rate * bare:8.2f} x"
    print(f"  {'deliveries a second':24} {rate:8.1f}    {ratio}  (bar {BAR_PER_SECOND:g}){verdict}")
    return missed + (rate < BAR_PER_SECOND)


def publish(lane: Lane, owner: str, count: int, gap: float, at_once: int = 1) -> list[float]:
    """When each of so many events was committed, in seconds of time.time()."""
    code = PUBLISH.format(owner=owner, event=EVENT, count=count, gap=gap, at_once=at_once)
    return json.loads(lane.run(code))


def p95(receiver: Receiver, committed: list[float]) -> float:
    """Seconds from commit to receipt."""
    came = {
        json.loads(request.body)["data"]["recording_id"]: request.arrived
        for request in receiver.wait_for(len(committed), ARRIVE_SECONDS)
    }
    seconds = [came[number] - moment for number, moment in enumerate(committed)]
    return statistics.quantiles(seconds, n=20)[-1]


def throughput(lane: Lane, receivers: list[Receiver]) -> float:
    """Deliveries a second, from the commit of all of them to the receipt of the last."""
    committed = publish(lane, "many", BURST, 0, at_once=BURST)[0]
    for receiver in receivers:
        receiver.wait_for(BURST, ARRIVE_SECONDS)
    last = max(receiver.requests[-1].arrived for receiver in receivers)
    return BURST * len(receivers) / (last - committed)


def bare_post_seconds(receiver: Receiver) -> float:
    """The median."""
    body = receiver.requests[0].body
    taken = []
    for _ in range(BARE_POSTS):
        started = time.perf_counter()
        # As a delivery does it: to each its own connection.
        with urllib3.PoolManager() as pool:
            assert pool.request("POST", receiver.url(), body=body).status == 200
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def told(name: str, seconds: float, bare: float, bar: float) -> bool:
    """Whether the bar is missed."""
    verdict = "" if seconds < bar else "  MISSED"
    ratio = f"{seconds / bare:8.1f} x"
    print(f"  {name:24} {seconds * 1000:8.0f} ms {ratio}  (bar {bar * 1000:.0f} ms){verdict}")
    return seconds >= bar


if __name__ == "__main__":
    sys.exit(main())
