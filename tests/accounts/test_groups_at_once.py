"""Many at once: what must hold of a group holds, and nobody gets a server error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.api.views import groups as views
from accounts.models import Group, Membership, User
from accounts.services import delete_group
from organizing.models import Folder, Tag
from recordings.models import Recording, RecordingTag
from tests.concurrency import meanwhile, statuses
from tests.conftest import Api, make_user
from tests.factories import make_folder, make_recording, make_tag

pytestmark = pytest.mark.django_db(transaction=True)

GROUPS = "/api/v1/groups"
CROWD = 10


def admins(group: Group) -> int:
    return Membership.objects.filter(group=group, role=Membership.Role.ADMIN).count()


@pytest.fixture
def crowd(group: Group) -> list[User]:
    """Admins, each of whom may go as long as another stays."""
    people = [make_user(f"admin{number}") for number in range(CROWD)]
    Membership.objects.bulk_create(
        Membership(group=group, user=person, role=Membership.Role.ADMIN) for person in people
    )
    return people


@pytest.mark.parametrize("act", ["leave", "step down"])
def test_one_admin_stays_when_all_go_at_once(
    api: Api, group: Group, crowd: list[User], act: str
) -> None:
    def going(person: User) -> Callable[[], Any]:
        client, url = api(person), f"{GROUPS}/{group.pk}/members/{person.pk}"
        if act == "leave":
            return lambda: client.delete(url)
        return lambda: client.patch(url, {"role": "member"})

    done = 204 if act == "leave" else 200
    assert statuses(*map(going, crowd)) == {done: CROWD - 1, 409: 1}
    assert admins(group) == 1


def test_admins_who_demote_one_another_leave_one(api: Api, group: Group, crowd: list[User]) -> None:
    def demoting(by: User, other: User) -> Callable[[], Any]:
        url = f"{GROUPS}/{group.pk}/members/{other.pk}"
        return lambda: api(by).patch(url, {"role": "member"})

    pairs = zip(crowd, [*crowd[1:], crowd[0]], strict=True)
    answers = statuses(*[demoting(by, other) for by, other in pairs])
    assert set(answers) <= {200, 403, 409}
    assert admins(group) >= 1


def test_one_of_many_gets_the_name(api: Api, otto: User) -> None:
    answers = statuses(*[lambda: api(otto).post(GROUPS, {"name": "Sales"}) for _ in range(CROWD)])
    assert answers == {201: 1, 409: CROWD - 1}
    assert Group.objects.count() == 1


def test_one_of_many_is_renamed(api: Api, otto: User) -> None:
    groups = Group.objects.bulk_create(Group(name=str(number)) for number in range(CROWD))

    def renaming(pk: int) -> Callable[[], Any]:
        return lambda: api(otto).patch(f"{GROUPS}/{pk}", {"name": "Sales"})

    assert statuses(*[renaming(group.pk) for group in groups]) == {200: 1, 409: CROWD - 1}


def test_one_of_many_adds_a_person(api: Api, otto: User, carol: User, group: Group) -> None:
    url = f"{GROUPS}/{group.pk}/members"
    answers = statuses(*[lambda: api(otto).post(url, {"user": "carol"}) for _ in range(CROWD)])
    assert answers == {201: 1, 409: CROWD - 1}


def test_a_group_that_goes_meanwhile_is_not_found(
    api: Api, otto: User, carol: User, group: Group
) -> None:
    url = f"{GROUPS}/{group.pk}"
    acts = [
        lambda: api(otto).delete(url),
        lambda: api(otto).delete(url),
        lambda: api(otto).patch(url, {"name": "Sales"}),
        lambda: api(otto).post(f"{url}/members", {"user": "carol"}),
        lambda: api(carol).post("/api/v1/tags", {"name": "Work", "group_id": group.pk}),
    ]
    answers = statuses(*acts)
    assert set(answers) <= {200, 201, 204, 403, 404}
    assert answers[204] == 1
    assert not Group.objects.exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("model", [Tag, Folder])
def test_a_recording_that_is_filed_meanwhile_does_not_stop_a_deletion(
    alice: User, otto: User, group: Group, model: Any
) -> None:
    """It is filed when the deletion has begun and not yet taken the tag or folder."""
    make = make_tag if model is Tag else make_folder
    shelf, late = make(group=group), make_recording(owner=alice)

    def file() -> None:
        if model is Tag:
            RecordingTag.objects.create(recording=late, tag=shelf, position=0)
        else:
            Recording.objects.filter(pk=late.pk).update(folder=shelf)

    with meanwhile(file, after=Membership) as refused:
        delete_group(group=group, by=otto)
    assert len(refused) == 1
    assert not Group.objects.exists()
    assert not model.objects.exists()
    assert Recording.objects.get().folder is None


def test_who_was_removed_does_not_come_back_by_a_request_that_was_under_way(
    api: Api, group: Group, dana: User, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view found the right; by the time the service asks, it is gone."""
    thief, url = crowd[0], f"{GROUPS}/{group.pk}/members"
    make_user("friend")
    add_member = views.add_member

    def removed_meanwhile(**given: Any) -> Membership:
        assert api(dana).delete(f"{url}/{thief.pk}").status_code == 204
        return add_member(**given)

    monkeypatch.setattr(views, "add_member", removed_meanwhile)
    assert api(thief).post(url, {"user": "friend", "role": "admin"}).status_code == 403
    assert not Membership.objects.filter(user__username="friend").exists()
