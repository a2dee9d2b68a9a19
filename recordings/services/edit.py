"""Changes a person makes to a recording's own fields, or to what they keep on somebody else's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from recordings import events
from recordings.models import Recording, ViewerState
from recordings.models.viewing import PERSONAL
from recordings.services.filing import ONLY_OWNER_FOLDER, target_folder
from speakr_site.core import system
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotAllowed, NotFound

# Only an owner changes these (http-contract.md, 0.1.25 and 18).
OWNERS_ALONE = {
    "folder_id": ONLY_OWNER_FOLDER,
    "deletion_exempt": "Permission denied - only owner can change deletion_exempt",
}


def edit_recording(*, recording: Recording, by: User, changes: Mapping[str, Any]) -> Recording:
    """Writes the given columns, all or none. `changes`: column -> value, already validated; a
    `folder_id` is looked up here. Notes and flags of anybody but the owner are kept for them alone.

    Raises what `require_rights` and `filing.target_folder` raise, and NotFound for a recording that
    is gone meanwhile.
    """
    require_rights(recording, by=by, names=changes)
    try:
        with transaction.atomic():
            if "folder_id" in changes:
                target_folder(changes["folder_id"], by=by, policy=system.current())
            events.updated(recording, write_as(recording, by=by, changes=changes))
    except IntegrityError:
        # What somebody kept would belong to nothing.
        raise NotFound("Recording not found") from None
    return recording


def require_rights(recording: Recording, *, by: User, names: Collection[str]) -> None:
    """Raises NotAllowed when `by`, who may read the recording, may not change all that is named.
    One query, none for the owner and for what is personal.
    """
    require_owner(recording, by=by, names=names)
    if recording.owner_id == by.pk or PERSONAL.issuperset(names):
        return
    if not Recording.objects.editable_by(by).filter(pk=recording.pk).exists():
        raise NotAllowed


def edit_as_operator(*, recording: Recording, by: User, changes: Mapping[str, Any]) -> None:
    """The console's change of what others own; leaves an audit row."""
    with transaction.atomic():
        write(recording, changes)
        events.updated(recording, changes)
        record_audit(by=by, action="recording.change", target=recording, detail=", ".join(changes))


def require_owner(recording: Recording, *, by: User, names: Collection[str]) -> None:
    """Raises NotAllowed when only the owner may change what is named and `by` is not it."""
    if recording.owner_id == by.pk:
        return
    for name, refusal in OWNERS_ALONE.items():
        if name in names:
            raise NotAllowed(refusal)


def write_as(recording: Recording, *, by: User, changes: Mapping[str, Any]) -> list[str]:
    """Each change where it belongs: what is personal, of anybody but the owner, to a row of theirs.
    Gives the names of those that the owner is to hear of. At most two queries. `changes`: as for
    `write`.
    """
    if recording.owner_id == by.pk:
        write(recording, changes)
        return list(changes)
    kept = {name: value for name, value in changes.items() if name in PERSONAL}
    own = {name: value for name, value in changes.items() if name not in PERSONAL}
    write(recording, own)
    if kept:
        # One statement: of any number at once, one makes the row and the others change it.
        ViewerState.objects.bulk_create(
            [ViewerState(recording=recording, user=by, **kept)],
            update_conflicts=True,
            unique_fields=["user", "recording"],
            update_fields=list(kept),
        )
    return list(own)


def write(recording: Recording, changes: Mapping[str, Any]) -> None:
    """One query, none for no changes. `changes`: column -> value, nothing of which is checked."""
    if not changes:
        return
    if "summary" in changes:
        # No longer what a model made of so many characters, nor what was said of that.
        changes = {**changes, "summary_meta": None, "text_warnings": []}
    Recording.objects.filter(pk=recording.pk).update(**changes)
    for name, value in changes.items():
        setattr(recording, name, value)
