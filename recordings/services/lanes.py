"""Whether the clusters take messages, and ending one that does not."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from recordings.models import Job
from speakr_site.core.models import Canary
from speakr_site.core.processes import is_cluster

logger = logging.getLogger(__name__)

CANARY_FRESH = timedelta(seconds=180)
# A machine that slept, or whose database was away, finds old canaries: time to stamp them.
PATIENCE_SECONDS = 90


def healthy_lanes() -> set[str]:
    """Lanes with a fresh canary or a live lease: a busy worker cannot stamp. Two queries."""
    now = timezone.now()
    stamped = Canary.objects.filter(stamped_at__gt=now - CANARY_FRESH)
    working = Job.objects.filter(status=Job.Status.RUNNING, lease_expires_at__gt=now)
    return set(stamped.values_list("lane", flat=True)) | set(working.values_list("lane", flat=True))


class LaneWatch:
    """Ends the cluster of a lane that was seen unhealthy for a while without a break."""

    def __init__(self) -> None:
        self._unhealthy_since: dict[str, float] = {}

    def look(self) -> None:
        healthy = healthy_lanes()
        now = time.monotonic()
        for lane in Canary.objects.values_list("lane", flat=True):
            if lane in healthy:
                self._unhealthy_since.pop(lane, None)
            elif now - self._unhealthy_since.setdefault(lane, now) >= PATIENCE_SECONDS:
                end_cluster(lane)
                del self._unhealthy_since[lane]

    def forget(self) -> None:
        """What was seen before the database went away says nothing any more."""
        self._unhealthy_since.clear()


def end_cluster(lane: str) -> bool:
    """Kills the cluster that last stamped a lane, if it runs here and is ours; whether it did."""
    canary = Canary.objects.filter(lane=lane, host=socket.gethostname()).first()
    if canary is None or not is_cluster(canary.pid, lane, settings.DATA_DIR):
        return False
    logger.critical("the %s lane takes no messages since %s: ending it", lane, canary.stamped_at)
    try:
        os.kill(canary.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
