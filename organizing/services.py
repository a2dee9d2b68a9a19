"""Every write about tags, folders and naming templates.

What a person may change is looked up in the same statement that changes it, so a right that was
lost meanwhile is lost. The database has the last word on names: of two that come at once, one is
told that the name is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import Group, Membership, User
from accounts.services.templates import Templates
from organizing.models import KEEP_FOR_EVER, Folder, NamingTemplate, Shelf, Tag
from organizing.naming import named
from organizing.querysets import NamingTemplateQuerySet
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import (
    FeatureDisabled,
    InvalidInput,
    NotAllowed,
    NotFound,
)
from speakr_site.core.system import SystemSettings

FOLDERS_DISABLED = "Folders feature is not enabled"

TAG_TAKEN = "Tag with this name already exists"
TAG_TAKEN_IN_GROUP = "Tag with this name already exists for this group"
FOLDER_TAKEN = "Folder with this name already exists"
FOLDER_TAKEN_IN_GROUP = "A folder with this name already exists for this group"
ANOTHER_FOLDER = "Another folder with this name already exists"

NOT_FOUND = {Tag: "Tag not found", Folder: "Folder not found"}
# Where a preview has no file, and nothing that was said.
EXAMPLE_FILENAME, EXAMPLE_TITLE = "2026-03-02 Acme kick-off.mp3", "What was talked about"
naming_templates = Templates(NamingTemplate)
# A person has nobody to share with: there the flags stay as new ones are, for a group to come.
FLAGS = {"auto_share_on_apply": True, "share_with_group_lead": True}


def require_folders_enabled(policy: SystemSettings) -> None:
    """Raises FeatureDisabled while the operator has folders switched off."""
    if not policy.enable_folders:
        raise FeatureDisabled(FOLDERS_DISABLED)


def create_tag(*, by: User, values: Mapping[str, Any]) -> Tag:
    """`values`: columns of a tag, already validated. `group_id` makes it the group's.

    Raises NotAllowed unless `by` administers that group, NotFound for a naming template that is
    not `by`'s, InvalidInput when the name is taken.
    """
    place = _place(values.get("group_id"), by=by, refusal="Only group admins can create group tags")
    taken = TAG_TAKEN if place["group_id"] is None else TAG_TAKEN_IN_GROUP
    with _named_once(taken, place):
        _hold_template(values.get("naming_template_id"), NamingTemplate.objects.visible_to(by))
        return Tag.objects.create(**{**_honoured(values, place), **place})


def create_folder(*, by: User, values: Mapping[str, Any]) -> Folder:
    """As `create_tag`, of a folder."""
    refusal = "Only group admins can create group folders"
    place = _place(values.get("group_id"), by=by, refusal=refusal)
    taken = FOLDER_TAKEN if place["group_id"] is None else FOLDER_TAKEN_IN_GROUP
    with _named_once(taken, place):
        _hold_template(values.get("naming_template_id"), NamingTemplate.objects.visible_to(by))
        return Folder.objects.create(**{**_honoured(values, place), **place})


def update_tag(*, tag: Tag, by: User, changes: Mapping[str, Any]) -> None:
    """Writes the given columns, all or none. Whose tag it is cannot be changed; a naming template
    that it has already may be another admin's.

    Raises NotFound when it is gone or no longer for `by` to change, or a new naming template is not
    `by`'s; InvalidInput when the name is taken.
    """
    place = {"owner_id": tag.owner_id, "group_id": tag.group_id}
    with _named_once(TAG_TAKEN_IN_GROUP if tag.is_of_group else TAG_TAKEN, place):
        _write(tag, by=by, columns=_honoured(changes, place))


def update_folder(*, folder: Folder, by: User, changes: Mapping[str, Any]) -> None:
    """As `update_tag`; but a `group_id` gives the folder to that group, and None makes it `by`'s.

    Then recordings of people who may not use it where it is now leave it. Raises NotAllowed
    besides, unless `by` administers the group that is to get it.
    """
    place = {"owner_id": folder.owner_id, "group_id": folder.group_id}
    columns = _honoured(changes, place)
    group_id = changes.get("group_id", folder.group_id)
    moves = group_id != folder.group_id
    if moves:
        refusal = "Only group admins can assign folders to groups"
        place = _place(group_id, by=by, refusal=refusal)
        columns = {**changes, **(FLAGS if group_id is None else {}), **place}
    with _named_once(ANOTHER_FOLDER, place):
        _write(folder, by=by, columns=columns)
        if moves:
            _let_strangers_go(folder, place)


def delete_tag(*, tag: Tag, by: User) -> None:
    """Takes it off every recording; the recordings stay. Raises NotFound as `update_tag` does."""
    _delete(Tag.objects.editable_by(by), tag.pk)


def delete_folder(*, folder: Folder, by: User) -> None:
    """What was filed in it lies in no folder then. Raises NotFound as `update_folder` does."""
    _delete(Folder.objects.editable_by(by), folder.pk)


def previewed(
    *, user: User, template: str, filename: str | None = None, pattern: str | None = None
) -> str | None:
    """What a recording of `user`'s that came now, as a file of this name, would be called. Without
    a name, one of an example.
    """
    zone = ZoneInfo(user.timezone or settings.TIME_ZONE)
    return named(
        template,
        pattern=pattern,
        filename=filename or EXAMPLE_FILENAME,
        moment=timezone.now().astimezone(zone),
        ai_title=lambda: EXAMPLE_TITLE,
    )


def store_as_operator(*, shelf: Tag | Folder, by: User) -> None:
    """The console's save of what may be somebody else's; leaves an audit row then.

    Raises InvalidInput when the name was taken, NotFound when the naming template was deleted, a
    moment ago.
    """
    place = {"owner_id": shelf.owner_id, "group_id": shelf.group_id}
    action = "create" if shelf._state.adding else "change"
    for name, value in FLAGS.items() if shelf.group_id is None else ():
        setattr(shelf, name, value)
    with _named_once(TAG_TAKEN if isinstance(shelf, Tag) else FOLDER_TAKEN, place):
        _hold_template(shelf.naming_template_id, NamingTemplate.objects.all())
        _note_if_lowered(shelf)
        shelf.save()
        _put_on_record(action, shelf, by)


def delete_as_operator(*, shelves: Iterable[Tag | Folder], by: User) -> None:
    """The console's deletion, one after the other; leaves an audit row for what was not `by`'s.

    What is gone already is passed over.
    """
    for shelf in shelves:
        with suppress(NotFound), transaction.atomic():
            _put_on_record("delete", shelf, by)
            _delete(type(shelf).objects.all(), shelf.pk)


def _place(group_id: int | None, *, by: User, refusal: str) -> dict[str, int | None]:
    """The two columns that say whose it is."""
    if group_id is None:
        return {"owner_id": by.pk, "group_id": None}
    administered = Membership.objects.filter(user=by, role=Membership.Role.ADMIN)
    if not administered.filter(group_id=group_id).exists():
        raise NotAllowed(refusal)
    return {"owner_id": None, "group_id": group_id}


def _honoured(values: Mapping[str, Any], place: Mapping[str, int | None]) -> dict[str, Any]:
    """The columns to write where whose it is does not change."""
    ignored = {"group_id", *(FLAGS if place["group_id"] is None else ())}
    return {name: value for name, value in values.items() if name not in ignored}


@contextmanager
def _named_once(taken: str, place: Mapping[str, int | None]) -> Iterator[None]:
    """A transaction; what the database refuses in it becomes a sentence."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        group_id = place["group_id"]
        if group_id is not None and not Group.objects.filter(pk=group_id).exists():
            raise NotAllowed("This group no longer exists") from None
        raise InvalidInput(taken) from None


def _write(shelf: Shelf, *, by: User, columns: Mapping[str, Any]) -> None:
    if columns.get("naming_template_id") == shelf.naming_template_id:
        # Or a client that sends back what it read would be refused the template of another admin,
        # and one that was deleted meanwhile would be written again.
        columns = {name: columns[name] for name in columns.keys() - {"naming_template_id"}}
    _hold_template(columns.get("naming_template_id"), NamingTemplate.objects.visible_to(by))
    rows = type(shelf).objects.editable_by(by).filter(pk=shelf.pk)
    noted = _noted_if_lowered(columns)
    if not (rows.update(**columns, **noted) if columns else rows.exists()):
        raise NotFound(NOT_FOUND[type(shelf)])


def _hold_template(template_id: int | None, among: NamingTemplateQuerySet) -> None:
    """Until the transaction ends it is there to be pointed at. Raises NotFound. One query, none
    for None.
    """
    if template_id is None:
        return
    # Against a deletion: PostgreSQL would refuse the later of the two at its end.
    if not among.select_for_update(no_key=True).filter(pk=template_id).values_list("pk"):
        raise NotFound(f"{naming_templates.kind} not found")


def _noted_if_lowered(columns: Mapping[str, Any]) -> dict[str, Any]:
    """A further column for the update: when recordings came to be kept for a shorter time. Decided
    in the statement itself, by what the row says then.
    """
    lowers = _lowers(columns)
    if lowers is None:
        return {}
    moment = Case(When(lowers, then=Value(timezone.now())), default=F("retention_lowered_at"))
    return {"retention_lowered_at": moment}


def _lowers(columns: Mapping[str, Any]) -> Q | None:
    """Rows that these columns may make keep for a shorter time; None when they say nothing of it.

    Without days the server's rule counts, which may be the shorter or the longer one.
    """
    conditions = []
    days = columns.get("retention_days", KEEP_FOR_EVER)
    if days is None:
        conditions.append(Q(retention_days__isnull=False))
    elif days != KEEP_FOR_EVER:
        longer = Q(retention_days=None) | Q(retention_days=KEEP_FOR_EVER)
        conditions.append(longer | Q(retention_days__gt=days))
    if columns.get("protect_from_deletion") is False:
        conditions.append(Q(protect_from_deletion=True))
    return reduce(or_, conditions) if conditions else None


def _note_if_lowered(shelf: Tag | Folder) -> None:
    """As `_noted_if_lowered`, for a save of the whole row in the same transaction."""
    stored = type(shelf).objects.select_for_update().filter(pk=shelf.pk).first()
    if stored is None:
        return
    shelf.retention_lowered_at = stored.retention_lowered_at
    names = ("retention_days", *(["protect_from_deletion"] if isinstance(shelf, Tag) else []))
    lowers = _lowers({name: getattr(shelf, name) for name in names})
    if lowers is not None and type(shelf).objects.filter(lowers, pk=shelf.pk).exists():
        shelf.retention_lowered_at = timezone.now()


def _let_strangers_go(folder: Folder, place: Mapping[str, int | None]) -> None:
    """Otherwise recordings would be shown to people whom their owners never chose."""
    users: Any = [place["owner_id"]]
    if place["group_id"] is not None:
        users = Membership.objects.filter(group=place["group_id"]).values("user")
    folder.recordings.exclude(owner__in=users).update(folder=None)


@transaction.atomic
def _delete(rows: models.QuerySet, pk: int) -> None:
    # Locked first: PostgreSQL would refuse the deletion at its end for a recording that was filed
    # here meanwhile. SQLite has one writer at a time anyway.
    row: models.Model | None = rows.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(NOT_FOUND[rows.model])
    row.delete()


def _put_on_record(action: str, shelf: Tag | Folder, by: User) -> None:
    if shelf.owner_id == by.pk:
        return
    action = f"{shelf._meta.model_name}.{action}"
    detail = f"{shelf} of {shelf.owner or shelf.group}"
    record_audit(by=by, action=action, target=shelf, detail=detail)
