"""Taking recordings away: the row first, its bytes once that is committed (receivers.py), strays by
the sweep.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from recordings import storage
from recordings.models import Job, Recording
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotAllowed

logger = logging.getLogger(__name__)

# Longer than any request or job can hold bytes that no row knows yet.
STRAY_AGE = timedelta(hours=25)


def delete_recording(*, recording: Recording, by: User) -> None:
    """The owner's deletion. Ends running work with it: the job's row goes too, and its worker
    notices.

    Raises NotAllowed for anybody else, and where the server keeps deletion to operators.
    """
    if recording.owner_id != by.pk:
        raise NotAllowed("Permission denied - only owner can delete")
    if not settings.USERS_CAN_DELETE and not by.is_admin:
        raise NotAllowed("Deletion not allowed")
    recording.delete()


def delete_as_operator(*, recordings: Iterable[Recording], by: User) -> None:
    """The console's deletion of what others own; leaves an audit row for each."""
    for recording in recordings:
        with transaction.atomic():
            record_audit(by=by, action="recording.delete", target=recording, detail=str(recording))
            recording.delete()


def sweep_orphans() -> int:
    """Removes stored bytes without a row, abandoned uploads and scratch folders of ended jobs; how
    many there were.

    One query per stored object that is old enough.
    """
    now = timezone.now()
    removed = 0
    for key in storage.stored_keys():
        try:
            old = now - storage.stored_at(key) > STRAY_AGE
        except FileNotFoundError:  # deleted since it was listed
            continue
        if old and not Recording.objects.filter(audio_key=key).exists():
            storage.release(key)
            removed += 1
    oldest = (now - STRAY_AGE).timestamp()
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
        removed += _removed_if_older(path, oldest)
    folders = list(Path(settings.SCRATCH_DIR).iterdir())
    running = {storage.scratch_folder(claim) for claim in Job.objects.running_claims()}
    for folder in folders:
        if folder not in running:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    if removed:
        logger.info("swept %d orphans", removed)
    return removed


def _removed_if_older(path: Path, oldest: float) -> bool:
    try:
        if path.stat().st_mtime > oldest:
            return False
    except FileNotFoundError:
        return False
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return True
