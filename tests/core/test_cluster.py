from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import django_q.cluster
import pytest

from speakr_site.core.cluster import ObedientCluster


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A cluster takes over the signals of its process, which here is the test run."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry for each time the cluster stopped."""
    entries: list[bool] = []
    monkeypatch.setattr(django_q.cluster.Cluster, "stop", lambda _: entries.append(True))
    return entries


def test_a_signal_while_the_cluster_starts_is_obeyed_once_it_has_started(
    monkeypatch: pytest.MonkeyPatch, stops: list[bool]
) -> None:
    def start(_: object) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        assert not stops
        return 1

    monkeypatch.setattr(django_q.cluster.Cluster, "start", start)
    ObedientCluster().start()
    assert stops == [True]


def test_a_signal_after_the_start_is_obeyed_at_once(
    monkeypatch: pytest.MonkeyPatch, stops: list[bool]
) -> None:
    monkeypatch.setattr(django_q.cluster.Cluster, "start", lambda _: 1)
    ObedientCluster().start()
    assert not stops
    os.kill(os.getpid(), signal.SIGINT)
    assert stops == [True]
