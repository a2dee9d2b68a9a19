"""Where a recording is filed: attaching and removing tags, choosing its folder.

Rows are locked in one order everywhere: tags and folders before recordings, each by id. SQLite
has one writer at a time and needs no locks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from organizing.models import Folder, Tag
from organizing.services import require_folders_enabled
from recordings import events
from recordings.models import Recording, RecordingTag
from speakr_site.core.errors import NotAllowed, NotFound
from speakr_site.core.system import SystemSettings

ONLY_OWNER_TAGS = "Permission denied - only owner can attach group tags"
ONLY_OWNER_FOLDER = "Permission denied - only owner can change the folder"


@dataclass(frozen=True, slots=True)
class AddedTags:
    """`added`: those that were not on it before. `errors`: a sentence for each that was not
    usable.
    """

    added: list[Tag]
    errors: list[str]


def add_tags(*, recording: Recording, by: User, tag_ids: Iterable[int]) -> AddedTags:
    """Attaches tags that `by` may use, after those that are there, in the order given.

    Raises NotAllowed for a group's tag on somebody else's recording (http-contract.md, 0.1.25), and
    NotFound when the recording is gone; nothing is attached then.
    """
    wanted = list(dict.fromkeys(tag_ids))
    with transaction.atomic():
        usable = {tag.pk: tag for tag in usable_tags(wanted, by=by)}
        if recording.owner_id != by.pk and any(tag.is_of_group for tag in usable.values()):
            raise NotAllowed(ONLY_OWNER_TAGS)
        added = attach(recording, usable.values(), by=by)
        if is_known_to_owner(recording, added):
            events.updated(recording, ["tags"])
    return AddedTags(added, _complaints([pk for pk in wanted if pk not in usable]))


def remove_tag(*, recording: Recording, by: User, tag_id: int) -> None:
    """Raises NotFound for a tag that is not on it, as far as `by` may know, and NotAllowed for one
    that is neither their own nor their group's to take away.
    """
    with transaction.atomic():
        gone, known_to_owner = detach(recording, [tag_id], by=by)
        if known_to_owner:
            events.updated(recording, ["tags"])
    if gone:
        return
    links = RecordingTag.objects.filter(recording=recording, tag=tag_id)
    if links.shown_to(by).exists():
        raise NotAllowed
    raise NotFound("Tag not on this recording")


def target_folder(folder_id: int | None, *, by: User, policy: SystemSettings) -> Folder | None:
    """The folder that `by` moves recordings into; nobody deletes it before the transaction ends.

    Raises FeatureDisabled while folders are switched off, NotFound and NotAllowed.
    """
    require_folders_enabled(policy)
    if folder_id is None:
        return None
    folder = held(Folder.objects.visible_to(by)).filter(pk=folder_id).first()
    if folder is None and Folder.objects.filter(pk=folder_id).exists():
        raise NotAllowed("No access to target folder")
    if folder is None:
        raise NotFound(f"Folder {folder_id} not found")
    return folder


def usable_tags(tag_ids: Sequence[int], *, by: User) -> list[Tag]:
    """Those of them that `by` may use, in the order given; nobody deletes them before the
    transaction ends. One query, none for no ids.
    """
    if not tag_ids:
        return []
    rows = {tag.pk: tag for tag in held(Tag.objects.visible_to(by)).filter(pk__in=tag_ids)}
    return [rows[pk] for pk in dict.fromkeys(tag_ids) if pk in rows]


def attach(recording: Recording, tags: Iterable[Tag], *, by: User) -> list[Tag]:
    """Writes the links and gives the tags that were not there before. `tags`: from `usable_tags`.
    Call inside its transaction; three queries.

    Raises NotFound when the recording is gone.
    """
    # Whoever else attaches tags to it waits here, so that positions are handed out once.
    if not held(Recording.objects.filter(pk=recording.pk)).values_list("pk"):
        raise NotFound("Recording not found")
    links = RecordingTag.objects.filter(recording=recording)
    attached = dict(links.values_list("tag_id", "position"))
    position = max(attached.values(), default=-1) + 1
    added = [tag for tag in tags if tag.pk not in attached]
    RecordingTag.objects.bulk_create(
        RecordingTag(recording=recording, tag=tag, position=position + index, added_by=by)
        for index, tag in enumerate(added)
    )
    return added


def detach(recording: Recording, tag_ids: Collection[int], *, by: User) -> tuple[int, int]:
    """Deletes the links that `by` may remove: how many, and of how many of them the owner knew.
    Call inside a transaction; one query, two for others than the owner.
    """
    links = RecordingTag.objects.filter(recording=recording, tag__in=tag_ids).removable_by(by)
    if recording.owner_id == by.pk:
        gone = links.delete()[0]
        return gone, gone
    of_groups = links.filter(tag__group__isnull=False).delete()[0]
    return of_groups + links.delete()[0], of_groups


def is_known_to_owner(recording: Recording, tags: Iterable[Tag]) -> bool:
    """Whether any of them is more than what somebody else noted for themselves."""
    return any(tag.is_of_group or tag.owner_id == recording.owner_id for tag in tags)


def held(rows: QuerySet) -> QuerySet:
    """Those rows by id, locked until the transaction ends; others may still point at them."""
    return rows.order_by("pk").select_for_update(no_key=True, of=("self",))


def _complaints(tag_ids: Sequence[int]) -> list[str]:
    if not tag_ids:
        return []
    known = set(Tag.objects.filter(pk__in=tag_ids).values_list("pk", flat=True))
    return [f"No access to tag {pk}" if pk in known else f"Tag {pk} not found" for pk in tag_ids]
