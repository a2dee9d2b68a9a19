"""What the sweep does: jobs whose worker is gone go back to the queue, lanes with waiting work are
rung.
"""

from __future__ import annotations

import logging
import shutil

from django.db import transaction
from django.utils import timezone

from recordings import storage
from recordings.models import Job, Recording
from recordings.services.processing import hold_work, rest_abandoned, rest_cancelled
from speakr_site.core.queue import ring_missing

logger = logging.getLogger(__name__)


def sweep_expired_leases() -> int:
    """Requeues jobs whose lease ran out and rings the lanes; how many jobs were requeued.

    A lost lease is nobody's failure, so it does not count as an attempt.
    """
    swept = sum(_requeue(job) for job in Job.objects.expired(timezone.now()))
    if abandoned := rest_abandoned():
        logger.warning("%d recordings waited for work that is gone", abandoned)
    for lane in Job.Lane.values:
        ring_missing(lane, waiting=Job.objects.waiting(lane).available(timezone.now()).count())
    return swept


def _requeue(job: Job) -> bool:
    with transaction.atomic():
        hold_work(job.recording_id)
        still_expired = Job.objects.expired(timezone.now()).filter(claim_token=job.claim_token)
        if job.cancel_requested:
            if still_expired.update(status=Job.Status.CANCELLED, finished_at=timezone.now()):
                rest_cancelled(job)
                _discard_scratch(job)
            return False
        if not still_expired.update(
            status=Job.Status.QUEUED,
            stage=Job.Stage.WAITING,
            claim_token=None,
            lease_expires_at=None,
        ):
            return False
        if job.lane == Job.Lane.GPU:
            Recording.objects.filter(pk=job.recording_id).update(status=Recording.Status.PENDING)
    _discard_scratch(job)
    logger.warning("%s lost its worker and waits again", job)
    return True


def _discard_scratch(job: Job) -> None:
    """Decoded audio is large, and a killed worker does not take its own away."""
    shutil.rmtree(storage.scratch_folder(job.claim_token), ignore_errors=True)
