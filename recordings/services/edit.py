"""Changes a person makes to a recording's own fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import User
from recordings.models import Recording
from recordings.services.filing import ONLY_OWNER_FOLDER, target_folder
from speakr_site.core import system
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import NotAllowed

# Only an owner changes these (http-contract.md, 0.1.25 and 18).
OWNERS_ALONE = {
    "folder_id": ONLY_OWNER_FOLDER,
    "deletion_exempt": "Permission denied - only owner can change deletion_exempt",
}


def edit_recording(*, recording: Recording, by: User, changes: Mapping[str, Any]) -> Recording:
    """Writes the given columns, all or none. `changes`: column -> value, already validated; a
    `folder_id` is looked up here.

    Raises NotAllowed for what only the owner may change, and what `filing.target_folder` raises.
    """
    require_owner(recording, by=by, changes=changes)
    with transaction.atomic():
        if "folder_id" in changes:
            target_folder(changes["folder_id"], by=by, policy=system.current())
        write(recording, changes)
    return recording


def edit_as_operator(*, recording: Recording, by: User, changes: Mapping[str, Any]) -> None:
    """The console's change of what others own; leaves an audit row."""
    with transaction.atomic():
        write(recording, changes)
        record_audit(by=by, action="recording.change", target=recording, detail=", ".join(changes))


def require_owner(recording: Recording, *, by: User, changes: Mapping[str, Any]) -> None:
    """Raises NotAllowed when `changes` has what only the owner may change and `by` is not it."""
    if recording.owner_id == by.pk:
        return
    for name, refusal in OWNERS_ALONE.items():
        if name in changes:
            raise NotAllowed(refusal)


def write(recording: Recording, changes: Mapping[str, Any]) -> None:
    """One query, none for no changes. `changes`: column -> value, nothing of which is checked."""
    if not changes:
        return
    Recording.objects.filter(pk=recording.pk).update(**changes)
    for name, value in changes.items():
        setattr(recording, name, value)
