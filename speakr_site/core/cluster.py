"""A django-q2 cluster that leaves no orphans and does not hang when a process of it is killed."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

import django_q.cluster

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


def use_watchful_sentinel() -> None:
    """Makes clusters started in this process use it; django-q2 has no setting for the class.

    Whatever such a cluster forks (sentinel, workers, pusher, monitor) dies with its parent.
    """
    django_q.cluster.Sentinel = WatchfulSentinel
    os.register_at_fork(after_in_child=die_with_parent)
