"""What the services promise to callers other than the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accounts.models import Group, Membership, User
from organizing import services
from organizing.models import Folder, Tag
from organizing.services import (
    create_folder,
    create_tag,
    delete_as_operator,
    delete_folder,
    delete_tag,
    require_folders_enabled,
    update_folder,
    update_tag,
)
from speakr_site.core import system
from speakr_site.core.errors import FeatureDisabled, InvalidInput, NotAllowed, NotFound
from tests.factories import make_folder, make_tag
from tests.recordings.console import trail

pytestmark = pytest.mark.django_db


def test_folders_are_a_matter_of_the_policy_at_hand() -> None:
    policy = system.defaults()
    require_folders_enabled(replace(policy, enable_folders=True))
    with pytest.raises(FeatureDisabled, match="Folders feature is not enabled"):
        require_folders_enabled(policy)


@pytest.mark.parametrize(
    ("make", "write", "named"),
    [
        (make_tag, lambda row, by: update_tag(tag=row, by=by, changes={"name": "B"}), "Tag"),
        (make_tag, lambda row, by: update_tag(tag=row, by=by, changes={}), "Tag"),
        (make_tag, lambda row, by: delete_tag(tag=row, by=by), "Tag"),
        (make_folder, lambda row, by: update_folder(folder=row, by=by, changes={}), "Folder"),
        (
            make_folder,
            lambda row, by: update_folder(folder=row, by=by, changes={"group_id": None}),
            "Folder",
        ),
        (make_folder, lambda row, by: delete_folder(folder=row, by=by), "Folder"),
    ],
)
def test_a_right_that_was_lost_since_the_row_was_read_is_lost(
    dana: User, group: Group, make: Any, write: Any, named: str
) -> None:
    row = make(group=group)
    Membership.objects.filter(user=dana).update(role=Membership.Role.MEMBER)
    with pytest.raises(NotFound, match=f"{named} not found"):
        write(row, dana)
    stored = type(row).objects.get()
    assert (stored.name, stored.group) == (row.name, group)


def test_a_row_that_is_gone_is_not_written_again(alice: User) -> None:
    tag, folder = make_tag(owner=alice), make_folder(owner=alice)
    Tag.objects.all().delete()
    Folder.objects.all().delete()
    for write in (
        lambda: update_tag(tag=tag, by=alice, changes={"name": "B"}),
        lambda: update_folder(folder=folder, by=alice, changes={"name": "B"}),
        lambda: delete_tag(tag=tag, by=alice),
        lambda: delete_folder(folder=folder, by=alice),
    ):
        with pytest.raises(NotFound):
            write()
    assert not Tag.objects.exists()
    assert not Folder.objects.exists()


def test_a_change_of_other_columns_does_not_undo_a_move(dana: User, group: Group) -> None:
    folder = make_folder(owner=dana)
    stale = Folder.objects.get()
    update_folder(folder=folder, by=dana, changes={"group_id": group.pk})
    update_folder(folder=stale, by=dana, changes={"color": "#000000"})
    stored = Folder.objects.get()
    assert (stored.group, stored.color) == (group, "#000000")


def test_whose_tag_it_is_cannot_be_changed(dana: User, group: Group) -> None:
    tag = make_tag(owner=dana)
    update_tag(tag=tag, by=dana, changes={"name": "After", "group_id": group.pk})
    tag.refresh_from_db()
    assert (tag.name, tag.owner, tag.group) == ("After", dana, None)


def test_a_refused_write_leaves_the_transaction_around_it_whole(alice: User) -> None:
    for create in (create_tag, create_folder):
        create(by=alice, values={"name": "Work"})
        with pytest.raises(InvalidInput, match="already exists"):
            create(by=alice, values={"name": "Work"})
        create(by=alice, values={"name": "Home"})
    assert (Tag.objects.count(), Folder.objects.count()) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_group_that_goes_meanwhile_is_no_taken_name(
    dana: User, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is gone when the tag is stored, which the database says in other words."""
    real = services._place

    def place(*arguments: Any, **named: Any) -> dict[str, int | None]:
        found = real(*arguments, **named)
        Group.objects.all().delete()
        return found

    monkeypatch.setattr(services, "_place", place)
    with pytest.raises(NotAllowed, match="This group no longer exists"):
        create_tag(by=dana, values={"name": "Ours", "group_id": group.pk})


def test_an_operator_s_deletion_passes_over_what_is_gone(otto: User, alice: User) -> None:
    gone, there = (make_tag(owner=alice, name=name) for name in ("gone", "there"))
    Tag.objects.filter(pk=gone.pk).delete()
    delete_as_operator(shelves=[gone, there], by=otto)
    assert not Tag.objects.exists()
    assert trail() == [("otto", "tag.delete", there.pk)]
