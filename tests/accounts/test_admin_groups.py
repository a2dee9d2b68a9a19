"""The console's pages for groups and memberships: they write through the services."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Group, Membership, User
from organizing.models import Tag
from recordings.models import Recording, RecordingTag
from tests.accounts.test_admin import user_form
from tests.conftest import make_user, signed_in
from tests.factories import make_recording, make_tag

LAST_ADMIN = "The last admin of a group cannot leave or be demoted"


@pytest.fixture
def team(group: Group, bob: User, dana: User) -> Group:
    return group


def roles(group: Group) -> dict[str, str]:
    return dict(Membership.objects.filter(group=group).values_list("user__username", "role"))


def group_form(group: Group, *new: tuple[User, str], name: str = "", **changes: str) -> dict:
    """The change form's fields, as a browser sends them. `changes`: by user name, a role or
    "remove".
    """
    members = list(Membership.objects.filter(group=group).order_by("pk"))
    form = {
        "name": name or group.name,
        "memberships-TOTAL_FORMS": len(members) + len(new),
        "memberships-INITIAL_FORMS": len(members),
    }
    for number, member in enumerate(members):
        change = changes.get(member.user.username, member.role)
        row = {"id": member.pk, "group": group.pk, "user": member.user_id, "role": change}
        if change == "remove":
            row.update(role=member.role, DELETE="on")
        form.update({f"memberships-{number}-{key}": value for key, value in row.items()})
    for number, (user, role) in enumerate(new, len(members)):
        row = {"group": group.pk, "user": user.pk, "role": role}
        form.update({f"memberships-{number}-{key}": value for key, value in row.items()})
    return form


def save(console: Client, group: Group, *new: tuple[User, str], **changes: str) -> Any:
    path = f"/admin/accounts/group/{group.pk}/change/"
    return console.post(path, group_form(group, *new, **changes), follow=True)


def test_what_happens_to_a_group_is_on_record(
    console: Client, team: Group, carol: User, trail: Any
) -> None:
    page = save(console, team, (carol, "member"), name="Research", alice="admin", bob="remove")
    assert page.redirect_chain, page.context["errors"]
    assert roles(team) == {"alice": "admin", "dana": "admin", "carol": "member"}
    assert trail() == [
        ("otto", "group.rename", "Engineering to Research"),
        ("otto", "member.add", "carol, member, in Research"),
        ("otto", "member.role", "alice, now admin, in Research"),
        ("otto", "member.remove", "bob, member, in Research"),
    ]


def test_making_one_is_on_record(console: Client, alice: User, trail: Any) -> None:
    form = {
        "name": "Sales",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(alice.pk),
        "memberships-0-role": "admin",
    }
    assert console.post("/admin/accounts/group/add/", form).status_code == 302
    assert roles(Group.objects.get()) == {"alice": "admin"}
    assert trail() == [
        ("otto", "group.create", "Sales"),
        ("otto", "member.add", "alice, admin, in Sales"),
    ]


def test_the_last_admin_stays_and_nothing_else_of_the_form_is_stored(
    console: Client, team: Group, carol: User, trail: Any
) -> None:
    before = roles(team)
    for change in ("member", "remove"):
        page = save(console, team, (carol, "member"), name="Research", dana=change)
        assert LAST_ADMIN in page.content.decode()
    assert (roles(team), Group.objects.get().name) == (before, "Engineering")
    assert trail() == []


def test_one_admin_takes_over_from_another_in_one_go(console: Client, team: Group) -> None:
    save(console, team, dana="member", alice="admin")
    assert roles(team) == {"alice": "admin", "bob": "member", "dana": "member"}
    save(console, team, alice="remove", dana="admin")
    assert roles(team) == {"bob": "member", "dana": "admin"}


def test_a_row_does_not_pass_to_somebody_else(console: Client, team: Group, carol: User) -> None:
    form = group_form(team)
    form.update({"memberships-0-user": carol.pk, "memberships-0-role": "admin"})
    console.post(f"/admin/accounts/group/{team.pk}/change/", form)
    assert roles(team) == {"alice": "admin", "bob": "member", "dana": "admin"}


def test_it_is_deleted_with_its_tags_and_recordings_stay(
    console: Client, team: Group, alice: User, trail: Any
) -> None:
    tag, other = make_tag(group=team), Group.objects.create(name="Sales")
    recording = make_recording(owner=alice)
    RecordingTag.objects.create(recording=recording, tag=tag, position=0)
    path = f"/admin/accounts/group/{team.pk}/delete/"
    assert "members: 3; its tags and folders go too" in console.get(path).content.decode()
    assert console.post(path, {"post": "yes"}).status_code == 302
    assert (Tag.objects.count(), Recording.objects.count()) == (0, 1)
    action = {"action": "delete_selected", "_selected_action": [other.pk], "post": "yes"}
    assert console.post("/admin/accounts/group/", action).status_code == 302
    assert not Group.objects.exists()
    assert [entry[1:] for entry in trail()] == [
        ("group.delete", "Engineering"),
        ("group.delete", "Sales"),
    ]


def test_memberships_on_the_page_of_a_person_go_the_same_way(
    console: Client, team: Group, dana: User, trail: Any
) -> None:
    other = Group.objects.create(name="Sales")
    known = Membership.objects.get(user=dana)
    rows = {
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": known.pk,
        "memberships-0-user": dana.pk,
        "memberships-0-group": team.pk,
        "memberships-0-role": "admin",
        "memberships-1-user": dana.pk,
        "memberships-1-group": other.pk,
        "memberships-1-role": "member",
    }
    path = f"/admin/accounts/user/{dana.pk}/change/"
    page = console.post(path, user_form(console, dana, **rows), follow=True)
    assert page.redirect_chain, page.context["errors"]
    assert trail() == [("otto", "member.add", "dana, member, in Sales")]
    demoted = {**rows, "memberships-TOTAL_FORMS": "1", "memberships-0-role": "member"}
    page = console.post(path, user_form(console, dana, **demoted), follow=True)
    assert LAST_ADMIN in page.content.decode()
    assert roles(team)["dana"] == "admin"


def test_others_of_the_staff_look_and_change_nothing(team: Group, carol: User) -> None:
    clerk = make_user("clerk")
    clerk.is_staff = True
    clerk.save()
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
    client = signed_in(clerk)
    path = f"/admin/accounts/group/{team.pk}"
    assert client.get("/admin/accounts/group/").status_code == 200
    assert client.get(f"{path}/change/").status_code == 200
    refused = [
        client.post(f"{path}/change/", group_form(team, (carol, "admin"), name="Mine")),
        client.post(f"{path}/delete/", {"post": "yes"}),
        client.post("/admin/accounts/group/add/", {"name": "Mine"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 3
    assert (Group.objects.get().name, "carol" in roles(team)) == ("Engineering", False)
