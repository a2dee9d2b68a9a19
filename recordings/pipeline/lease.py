"""A worker's hold on its job while it works: a thread renews the lease, writes progress and looks
for a reason to stop.
"""

from __future__ import annotations

import logging
import threading
import time
from enum import Enum
from types import TracebackType

from django.db import Error as DatabaseError
from django.db import connection

from recordings.models import Job
from speakr_site.core import queue
from speakr_site.core.ledger import BEAT_SECONDS, LEASE_SECONDS

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
# For what a stopping cluster is in the middle of; the whole cluster has 30 s to end.
GRACE_SECONDS = 20.0


class StopReason(Enum):
    CANCELLED = "cancelled"
    LOST = "lost"
    STOPPING = "stopping"


class Lease:
    """Use as a context manager around the work. `is_ending` and `should_stop` cost nothing: they
    read what the thread found.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.reason: StopReason | None = None
        self._state = (job.stage, 0.0)
        self._written = self._state
        self._renewed = time.monotonic()
        self._grace_ends = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name=f"lease of {job}")

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def is_ending(self) -> bool:
        """Whether to begin nothing more."""
        return self.reason is not None

    def should_stop(self) -> bool:
        """Whether to break off what is under way: a stopping cluster lets it finish if it can."""
        if self.reason is StopReason.STOPPING:
            return time.monotonic() >= self._grace_ends
        return self.is_ending()

    def progress(self, stage: str, fraction: float) -> None:
        """`fraction`: 0..1 of the whole job. Written within a second."""
        self._state = (stage, min(max(fraction, 0.0), 1.0))

    def _watch(self) -> None:
        try:
            while not self._ended.wait(TICK_SECONDS):
                try:
                    self._look()
                except DatabaseError as error:
                    logger.warning("%s: the database does not answer: %s", self.job, error)
                    connection.close()
                    if time.monotonic() - self._renewed > LEASE_SECONDS:
                        self.reason = self.reason or StopReason.LOST
        finally:
            connection.close()

    def _look(self) -> None:
        if queue.stopping() and self.reason is None:
            self._grace_ends = time.monotonic() + GRACE_SECONDS
            self.reason = StopReason.STOPPING
        held = Job.objects.held(self.job.claim_token)
        state = self._state
        if state != self._written:
            held.update(stage=state[0], progress=round(state[1], 4))
            self._written = state
        if time.monotonic() - self._renewed >= BEAT_SECONDS:
            if not held.renew(self.job.claim_token):
                self.reason = StopReason.LOST
                return
            self._renewed = time.monotonic()
        cancelled = held.values_list("cancel_requested", flat=True).first()
        if cancelled is None:
            self.reason = StopReason.LOST
        elif cancelled and self.reason is not StopReason.LOST:
            self.reason = StopReason.CANCELLED
