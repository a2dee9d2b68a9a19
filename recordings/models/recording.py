"""The user's item: audio plus everything about it, and who may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from organizing.models import Folder
from recordings.models.filing import RecordingTag
from recordings.models.search import containing
from recordings.models.sharing import ViewerState, listed_with, shared_with

# By the first we call a recording, by the other companion programs do (http-contract.md, 8.1).
TITLE_PREFIXES = ("Recording - ", "Auto-processed - ")
FEW = 500

LIST_COLUMNS = (
    "id",
    "owner_id",
    "folder_id",
    "title",
    "status",
    "created_at",
    "completed_at",
    "meeting_date",
    "size_bytes",
    "original_filename",
    "participants",
    "is_inbox",
    "is_highlighted",
    "audio_key",
    "duration_seconds",
    "current_transcript_id",
    "has_summary",
    "processing_seconds",
    "transcription_seconds",
    "summarization_seconds",
    "deletion_exempt",
    "error_message",
    "keep_audio_only",
)


class RecordingScope(models.TextChoices):
    """Whose recordings: one's own, those that others share, or both."""

    OWN = "own"
    SHARED = "shared"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """What a list is asked for. `sort_by` is a column of the wire; dates are inclusive bounds on
    `created_at`; `is_unfiled`: in no folder.
    """

    scope: RecordingScope = RecordingScope.OWN
    statuses: tuple[str, ...] = ()
    sort_by: str = "created_at"
    descending: bool = True
    created_from: datetime | None = None
    created_to: datetime | None = None
    text: str = ""
    inbox: bool | None = None
    starred: bool | None = None
    tag_id: int | None = None
    folder_id: int | None = None
    is_unfiled: bool = False


SORT_COLUMNS = {
    "created_at": "created_at",
    "meeting_date": "meeting_date",
    "title": "title",
    "file_size": "size_bytes",
    "status": "status",
}


def placeholder_title(filename: str, prefix: str = TITLE_PREFIXES[0]) -> str:
    return f"{prefix}{filename}"[:200]


class RecordingQuerySet(models.QuerySet):
    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def visible_to(self, user: User) -> Self:
        """Those that `user` may read: their own, and others' that are shared with them. Being an
        operator opens nobody's recordings.
        """
        return self.filter(Q(owner=user) | shared_with(user))

    def editable_by(self, user: User) -> Self:
        return self.filter(Q(owner=user) | shared_with(user, to_edit=True))

    def in_scope(self, user: User, scope: RecordingScope) -> Self:
        """Those of them that `user` may read, as `visible_to`."""
        if scope == RecordingScope.ALL:
            return self.filter(Q(owner=user) | listed_with(user))
        if scope == RecordingScope.SHARED:
            # Their own group's tags open their own recordings too.
            return self.filter(listed_with(user)).exclude(owner=user)
        return self.filter(owner=user)

    def with_has_summary(self) -> Self:
        return self.annotate(
            has_summary=models.ExpressionWrapper(
                Q(summary__isnull=False) & ~Q(summary=""), output_field=models.BooleanField()
            )
        )

    def for_list(self) -> models.QuerySet:
        """Plain dicts with what a list shows; never a transcript or a summary. One query."""
        return self.with_has_summary().values(*LIST_COLUMNS)

    def for_detail(self) -> Self:
        """With the current transcript's segments, without its words."""
        return self.select_related("current_transcript").defer("current_transcript__words")

    def for_texts(self) -> Self:
        """`for_detail` with the owner: what a language model is told stands in these."""
        return self.for_detail().select_related("owner")

    def for_transcript(self) -> Self:
        """With the current transcript's segments, and nothing else."""
        return self.select_related("current_transcript").only("current_transcript__segments")

    def copies_of(self, recording: Recording) -> list[Recording]:
        """The owner's recordings of the same bytes, oldest first, this one included. One query."""
        copies = self.filter(owner_id=recording.owner_id, sha256=recording.sha256)
        copies = copies.only("id", "title", "created_at")
        # Asked to sort, SQLite would walk through all of the owner's recordings in that order.
        return sorted(copies.order_by(), key=lambda copy: (copy.created_at, copy.pk))

    def matching(self, wanted: RecordingFilter, *, viewer: User) -> Self:
        """Out of `in_scope(viewer, wanted.scope)`. A tag or folder that `viewer` may not know of
        has nothing on or in it; flags of others' recordings are the viewer's own.
        """
        found = self
        if wanted.statuses:
            found = found.filter(status__in=wanted.statuses)
        if wanted.created_from:
            found = found.filter(created_at__gte=wanted.created_from)
        if wanted.created_to:
            found = found.filter(created_at__lte=wanted.created_to)
        if wanted.text:
            found = found.filter(containing(wanted.text))
        if wanted.tag_id is not None:
            links = RecordingTag.objects.filter(tag=wanted.tag_id).shown_to(viewer)
            found = found.filter(pk__in=links.values("recording"))
        return found.filter(_personally(wanted, viewer))

    def by_ids_if_few(self) -> Self:
        """The same rows, by their ids where these are few. One query.

        To show the latest of some hits a database would walk through all rows, latest first, until
        it met them.
        """
        ids = list(self.order_by().values_list("pk", flat=True)[: FEW + 1])
        return self if len(ids) > FEW else self.model._default_manager.filter(pk__in=ids)

    def sorted_by(self, wanted: RecordingFilter) -> Self:
        """Nulls last in both directions, on both databases; the id breaks ties, so pages are
        stable.
        """
        column = F(SORT_COLUMNS[wanted.sort_by])
        if wanted.descending:
            return self.order_by(column.desc(nulls_last=True), "-id")
        return self.order_by(column.asc(nulls_last=True), "id")


def _personally(wanted: RecordingFilter, viewer: User) -> Q:
    """What depends on who asks: the flags, and the folder."""
    own, others = Q(), Q()
    for name, value in (("is_inbox", wanted.inbox), ("is_highlighted", wanted.starred)):
        if value is not None:
            own &= Q(**{name: value})
            others &= _flag_is(name, value=value, viewer=viewer)
    known = Folder.objects.visible_to(viewer)
    if wanted.folder_id is not None:
        own &= Q(folder=wanted.folder_id)
        others &= Q(folder__in=known.filter(pk=wanted.folder_id))
    if wanted.is_unfiled:
        own &= Q(folder=None)
        others &= Q(folder=None) | ~Q(folder__in=known)
    if wanted.scope == RecordingScope.OWN or not own:
        return own
    return Q(owner=viewer) & own | ~Q(owner=viewer) & others


def _flag_is(name: str, *, value: bool, viewer: User) -> Q:
    """What `viewer` keeps on others' recordings; no row means the default."""
    default = ViewerState._meta.get_field(name).default
    changed = ViewerState.objects.filter(user=viewer, **{name: not default})
    is_changed = Q(pk__in=changed.values("recording"))
    return ~is_changed if value == default else is_changed


class Recording(models.Model):
    class Status(models.TextChoices):
        PENDING = "PENDING"
        PROCESSING = "PROCESSING"
        SUMMARIZING = "SUMMARIZING"
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"

    ACTIVE = (Status.PENDING, Status.PROCESSING, Status.SUMMARIZING)

    # Deleting a person must not take recordings along unseen; they are deleted first, or never.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recordings"
    )
    title = models.CharField(max_length=200, null=True, blank=True)
    participants = models.CharField(
        max_length=500, null=True, blank=True, help_text="Names, separated by a comma and a space."
    )
    notes = models.TextField(null=True, blank=True)
    summary = models.TextField(null=True, blank=True)
    summary_meta = models.JSONField(
        null=True,
        blank=True,
        editable=False,
        help_text="What made the summary, and of how much; null when a person wrote it.",
    )
    meeting_date = models.DateTimeField(null=True, blank=True)
    is_inbox = models.BooleanField(default=True)
    is_highlighted = models.BooleanField(default=False)
    deletion_exempt = models.BooleanField(default=False)
    folder = models.ForeignKey(
        "organizing.Folder",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="recordings",
    )
    tags = models.ManyToManyField(
        "organizing.Tag", through="recordings.RecordingTag", related_name="recordings"
    )
    prompt_variables = models.JSONField(default=dict, blank=True)

    audio_key = models.CharField(
        max_length=200, blank=True, db_index=True, help_text="Key in storage; empty when deleted."
    )
    audio_deleted_at = models.DateTimeField(null=True, blank=True)
    original_filename = models.CharField(max_length=500, null=True, blank=True)
    mime_type = models.CharField(max_length=100, null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, help_text="Of the bytes as they were uploaded.")
    duration_seconds = models.FloatField(null=True, blank=True)
    keep_audio_only = models.BooleanField(default=False)

    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=500, null=True, blank=True)
    warnings = models.JSONField(default=list, blank=True, help_text="Of the transcription.")
    text_warnings = models.JSONField(
        default=list, blank=True, help_text="Of title, summary and events."
    )
    current_transcript = models.ForeignKey(
        "recordings.Transcript", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    processing_seconds = models.FloatField(null=True, blank=True)
    transcription_seconds = models.FloatField(null=True, blank=True)
    summarization_seconds = models.FloatField(null=True, blank=True)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [("open_recording", "Can open what others said: transcript and audio")]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="recording_by_created"),
            models.Index(fields=["owner", "-meeting_date", "-id"], name="recording_by_meeting"),
            models.Index(fields=["owner", "title", "id"], name="recording_by_title"),
            models.Index(fields=["owner", "-size_bytes", "-id"], name="recording_by_size"),
            models.Index(fields=["owner", "sha256"], name="recording_by_content"),
            # All that stats.py reads of a recording.
            models.Index(
                fields=[
                    "owner",
                    "status",
                    "created_at",
                    "completed_at",
                    "size_bytes",
                    "audio_deleted_at",
                ],
                name="recording_for_stats",
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"#{self.pk}"

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_key)

    @property
    def has_placeholder_title(self) -> bool:
        """Whether nobody has chosen the title yet."""
        return not self.title or self.title in (
            placeholder_title(self.original_filename or "", prefix) for prefix in TITLE_PREFIXES
        )

    @property
    def has_hand_written_summary(self) -> bool:
        return bool(self.summary) and self.summary_meta is None

    def shown_events(self) -> models.QuerySet:
        """By start; none while the owner has no dates looked for. Reads `owner`."""
        events = self.events.in_order()
        return events if self.owner.extract_events else events.none()

    def resting_status(self) -> str:
        """What the recording is once work on it ended and nothing came of it."""
        if self.current_transcript_id is not None:
            return self.Status.COMPLETED
        return self.Status.FAILED
