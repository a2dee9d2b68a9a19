"""Taking recordings away: the row first, its bytes once that is committed (receivers.py), strays by
the sweep.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from recordings import events, storage
from recordings.models import Job, Recording
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotAllowed, NotFound

logger = logging.getLogger(__name__)

# Longer than any request or job can hold bytes that no row knows yet.
STRAY_AGE = timedelta(hours=25)


def delete_recording(*, recording: Recording, by: User) -> None:
    """The owner's deletion. Ends running work with it: the job's row goes too, and its worker
    notices.

    Raises NotAllowed for anybody else, and where the server keeps deletion to operators; NotFound
    when it is gone already.
    """
    if recording.owner_id != by.pk:
        raise NotAllowed("Permission denied - only owner can delete")
    require_deletion_right(by)
    with transaction.atomic():
        if not hold_for_deletion([recording.pk]):
            raise NotFound("Recording not found")
        delete_held([recording], by=by)


def require_deletion_right(by: User) -> None:
    """Raises NotAllowed where the server keeps deletion to operators and `by` is none."""
    if not settings.USERS_CAN_DELETE and not by.is_admin:
        raise NotAllowed("Deletion not allowed")


def hold_for_deletion(ids: Iterable[int]) -> list[int]:
    """Locks recordings and the work on them until the transaction ends; gives the ids that are
    there. Three queries.

    What is attached between the collection of a row's dependents and its deletion would otherwise
    make PostgreSQL refuse the deletion at its end. Jobs come first, as in a worker's writes.
    """
    ids = list(ids)
    while True:
        here = transaction.savepoint()
        jobs = _locked(Job.objects.filter(recording__in=ids))
        there = _locked(Recording.objects.filter(pk__in=ids))
        queued_meanwhile = Job.objects.filter(recording__in=there).exclude(pk__in=jobs)
        if not queued_meanwhile.exists():
            transaction.savepoint_commit(here)
            return there
        # Lets go of the recordings: who has that job may wait for them.
        transaction.savepoint_rollback(here)


def delete_held(recordings: Sequence[Recording], *, by: User | None, reason: str = "") -> None:
    """Deletes those that `hold_for_deletion` gave, in the same transaction, and leaves an audit row
    for each.

    `by`: None is retention, whose `reason` stands there instead of the title.
    """
    events.deleted(recordings)
    for recording in recordings:
        detail = reason or str(recording)
        record_audit(by=by, action="recording.delete", target=recording, detail=detail)
        recording.delete()


def delete_audio_held(recording: Recording) -> None:
    """Takes the stored bytes of one that `hold_for_deletion` gave, in the same transaction, and
    keeps its texts.
    """
    key = recording.audio_key
    Recording.objects.filter(pk=recording.pk).update(audio_key="", audio_deleted_at=timezone.now())
    events.updated(recording, ["audio_available"])
    transaction.on_commit(lambda: storage.release(key))


def delete_as_operator(*, recordings: Iterable[Recording], by: User) -> None:
    """The console's deletion of what others own; what is gone already is passed over."""
    for recording in recordings:
        with transaction.atomic():
            if hold_for_deletion([recording.pk]):
                delete_held([recording], by=by)


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


def _locked(rows: QuerySet) -> list[int]:
    return list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
