"""Who besides its owner may read or change a recording, and what each of them keeps on it.

Shares given by hand are rows. What a group gives is never stored: it follows from tag or folder,
membership, role, the two flags and the recording having been completed once, whenever it is asked
(http-contract.md, 0.1.26).
"""

from __future__ import annotations

import secrets
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from organizing.models import Folder, Tag
from recordings.models.filing import RecordingTag

# 22 URL-safe characters.
LINK_BYTES = 16


def shared_with(user: User, *, to_edit: bool = False) -> Q:
    """Recordings of others that `user` may read, or change, by hand or through a group; none while
    sharing is switched off.
    """
    if not settings.ENABLE_INTERNAL_SHARING:
        return Q(pk__in=())
    shares = Share.objects.filter(user=user)
    if to_edit:
        shares = shares.filter(can_edit=True)
    tags = Tag.objects.opening_to(user, to_edit=to_edit)
    folders = Folder.objects.opening_to(user, to_edit=to_edit)
    through_tag = Q(pk__in=RecordingTag.objects.filter(tag__in=tags).values("recording"))
    through_group = Q(completed_at__isnull=False) & (through_tag | Q(folder__in=folders))
    return Q(pk__in=shares.values("recording")) | through_group


class Share(models.Model):
    """Given by hand by the recording's owner."""

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="shares"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    can_edit = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "recording"], name="share_once_per_person")
        ]

    def __str__(self) -> str:
        return f"recording {self.recording_id} shared with {self.user_id}"


class ViewerState(models.Model):
    """What somebody who does not own the recording keeps on it; without a row, these defaults. It
    outlives their access, which may come back.
    """

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="viewer_states"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    notes = models.TextField(null=True, blank=True)
    is_inbox = models.BooleanField(default=True)
    is_highlighted = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "recording"], name="state_once_per_viewer")
        ]

    def __str__(self) -> str:
        return f"what {self.user_id} keeps on recording {self.recording_id}"


class PublicLinkQuerySet(models.QuerySet):
    def open_at(self, now: object) -> Self:
        """Those that answer: not expired, their owner active and allowed, the switch on."""
        if not settings.ENABLE_PUBLIC_SHARING:
            return self.none()
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            recording__owner__is_active=True,
            recording__owner__can_share_publicly=True,
        )


def new_link_token() -> str:
    """22 URL-safe characters of 128 random bits."""
    return secrets.token_urlsafe(LINK_BYTES)


class PublicLink(models.Model):
    """A page for whoever has its address. `password`: hashed as Django hashes; empty: none."""

    recording = models.OneToOneField(
        "recordings.Recording", on_delete=models.CASCADE, related_name="public_link"
    )
    token = models.CharField(max_length=64, unique=True, default=new_link_token, editable=False)
    share_summary = models.BooleanField(default=True)
    share_notes = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    password = models.CharField(max_length=128, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PublicLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"public link of recording {self.recording_id}"
