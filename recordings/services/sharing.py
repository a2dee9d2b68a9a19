"""Giving a recording to a person by hand, and taking it back: by its owner, by who got it, or by an
operator. What groups give is no row and cannot be taken here (models/sharing.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from recordings.models import Recording, Share
from recordings.models.sharing import Source, access_to
from recordings.services.filing import held
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import (
    Conflict,
    FeatureDisabled,
    InvalidInput,
    NotAllowed,
    NotFound,
    SpeakrError,
)

ONLY_OWNER = "Permission denied - only owner can share"
SHARING_DISABLED = "Internal sharing is not enabled"


def require_owner(recording: Recording, by: User) -> None:
    """Raises NotAllowed for anybody else: there is no sharing of what was shared."""
    if recording.owner_id != by.pk:
        raise NotAllowed(ONLY_OWNER)


def require_sharing_enabled() -> None:
    """Raises FeatureDisabled while the operator has sharing switched off."""
    if not settings.ENABLE_INTERNAL_SHARING:
        raise FeatureDisabled(SHARING_DISABLED)


def share_recording(
    *, recording: Recording, user: User, can_edit: bool, by: User
) -> tuple[Share, bool]:
    """The share that `user` has then, and whether it is new; the same again changes nothing.

    Raises as the two above, InvalidInput for oneself, and NotFound when the recording or the person
    is gone.
    """
    require_owner(recording, by)
    require_sharing_enabled()
    if user.pk == by.pk:
        raise InvalidInput("A recording cannot be shared with its owner")
    try:
        with transaction.atomic():
            # Of two at once for the same person the second meets what the first wrote.
            if not held(Recording.objects.filter(pk=recording.pk, owner=by)).values_list("pk"):
                raise NotFound("Recording not found")
            return _stored(Share(recording=recording, user=user, can_edit=can_edit), by)
    except IntegrityError:
        # A row for somebody whom an operator deletes just now: PostgreSQL says so at the end.
        raise NotFound("User not found") from None


def end_share(*, recording: Recording, user_id: int, by: User) -> None:
    """The owner takes back what was given by hand to a person, or that person leaves.

    Raises NotAllowed for anybody else, Conflict for what only a group gives, and NotFound when
    there is nothing to end.
    """
    if by.pk not in (recording.owner_id, user_id):
        raise NotAllowed(ONLY_OWNER)
    with transaction.atomic():
        ended = _end(Share.objects.filter(recording=recording, user=user_id), by)
    if not ended:
        raise _refusal(recording, user_id, by)


def end_as_operator(*, shares: Iterable[Share], by: User) -> None:
    """The console's end of what others gave; what is gone already is passed over."""
    for share in shares:
        with transaction.atomic():
            _end(Share.objects.filter(pk=share.pk), by)


def _stored(share: Share, by: User) -> tuple[Share, bool]:
    """Call with the recording held."""
    before = Share.objects.filter(recording=share.recording, user=share.user).first()
    if before is None:
        share.save()
        _put_on_record("share.give", share, by)
        return share, True
    share.pk, share.created_at = before.pk, before.created_at
    if before.can_edit != share.can_edit:
        # Not `save`, which would put back a row that went with its person meanwhile.
        if not Share.objects.filter(pk=share.pk).update(can_edit=share.can_edit):
            raise NotFound("User not found")
        _put_on_record("share.change", share, by)
    return share, False


def _end(shares: QuerySet[Share], by: User) -> bool:
    """Whether there was one to end."""
    share = shares.select_related("user").select_for_update(of=("self",)).first()
    if share is None:
        return False
    _put_on_record("share.end", share, by)
    share.delete()
    return True


def _refusal(recording: Recording, user_id: int, by: User) -> SpeakrError:
    """Why there was nothing to end; a share that was given since does not count."""
    ways = [way for way in access_to(recording) if way.user_id == user_id]
    ways = [way for way in ways if way.source != Source.MANUAL]
    if not ways:
        return NotFound("Share not found")
    if by.pk == user_id:
        groups = ", ".join(sorted({way.group_name for way in ways}))
        return Conflict(f"Access comes from membership ({groups}) and ends with it")
    filed = ", ".join(f"{way.source} {way.source_name}" for way in ways)
    return Conflict(f"Access comes from where the recording is filed ({filed}) and ends with that")


def _put_on_record(action: str, share: Share, by: User) -> None:
    what = "edit" if share.can_edit else "view"
    record_audit(by=by, action=action, target=share.recording, detail=f"{share.user}, to {what}")
