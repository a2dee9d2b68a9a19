"""Changes a person makes to a recording's own fields."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from recordings.models import Recording


def edit_recording(*, recording: Recording, by: User, changes: dict[str, Any]) -> Recording:
    """Writes the given columns, all or none. `changes`: column -> value, already validated."""
    if changes:
        Recording.objects.filter(pk=recording.pk).update(**changes)
        for name, value in changes.items():
            setattr(recording, name, value)
    return recording
