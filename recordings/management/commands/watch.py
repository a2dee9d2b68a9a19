"""Keeps lanes alive: hands back what dead workers held, ends a cluster that takes no messages.

Whatever supervises that cluster (supervisord, a container's restart policy) starts it afresh.
"""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from recordings.services.lanes import LaneWatch, end_cluster, healthy_lanes
from recordings.services.recovery import sweep_expired_leases
from speakr_site.core.processes import die_with_parent

logger = logging.getLogger(__name__)

ROUND_SECONDS = 10


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            metavar="LANE",
            help="Look at one lane and go: fails when it is not healthy, and ends its cluster "
            "if that runs here. For a container's health check.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            look_once(options["once"])
            return
        if settings.SUPERVISED:
            die_with_parent()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        watch = LaneWatch()
        while not stop.wait(ROUND_SECONDS):
            close_old_connections()
            try:
                sweep_expired_leases()
                watch.look()
            except DatabaseError:
                logger.warning("the database does not answer", exc_info=True)
                watch.forget()


def look_once(lane: str) -> None:
    if lane not in healthy_lanes():
        end_cluster(lane)
        raise CommandError(f"The lane {lane} takes no messages.")
