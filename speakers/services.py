"""Every write about known people.

What reads names and writes what follows from them calls `hold_names` first, so a recording never
keeps a name that was changed meanwhile, nor a link to somebody who is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from speakers.models import Speaker
from speakers.signals import speaker_deleted, speaker_renamed
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import InvalidInput, NotFound

NAME_TAKEN = "Speaker with this name already exists"


def hold_names(*, owner_id: int) -> None:
    """Until the transaction ends, nobody else renames, deletes or assigns this person's speakers.

    One query. Take it before any lock on recordings, which a rename takes after it.
    """
    # SQLite has one writer at a time anyway. Without the key, so that uploads need not wait.
    list(User.objects.select_for_update(no_key=True).filter(pk=owner_id).values_list("pk"))


def create_speaker(*, owner: User, name: str) -> Speaker:
    """Raises InvalidInput for a name that the owner has given already."""
    try:
        with transaction.atomic():
            return Speaker.objects.create(owner=owner, name=name)
    except IntegrityError:
        raise InvalidInput(NAME_TAKEN) from None


def rename_speaker(*, speaker: Speaker, name: str, by: User) -> Speaker:
    """The new name holds everywhere at once; participants of recordings follow (`speaker_renamed`).

    An operator who renames somebody else's leaves an audit row. Raises InvalidInput for the name of
    another of the owner's speakers, NotFound for one that is gone.
    """
    with transaction.atomic():
        current = _held(speaker)
        old_name, current.name = current.name, name
        if name == old_name:
            return current
        try:
            with transaction.atomic():
                current.save(update_fields=["name"])
        except IntegrityError:
            raise InvalidInput(NAME_TAKEN) from None
        speaker_renamed.send(Speaker, speaker=current, old_name=old_name)
        _put_on_record("speaker.rename", current, by)
    return current


def delete_speaker(*, speaker: Speaker, by: User) -> None:
    """Recordings keep the name, as a mere name (`speaker_deleted`).

    An operator who deletes somebody else's leaves an audit row. Raises NotFound for one that is
    gone.
    """
    with transaction.atomic():
        current = _held(speaker)
        speaker_deleted.send(Speaker, speaker=current)
        _put_on_record("speaker.delete", current, by)
        current.delete()


def ensure_speakers(*, owner_id: int, names: Collection[str]) -> dict[str, Speaker]:
    """name -> the owner's speaker of that name, made where there was none. At most three queries.

    Call it after `hold_names`.
    """
    rows = Speaker.objects.filter(owner_id=owner_id, name__in=names)
    found = {speaker.name: speaker for speaker in rows}
    missing = set(names) - found.keys()
    if missing:
        # Ignored: somebody made the same one a moment ago, through `create_speaker`.
        Speaker.objects.bulk_create(
            [Speaker(owner_id=owner_id, name=name) for name in sorted(missing)],
            ignore_conflicts=True,
        )
        found = {speaker.name: speaker for speaker in rows.all()}
    return found


def count_uses(speaker_ids: Iterable[int]) -> None:
    """One more recording for each of them, now."""
    Speaker.objects.filter(pk__in=speaker_ids).update(
        use_count=F("use_count") + 1, last_used_at=timezone.now()
    )


def _held(speaker: Speaker) -> Speaker:
    """As it is now, with the owner's names held."""
    hold_names(owner_id=speaker.owner_id)
    current = Speaker.objects.filter(pk=speaker.pk).first()
    if current is None:
        raise NotFound("Speaker not found")
    return current


def _put_on_record(action: str, speaker: Speaker, by: User) -> None:
    if by.pk != speaker.owner_id:
        record_audit(by=by, action=action, target=speaker, detail=f"{speaker} of {speaker.owner}")
