"""Who besides its owner may read or change a recording, and what each of them keeps on it.

Shares given by hand are rows. What a group gives is never stored: it follows from tag or folder,
membership, role, the two flags and the recording having been completed once, whenever it is asked
(http-contract.md, 0.1.26).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import User
from organizing.models import Folder, Tag
from organizing.querysets import ShelfQuerySet

if TYPE_CHECKING:
    from recordings.models.recording import Recording

# Before that a group gives nothing.
HAS_COMPLETED = Q(completed_at__isnull=False)
# 22 URL-safe characters.
LINK_BYTES = 16


def shared_with(user: User, *, to_edit: bool = False) -> Q:
    """Recordings of others that `user` may read, or change, by hand or through a group; none while
    sharing is switched off.

    Put as a question about each row: for few rows, such as one by its id. `listed_with` is for
    lists.
    """
    if not settings.ENABLE_INTERNAL_SHARING:
        return Q(pk__in=())
    ways = _Ways.to(user, to_edit=to_edit)
    this = OuterRef("pk")
    is_tagged = Exists(ways.tags.filter(recordings=this))
    through_group = Q(is_tagged) | Q(folder__in=ways.folders.values("pk"))
    return Q(Exists(ways.shares.filter(recording=this))) | HAS_COMPLETED & through_group


def listed_with(user: User) -> Q:
    """The same recordings as `shared_with`, to read: for lists.

    Put so that a database begins with what `user` was given, however many recordings others have;
    for one row it would gather all of that first.
    """
    if not settings.ENABLE_INTERNAL_SHARING:
        return Q(pk__in=())
    ways = _Ways.to(user)
    given = ways.shares.values("recording")
    tagged = ways.tags.filter(recordings__isnull=False).values("recordings")
    filed = ways.folders.filter(recordings__isnull=False).values("recordings")
    is_given = Exists(ways.shares.filter(recording=OuterRef("pk")))
    return Q(pk__in=given.union(tagged, filed, all=True)) & (HAS_COMPLETED | Q(is_given))


@dataclass(frozen=True, slots=True)
class _Ways:
    """What lets a person in: rows of their own, and what groups open to them."""

    shares: models.QuerySet[Share]
    tags: ShelfQuerySet
    folders: ShelfQuerySet

    @classmethod
    def to(cls, user: User, *, to_edit: bool = False) -> Self:
        shares = Share.objects.filter(user=user)
        return cls(
            shares.filter(can_edit=True) if to_edit else shares,
            Tag.objects.opening_to(user, to_edit=to_edit).order_by(),
            Folder.objects.opening_to(user, to_edit=to_edit).order_by(),
        )


class Source(models.TextChoices):
    """What gives access: a share, or a group by something that the recording is filed under."""

    MANUAL = "manual"
    TAG = "tag"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Access:
    """One way in which a person who is not the owner comes to a recording.

    `source_id` and `source_name`: of the tag or folder, which belongs to the group `group_name`;
    None and empty for a share. `created_at`: when the last of what it takes was there, as far as
    that is known: for a folder nobody notes when the recording was moved into it.
    """

    user_id: int
    username: str
    can_edit: bool
    source: Source
    created_at: datetime
    source_id: int | None = None
    source_name: str = ""
    group_name: str = ""

    @classmethod
    def by_hand(cls, share: Share) -> Self:
        """Reads `share.user`."""
        return cls(
            share.user_id, share.user.username, share.can_edit, Source.MANUAL, share.created_at
        )


def access_to(recording: Recording) -> list[Access]:
    """`shared_with` from the other side: who besides the owner may read or change `recording`, once
    for each way; by user name.

    Of those whom groups let in, the active ones; shares all, also while sharing is switched off and
    they give nothing. Three queries, fewer when there is nothing to ask for.
    """
    shares = recording.shares.select_related("user")
    shares = shares.only("recording", "can_edit", "created_at", "user__username")
    ways = [Access.by_hand(share) for share in shares]
    if settings.ENABLE_INTERNAL_SHARING and recording.completed_at is not None:
        ways += _through_groups(recording)
    order = list(Source)
    return sorted(
        (way for way in ways if way.user_id != recording.owner_id),
        key=lambda way: (way.username, order.index(way.source), way.source_id or 0),
    )


def _through_groups(recording: Recording) -> Iterator[Access]:
    tags = Tag.objects.filter(recording_links__recording=recording).openings()
    tags = tags.annotate(filed_at=F("recording_links__added_at"))
    folders = Folder.objects.filter(pk=recording.folder_id).openings()
    for source, rows in ((Source.TAG, tags), (Source.FOLDER, folders)):
        for row in rows:
            moments = (recording.completed_at, row["joined_at"], row.get("filed_at"))
            yield Access(
                user_id=row["user_id"],
                username=row["username"],
                can_edit=row["can_edit"],
                source=source,
                created_at=max(filter(None, moments)),
                source_id=row["id"],
                source_name=row["name"],
                group_name=row["group_name"],
            )


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
    def open_at(self, now: datetime) -> Self:
        """Those that answer: not expired, their owner active and allowed, the switch on."""
        if not settings.ENABLE_PUBLIC_SHARING:
            return self.none()
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            recording__owner__is_active=True,
            recording__owner__can_share_publicly=True,
        )

    def for_opening(self) -> Self:
        """With what tells whether a visitor may go on, and nothing else."""
        return self.only("token", "password")

    def for_page(self) -> Self:
        """With what its page shows, and nothing else."""
        return self.select_related("recording__owner", "recording__current_transcript").only(
            "token",
            "share_summary",
            "share_notes",
            "recording__title",
            "recording__participants",
            "recording__meeting_date",
            "recording__created_at",
            "recording__summary",
            "recording__notes",
            "recording__status",
            "recording__audio_key",
            "recording__audio_deleted_at",
            "recording__original_filename",
            "recording__owner__timezone",
            "recording__current_transcript__segments",
        )

    def for_audio(self) -> Self:
        """With what it takes to send the audio."""
        return self.select_related("recording").only(
            "token",
            "password",
            "recording__audio_key",
            "recording__audio_deleted_at",
            "recording__mime_type",
            "recording__keep_audio_only",
            "recording__original_filename",
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
