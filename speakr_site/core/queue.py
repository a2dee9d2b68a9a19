"""The bell: the only place, with cluster.py beside it, that knows django-q2.

Work is a row; a message says only "there is work in this lane". A lost message costs at most a
minute (the sweep rings again), a doubled one finds nothing to claim.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Min
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.exceptions import TimeoutException
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task

from speakr_site.core.models import Canary

# Raised in a worker whose task ran too long. Derives from SystemExit: `except Exception` misses it.
TimeLimit = TimeoutException

STAMP = "speakr_site.core.queue.stamp"
BELLS_AT_ONCE = 10

# Set by a cluster that was asked to stop, before it waits for its workers; shared with them through
# the fork.
_stopping = multiprocessing.get_context("fork").Event()


class _LaterBroker(ORM):
    """Its messages are locked, as if somebody were at work on them, until the moment comes."""

    moment: datetime

    def enqueue(self, task: str) -> int:
        message = OrmQ.objects.create(key=self.list_key, payload=task, lock=self.moment)
        return message.pk


def ring(bell: str) -> None:
    """Tells a bell's lane, once the surrounding transaction commits, that there is work.

    Never fails: what was committed must not look as if it had not been, and the sweep rings again.
    """
    function, lane = settings.BELLS[bell]
    transaction.on_commit(lambda: async_task(function, bell, cluster=lane, save=False), robust=True)


def ring_at(bell: str, moment: datetime) -> None:
    """As `ring`, within a second after a moment to come. However many ask for the same second,
    there is one message.
    """
    function, lane = settings.BELLS[bell]
    broker = _LaterBroker(list_key=lane)
    # The microsecond tells the bells of a lane apart: a message shows nothing else but its lock.
    whole = moment.replace(microsecond=list(settings.BELLS).index(bell))
    broker.moment = whole + timedelta(seconds=1)

    def ask() -> None:
        # Two may find none at the same time; the second message finds nothing to do.
        if not OrmQ.objects.filter(key=lane, lock=broker.moment).exists():
            async_task(function, bell, broker=broker, cluster=lane, save=False)

    transaction.on_commit(ask, robust=True)


def ring_all() -> None:
    """Rings each bell of this process's lane: after a start nobody knows what was lost."""
    for bell, (_, lane) in settings.BELLS.items():
        if lane == Conf.CLUSTER_NAME:
            ring(bell)


def ring_missing(lane: str, *, waiting: int) -> None:
    """Makes sure that a lane with waiting work, whose bell has its name, has messages nobody took
    yet; a few at a time.
    """
    pending = OrmQ.objects.filter(key=lane, lock__lte=timezone.now()).count()
    for _ in range(min(waiting, BELLS_AT_ONCE) - pending):
        ring(lane)


def waiting_messages() -> dict[str, tuple[int, datetime]]:
    """Lanes with messages that nobody took yet: how many, and since when the oldest waits."""
    rows = (
        OrmQ.objects.filter(lock__lte=timezone.now())
        .values("key")
        .annotate(count=Count("pk"), oldest=Min("lock"))
        .order_by("key")
    )
    return {row["key"]: (row["count"], row["oldest"]) for row in rows}


def stamp(lane: str) -> None:
    """Scheduled every minute in each lane: shows that its workers still take messages."""
    Canary.objects.update_or_create(
        lane=lane,
        defaults={
            "stamped_at": timezone.now(),
            "host": socket.gethostname(),
            "pid": os.getppid(),
        },
    )


def ask_for_stamp() -> None:
    """Queues a stamp for the lane of this process: its health is known seconds after a start."""
    async_task(STAMP, Conf.CLUSTER_NAME, cluster=Conf.CLUSTER_NAME, save=False)


def stopping() -> bool:
    """Whether this worker's cluster was asked to stop; long work hands itself back then."""
    return _stopping.is_set()


def announce_stop() -> None:
    """Makes `stopping()` true in every worker of this cluster."""
    _stopping.set()


def save_schedules() -> None:
    """Makes django-q2's schedule table say what settings.SCHEDULES says."""
    Schedule.objects.exclude(name__in=settings.SCHEDULES).delete()
    for name, (function, arguments, lane, minutes) in settings.SCHEDULES.items():
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": function,
                "args": repr(arguments),
                "cluster": lane,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
            },
        )
