"""Many recordings in one call: a result for each, and one that fails leaves nothing half done and
does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.models import User
from organizing.models import Tag
from recordings import events
from recordings.models import Recording
from recordings.models.viewing import PERSONAL
from recordings.pipeline.options import Hints
from recordings.services.edit import require_owner, write_as
from recordings.services.filing import (
    attach,
    detach,
    held,
    is_known_to_owner,
    target_folder,
    usable_tags,
)
from recordings.services.processing import queue_transcription
from recordings.services.removal import delete_held, hold_for_deletion, require_deletion_right
from speakr_site.core import system
from speakr_site.core.errors import InvalidInput, NotAllowed, NotFound, SpeakrError

LONG_TEXTS = ("notes", "summary")


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one recording. `error`: None when it went well."""

    recording_id: int
    error: str | None = None
    job_id: int | None = None


@dataclass(frozen=True, slots=True)
class BatchChanges:
    """`columns`: column -> value, already validated; a `folder_id` is looked up."""

    columns: Mapping[str, Any] = field(default_factory=dict)
    add_tag_ids: tuple[int, ...] = ()
    remove_tag_ids: tuple[int, ...] = ()

    @property
    def are_personal(self) -> bool:
        """Whether who may read a recording may make them."""
        return PERSONAL.issuperset(self.columns) and not self.add_tag_ids + self.remove_tag_ids


def update_recordings(*, by: User, ids: Iterable[int], changes: BatchChanges) -> list[ItemResult]:
    """The same changes to each; tags are added before others are removed. One result for each
    distinct id, at its first position.

    What is personal changes for `by` alone, and needs no more than the right to read. Tags that
    `by` may not use are passed over. Raises what `filing.target_folder` raises, and then nothing
    has changed.
    """
    wanted = list(dict.fromkeys(ids))
    with transaction.atomic():
        tags = usable_tags(changes.add_tag_ids, by=by)
        if "folder_id" in changes.columns:
            target_folder(changes.columns["folder_id"], by=by, policy=system.current())
        every = Recording.objects
        allowed = every.visible_to(by) if changes.are_personal else every.editable_by(by)
        rows = held(allowed.filter(pk__in=wanted).defer(*LONG_TEXTS))
        changed: list[tuple[Recording, list[str]]] = []

        def update(row: Recording) -> None:
            changed.append((row, _update(row, by=by, changes=changes, tags=tags)))

        results = _each(wanted, rows, update)
        events.updated_all(changed)
    return results


def delete_recordings(*, by: User, ids: Iterable[int]) -> list[ItemResult]:
    """Deletes those that are `by`'s own. Results as `update_recordings`.

    Raises NotAllowed where the server keeps deletion to operators.
    """
    require_deletion_right(by)
    wanted = list(dict.fromkeys(ids))
    with transaction.atomic():
        own = Recording.objects.filter(owner=by, pk__in=wanted).values_list("pk", flat=True)
        rows = Recording.objects.defer(*LONG_TEXTS).in_bulk(hold_for_deletion(own))
        results = _each(wanted, rows.values(), lambda row: None)
        delete_held([rows[pk] for pk in wanted if pk in rows], by=by)
    return results


def transcribe_recordings(*, by: User, ids: Iterable[int]) -> list[ItemResult]:
    """Queues a transcription of each, with the defaults of each. Results as `update_recordings`.

    A transaction for each: workers take a job before its recording, and a batch that held on to
    recordings while it makes jobs could wait for a worker that waits for it.
    """
    wanted = list(dict.fromkeys(ids))
    editable = Recording.objects.editable_by(by).filter(pk__in=wanted)
    rows = editable.select_related("owner").defer(*LONG_TEXTS)
    return _each(wanted, rows, lambda row: _transcribe(row, by=by))


def _each(
    ids: list[int], rows: Iterable[Recording], act: Callable[[Recording], int | None]
) -> list[ItemResult]:
    """Calls `act`, which undoes itself when it raises, on those of `rows`. It gives a job's id, if
    it made one.
    """
    found = {row.pk: row for row in rows}
    missing = [pk for pk in ids if pk not in found]
    known = set(Recording.objects.filter(pk__in=missing).values_list("pk", flat=True))
    results = []
    for pk in ids:
        try:
            if pk not in found:
                raise NotAllowed if pk in known else NotFound
            results.append(ItemResult(pk, job_id=act(found[pk])))
        except SpeakrError as error:
            results.append(ItemResult(pk, error=str(error)))
    return results


@transaction.atomic
def _update(recording: Recording, *, by: User, changes: BatchChanges, tags: list[Tag]) -> list[str]:
    """What of it its owner is to hear of."""
    require_owner(recording, by=by, names=changes.columns)
    told = write_as(recording, by=by, changes=changes.columns)
    if recording.owner_id != by.pk:
        tags = [tag for tag in tags if not tag.is_of_group]
    filed = bool(tags) and is_known_to_owner(recording, attach(recording, tags, by=by))
    if changes.remove_tag_ids:
        filed |= detach(recording, changes.remove_tag_ids, by=by)[1] > 0
    return [*told, "tags"] if filed else told


def _transcribe(recording: Recording, *, by: User) -> int:
    if recording.audio_deleted_at and not recording.has_audio:
        raise InvalidInput("Audio deleted")
    return queue_transcription(recording=recording, by=by, hints=Hints()).pk
