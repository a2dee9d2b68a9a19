"""The page of a recording for whoever has its address: opening it, changing what it shows, closing
it. All of it is the owner's alone; an operator may close it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from recordings.models import PublicLink, Recording
from recordings.services.filing import held
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import FeatureDisabled, InvalidInput, NotAllowed, NotFound

ONLY_OWNER = "Permission denied - only owner can share publicly"
SWITCHED_OFF = "Public sharing is switched off on this server"
NOT_PERMITTED = "You are not permitted to share publicly"


def public_link_of(*, recording: Recording, by: User) -> PublicLink:
    """Raises NotFound when there is none; NotAllowed and FeatureDisabled as `publish` does."""
    _require_right(recording, by)
    link = PublicLink.objects.filter(recording=recording).first()
    if link is None:
        raise NotFound("This recording has no public link")
    return link


def publish(
    *, recording: Recording, by: User, changes: Mapping[str, Any]
) -> tuple[PublicLink, bool]:
    """The link as it is then, and whether it is new. A recording has one at most; its address stays
    for as long as it does.

    `changes`: any of share_summary, share_notes, expires_at (None: never), password (None or "":
    none); what is not given stays as it was. Raises NotAllowed for anybody but the owner, and for
    an owner who may not share publicly; FeatureDisabled while public sharing is switched off;
    InvalidInput for a moment that has passed; NotFound when the recording is gone.
    """
    _require_right(recording, by)
    expires_at = changes.get("expires_at")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidInput("expires_at must be in the future")
    columns = dict(changes)
    if "password" in changes:
        # Here, because hashing takes long on purpose and the transaction below holds locks.
        columns["password"] = make_password(changes["password"]) if changes["password"] else ""
    with transaction.atomic():
        if not _hold(recording):
            raise NotFound("Recording not found")
        link, is_new = PublicLink.objects.get_or_create(recording=recording, defaults=columns)
        if is_new:
            _put_on_record("link.open", link, recording, by=by)
        elif _changed(link, columns):
            _put_on_record("link.change", link, recording, by=by)
    return link, is_new


def unpublish(*, recording: Recording, by: User) -> None:
    """The address is dead from then on; without a link, nothing happens. The owner may always do
    so, whatever the switch and their right. Raises NotAllowed for anybody else.
    """
    _require_owner(recording, by)
    _close(recording, by)


def close_as_operator(*, links: Iterable[PublicLink], by: User) -> None:
    """The console's closing of what others opened; what is gone already is passed over."""
    for link in links:
        _close(link.recording, by)


@transaction.atomic
def _close(recording: Recording, by: User) -> None:
    _hold(recording)
    link = PublicLink.objects.filter(recording=recording).first()
    if link is not None:
        _put_on_record("link.close", link, recording, by=by)
        link.delete()


def _require_right(recording: Recording, by: User) -> None:
    _require_owner(recording, by)
    if not settings.ENABLE_PUBLIC_SHARING:
        raise FeatureDisabled(SWITCHED_OFF)
    if not by.can_share_publicly:
        raise NotAllowed(NOT_PERMITTED)


def _require_owner(recording: Recording, by: User) -> None:
    if recording.owner_id != by.pk:
        raise NotAllowed(ONLY_OWNER)


def _hold(recording: Recording) -> bool:
    """Whoever else opens, changes or closes its link waits until the transaction ends. False when
    the recording is gone.
    """
    return bool(held(Recording.objects.filter(pk=recording.pk)).values_list("pk"))


def _changed(link: PublicLink, columns: Mapping[str, Any]) -> bool:
    """Writes those that differ; whether there were any."""
    different = [name for name, value in columns.items() if getattr(link, name) != value]
    for name in different:
        setattr(link, name, columns[name])
    if different:
        link.save(update_fields=different)
    return bool(different)


def _put_on_record(action: str, link: PublicLink, recording: Recording, *, by: User) -> None:
    """What is open to whom and until when: never the address, which is all that opens it."""
    parts = [
        "with summary" if link.share_summary else "without summary",
        "with notes" if link.share_notes else "without notes",
        "with password" if link.password else "without password",
        f"until {link.expires_at:%Y-%m-%d %H:%M} UTC" if link.expires_at else "without end",
    ]
    record_audit(by=by, action=action, target=recording, detail=", ".join(parts))
