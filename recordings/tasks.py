"""What a bell runs. No logic: the ledger says what there is to do, the pipeline does it."""

from __future__ import annotations

import time

from recordings.models import Job
from recordings.pipeline.run import run
from recordings.services import recovery, removal, retention
from speakr_site.core.queue import ring, stopping

RETENTION_SECONDS = 30


def work(lane: str) -> None:
    """Takes one job of the lane, if there is one, and rings again for the next."""
    if stopping():
        return
    job = Job.objects.claim_next(lane)
    if job is None:
        return
    run(job)
    if Job.objects.waiting(lane).exists():
        ring(lane)


def sweep() -> None:
    recovery.sweep_expired_leases()


def sweep_orphans() -> None:
    removal.sweep_orphans()


def retain() -> None:
    """Ends before django-q2 would end it."""
    deadline = time.monotonic() + RETENTION_SECONDS
    retention.run_nightly(lambda: stopping() or time.monotonic() > deadline)
