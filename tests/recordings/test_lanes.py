from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from recordings.models import Job, Recording
from recordings.services import lanes
from recordings.services.lanes import LaneWatch, end_cluster, healthy_lanes
from speakr_site.core.models import Canary
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.django_db

OLD = lanes.CANARY_FRESH + timedelta(seconds=1)
Victim = Callable[..., subprocess.Popen[bytes]]


def stamp(lane: str, *, age: timedelta = timedelta(0), pid: int = 1, host: str = "") -> None:
    Canary.objects.create(
        lane=lane,
        stamped_at=timezone.now() - age,
        pid=pid,
        host=host or socket.gethostname(),
    )


def hold_job(owner: User, lane: str) -> None:
    recording = Recording.objects.create(owner=owner, title="Long talk")
    job = Job.objects.create(recording=recording, owner=owner, lane=lane)
    assert Job.objects.claim(job)


@pytest.fixture
def victim() -> Iterator[Victim]:
    """Starts a process that looks like a cluster of this instance; what is given differs."""
    started: list[subprocess.Popen[bytes]] = []

    def make(*, command: str = "qcluster", lane: str = "gpu", data_dir: str = "") -> Victim:
        process = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "Q_CLUSTER_NAME": lane,
                "DATA_DIR": data_dir or str(settings.DATA_DIR),
            },
            cwd=REPOSITORY,
        )
        # Its first line: from here on it is what it was started as.
        process.stdout.readline()
        started.append(process)
        return process

    yield make
    for process in started:
        process.kill()
        process.communicate()


def test_a_lane_is_healthy_while_its_canary_is_fresh() -> None:
    stamp("gpu")
    stamp("text", age=OLD)
    assert healthy_lanes() == {"gpu"}


def test_a_busy_lane_is_healthy_although_nobody_can_stamp(alice: User) -> None:
    stamp("gpu", age=OLD)
    hold_job(alice, "gpu")
    assert healthy_lanes() == {"gpu"}


def test_a_lost_lease_is_no_sign_of_health(alice: User) -> None:
    hold_job(alice, "gpu")
    Job.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert healthy_lanes() == set()


def test_the_cluster_that_stamped_last_is_ended(victim: Victim) -> None:
    cluster = victim()
    stamp("gpu", pid=cluster.pid)
    assert end_cluster("gpu")
    assert cluster.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "different",
    [{"command": "watch"}, {"lane": "text"}, {"data_dir": "/somewhere/else"}],
    ids=["another program", "another lane", "another instance"],
)
def test_a_process_that_got_the_number_later_is_left_alone(
    victim: Victim, different: dict[str, str]
) -> None:
    stranger = victim(**different)
    stamp("gpu", pid=stranger.pid)
    assert not end_cluster("gpu")
    assert stranger.poll() is None


def test_a_process_of_another_host_is_left_alone(victim: Victim) -> None:
    cluster = victim()
    stamp("gpu", pid=cluster.pid, host="elsewhere")
    assert not end_cluster("gpu")


def test_an_unhealthy_lane_is_given_time_before_its_cluster_is_ended(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = victim()
    stamp("gpu", pid=cluster.pid, age=OLD)
    clock = [1000.0]
    monkeypatch.setattr(lanes.time, "monotonic", lambda: clock[0])
    watch = LaneWatch()
    watch.look()
    clock[0] += lanes.PATIENCE_SECONDS - 1
    watch.look()
    assert cluster.poll() is None
    clock[0] += 1
    watch.look()
    assert cluster.wait(60) == -signal.SIGKILL


def test_a_lane_that_recovers_starts_with_new_patience(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = victim()
    stamp("gpu", pid=cluster.pid, age=OLD)
    clock = [1000.0]
    monkeypatch.setattr(lanes.time, "monotonic", lambda: clock[0])
    watch = LaneWatch()
    watch.look()
    Canary.objects.update(stamped_at=timezone.now())
    watch.look()
    Canary.objects.update(stamped_at=timezone.now() - OLD)
    clock[0] += lanes.PATIENCE_SECONDS
    watch.look()
    assert cluster.poll() is None


def test_a_health_check_passes_for_a_healthy_lane_and_ends_a_dead_one(victim: Victim) -> None:
    cluster = victim()
    stamp("gpu", pid=cluster.pid)
    call_command("watch", once="gpu")
    Canary.objects.update(stamped_at=timezone.now() - OLD)
    with pytest.raises(CommandError, match="gpu takes no messages"):
        call_command("watch", once="gpu")
    assert cluster.wait(60) == -signal.SIGKILL
