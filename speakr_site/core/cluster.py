"""A django-q2 cluster that leaves no orphans and does not hang when a process of it is killed."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

import django_q.cluster
from django.db import connections

from speakr_site.core import queue
from speakr_site.core.processes import die_with_parent

logger = logging.getLogger(__name__)


class WatchfulSentinel(django_q.cluster.Sentinel):
    """Ends the whole cluster when one of its processes died by a signal.

    A worker that is killed while it waits for work keeps the queue's lock: no other worker ever
    gets a message again, and nothing looks wrong. Whoever supervises the cluster starts a fresh
    one; leases return what was running.
    """

    def reincarnate(self, process: Any) -> None:
        if process.exitcode is not None and process.exitcode < 0:
            logger.critical(
                "%s died by signal %d; the cluster ends to start afresh",
                process.name,
                -process.exitcode,
            )
            os.kill(os.getpid(), signal.SIGKILL)
        super().reincarnate(process)

    def stop(self) -> None:
        queue.announce_stop()
        super().stop()


class ObedientCluster(django_q.cluster.Cluster):
    """Keeps a signal to stop that comes while the cluster still starts; django-q2 forgets it."""

    def __init__(self) -> None:
        self._has_started = self._must_stop = False
        super().__init__()

    def sig_handler(self, signum: int, frame: Any) -> None:
        self._must_stop = True
        if self._has_started:
            super().sig_handler(signum, frame)

    def start(self) -> int:
        pid = super().start()
        self._has_started = True
        if self._must_stop:
            self.stop()
        return pid


def run_cluster() -> None:
    """Serves the lane that Q_CLUSTER_NAME names, in this process, until SIGTERM or SIGINT.

    Whatever it forks (sentinel, workers, pusher, monitor) dies with the process that forked it.
    """
    # django-q2 has no setting for the class.
    django_q.cluster.Sentinel = WatchfulSentinel
    os.register_at_fork(after_in_child=die_with_parent)
    queue.ask_for_stamp()
    # The clock's first look comes half a minute after a start.
    queue.ring_all()
    # A connection must not be shared with the processes forked next.
    connections.close_all()
    ObedientCluster().start()
