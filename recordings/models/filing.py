"""Which tags a recording carries and in which order; who may know of them and of its folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from organizing.models import Folder, Tag
from organizing.querysets import theirs


class RecordingTagQuerySet(models.QuerySet):
    def shown_to(self, user: User) -> Self:
        """Those whose tag is the person's own or of a group of theirs, whoever owns the recording:
        owners do not see what a recipient noted for themselves.
        """
        return self.filter(theirs(user, "tag__"))

    def removable_by(self, user: User) -> Self:
        """Their own tags, those of the groups that they administer, and any group's on what is
        theirs.
        """
        return self.filter(
            Q(tag__in=Tag.objects.editable_by(user))
            | Q(recording__owner=user, tag__group__isnull=False)
        )


class RecordingTag(models.Model):
    """`position`: from 0 up in the order of attaching; the order of prompts and defaults."""

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="tag_links"
    )
    tag = models.ForeignKey(
        "organizing.Tag", on_delete=models.CASCADE, related_name="recording_links"
    )
    position = models.PositiveIntegerField()
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    objects = RecordingTagQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["recording", "tag"], name="tag_once_per_recording"),
            models.UniqueConstraint(
                fields=["recording", "position"], name="tag_position_once_per_recording"
            ),
        ]

    def __str__(self) -> str:
        return f"tag {self.tag_id} on recording {self.recording_id}"


class TagShown(NamedTuple):
    """What a recording shows of its tag."""

    pk: int
    name: str
    color: str


@dataclass(slots=True)
class Filing:
    """Where a recording is filed, as far as one person may know. `tags` in their order on it."""

    tags: list[TagShown] = field(default_factory=list)
    folder: Folder | None = None


def shown_filing(
    rows: Iterable[Mapping[str, Any]], *, viewer: User, folders_enabled: bool
) -> dict[int, Filing]:
    """What `viewer` may know (http-contract.md, 0.1.34), for each recording by its id.

    Tags as `RecordingTagQuerySet.shown_to`, the folder as `shown_folders`. `rows`: id, owner_id and
    folder_id of each. Two queries, fewer when there is nothing to ask for; a third for others'
    recordings.
    """
    rows = list(rows)
    filings = {row["id"]: Filing() for row in rows}
    if not rows:
        return filings
    links = RecordingTag.objects.filter(recording__in=filings).shown_to(viewer)
    for recording, *tag in links.order_by("recording_id", "position").values_list(
        "recording_id", "tag_id", "tag__name", "tag__color"
    ):
        filings[recording].tags.append(TagShown(*tag))
    if folders_enabled and (filed := shown_folders(rows, viewer)):
        folders = Folder.objects.only("name").in_bulk(set(filed.values()))
        for recording, folder in filed.items():
            filings[recording].folder = folders.get(folder)
    return filings


def shown_folders(rows: Iterable[Mapping[str, Any]], viewer: User) -> dict[int, int]:
    """Ids of recordings and of the folders that they are in: of the viewer's own recordings, and of
    others' if the folder belongs to a group of the viewer's. `rows` as for `shown_filing`. No
    query, one for others' recordings.
    """
    filed = [row for row in rows if row["folder_id"] is not None]
    others = {row["folder_id"] for row in filed if row["owner_id"] != viewer.pk}
    # Django makes no query of an empty `pk__in`.
    visible = Folder.objects.filter(pk__in=others).visible_to(viewer)
    known = set(visible.values_list("pk", flat=True))
    return {
        row["id"]: row["folder_id"]
        for row in filed
        if row["owner_id"] == viewer.pk or row["folder_id"] in known
    }
