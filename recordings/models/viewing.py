"""One person's side of recordings: what they keep on them, and whose the others' are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, FilteredRelation, Q, When

from accounts.models import User
from recordings.models.recording import Recording
from recordings.models.sharing import ViewerState, shared_with
from speakr_site.core.errors import NotFound

# What everybody keeps for themselves: owners on the recording, others in a ViewerState.
PERSONAL = frozenset({"notes", "is_inbox", "is_highlighted"})


@dataclass(frozen=True, slots=True)
class Viewing:
    """`shared_by`: the owner's user name; None where the viewer is the owner."""

    is_inbox: bool
    is_highlighted: bool
    notes: str | None = None
    shared_by: str | None = None
    can_edit: bool = True


def viewings(
    rows: Iterable[Mapping[str, Any]], *, viewer: User, with_notes: bool = False
) -> dict[int, Viewing]:
    """The viewer's side of each recording, by its id; others' that are gone meanwhile are left out.

    `rows`: id, owner_id and the personal columns of each, the notes only `with_notes`. No query,
    one for others' recordings.
    """
    columns = PERSONAL if with_notes else PERSONAL - {"notes"}
    seen, others = {}, []
    for row in rows:
        if row["owner_id"] == viewer.pk:
            seen[row["id"]] = Viewing(**{name: row[name] for name in columns})
        else:
            others.append(row["id"])
    return seen | _of_others(others, viewer, columns)


def viewing_of(recording: Recording, *, viewer: User) -> Viewing:
    """With the notes. Raises NotFound for a recording that is gone meanwhile."""
    seen = viewings([vars(recording)], viewer=viewer, with_notes=True)
    if recording.pk not in seen:
        raise NotFound("Recording not found")
    return seen[recording.pk]


def _of_others(ids: list[int], viewer: User, columns: Iterable[str]) -> dict[int, Viewing]:
    # Django makes no query of an empty `pk__in`.
    rows = Recording.objects.filter(pk__in=ids).order_by()
    rows = rows.annotate(
        state=FilteredRelation("viewer_states", condition=Q(viewer_states__user=viewer)),
        can_edit=Case(When(shared_with(viewer, to_edit=True), then=True), default=False),
    )
    kept = {name: f"state__{name}" for name in columns}
    untouched = ViewerState()
    return {
        row["pk"]: Viewing(
            **{
                name: getattr(untouched, name) if row["state"] is None else row[path]
                for name, path in kept.items()
            },
            shared_by=row["owner__username"],
            can_edit=row["can_edit"],
        )
        for row in rows.values("pk", "owner__username", "can_edit", "state", *kept.values())
    }
