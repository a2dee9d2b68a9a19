"""Groups and their members over the API (contract 18)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from organizing.models import Folder, Tag
from recordings.models import Recording, RecordingTag
from tests.conftest import Api, make_user
from tests.factories import make_folder, make_recording, make_tag

pytestmark = pytest.mark.django_db

GROUPS = "/api/v1/groups"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LAST_ADMIN = "The last admin of a group cannot leave or be demoted"

# Alice and Bob are in the group, Dana administers it, Carol is a stranger, Otto operates the
# server. {bob}: Bob's membership.
PEOPLE = ("alice", "bob", "dana", "carol", "otto", "nobody")
RIGHTS = """
                                      alice bob dana carol otto nobody
GET    groups                         200   200 200  200   200  401
POST   groups                         403   403 403  403   201  401
GET    groups/{group}                 200   200 200  404   200  401
PATCH  groups/{group}                 403   403 403  404   200  401
DELETE groups/{group}                 403   403 403  404   204  401
POST   groups/{group}/members         403   403 201  404   201  401
PATCH  groups/{group}/members/{bob}   403   403 200  404   200  401
DELETE groups/{group}/members/{bob}   403   204 204  404   204  401
"""
BODIES = {
    "POST groups": {"name": "Sales"},
    "PATCH groups/{group}": {"name": "Sales"},
    "POST groups/{group}/members": {"user": "erin"},
    "PATCH groups/{group}/members/{bob}": {"role": "admin"},
}
ROWS = {
    row: dict(zip(PEOPLE, map(int, statuses.split()), strict=True))
    for row, statuses in re.findall(r"^([A-Z]+ +\S+)((?: +\d+)+)$", RIGHTS, re.MULTILINE)
}


def members(group: Group) -> set[tuple[str, str]]:
    return set(Membership.objects.filter(group=group).values_list("user__username", "role"))


def of_group(group: Group, user: User | None = None) -> str:
    """The address of the group's members, or of one of them."""
    return f"{GROUPS}/{group.pk}/members" + (f"/{user.pk}" if user else "")


@pytest.fixture
def team(group: Group, bob: User, dana: User) -> Group:
    return group


class TestRights:
    def send(self, client: APIClient, row: str, group: Group, bob: User, body: Any) -> Response:
        method, path = row.split()
        url = f"/api/v1/{path.format(group=group.pk, bob=bob.pk)}"
        return getattr(client, method.lower())(url, body)

    @pytest.mark.parametrize("person", PEOPLE)
    @pytest.mark.parametrize("row", ROWS)
    def test_the_table_holds(
        self, request: Any, api: Api, team: Group, bob: User, row: str, person: str
    ) -> None:
        make_user("erin")
        client = api(None if person == "nobody" else request.getfixturevalue(person))
        before = (list(Group.objects.values()), members(team))
        body = BODIES.get(re.sub(" +", " ", row), {})
        answer = self.send(client, row, team, bob, body)
        assert answer.status_code == ROWS[row][person], answer.content
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error"}
            assert (list(Group.objects.values()), members(team)) == before
        if answer.status_code == 404:
            assert answer.json() == {"error": "Group not found"}

    @pytest.mark.parametrize("row", [row for row in ROWS if not row.startswith("GET")])
    @pytest.mark.parametrize("body", [{}, {"name": 5, "role": "owner", "user": None}, [1]])
    def test_who_may_not_is_not_told_what_is_wrong_with_the_body(
        self, api: Api, alice: User, carol: User, team: Group, bob: User, row: str, body: Any
    ) -> None:
        assert self.send(api(alice), row, team, bob, body).status_code == 403
        expected = 403 if row == "POST   groups" else 404
        assert self.send(api(carol), row, team, bob, body).status_code == expected

    def test_it_is_the_role_in_this_group_that_counts(
        self, api: Api, alice: User, bob: User, team: Group
    ) -> None:
        other = Group.objects.create(name="Sales")
        Membership.objects.create(group=other, user=alice, role=Membership.Role.ADMIN)
        assert api(alice).patch(of_group(team, bob), {"role": "admin"}).status_code == 403
        assert api(alice).post(of_group(other), {"user": "bob"}).status_code == 201

    def test_who_was_demoted_administers_no_more(
        self, api: Api, alice: User, dana: User, team: Group
    ) -> None:
        Membership.objects.filter(user=alice).update(role=Membership.Role.ADMIN)
        assert api(alice).patch(of_group(team, dana), {"role": "member"}).status_code == 200
        assert api(dana).patch(of_group(team, alice), {"role": "member"}).status_code == 403

    @pytest.mark.parametrize("path", ["/0", "/999999", f"/{10**30}", "/x", "/-1", "/1/", "/"])
    @pytest.mark.parametrize("method", ["get", "patch", "delete"])
    def test_what_does_not_exist_is_not_found(
        self, api: Api, otto: User, path: str, method: str
    ) -> None:
        answer = getattr(api(otto), method)(f"{GROUPS}{path}", {})
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}


class TestReading:
    def test_a_list_has_one_s_own_groups_by_name(
        self, api: Api, alice: User, dana: User, team: Group, otto: User
    ) -> None:
        empty = Group.objects.create(name="Accounting")
        row = {
            "id": team.pk,
            "name": "Engineering",
            "role": "member",
            "member_count": 3,
            "created_at": api(alice).get(GROUPS).json()["groups"][0]["created_at"],
        }
        assert MOMENT.fullmatch(row["created_at"])
        assert api(alice).get(GROUPS).json() == {"groups": [row]}
        assert api(dana).get(GROUPS).json() == {"groups": [{**row, "role": "admin"}]}
        seen = api(otto).get(GROUPS).json()["groups"]
        assert [group["id"] for group in seen] == [empty.pk, team.pk]
        assert seen[1] == {**row, "role": None}
        assert (seen[0]["role"], seen[0]["member_count"]) == (None, 0)

    def test_the_details_have_the_members_by_user_name(
        self, api: Api, alice: User, bob: User, dana: User, team: Group
    ) -> None:
        answer = api(bob).get(f"{GROUPS}/{team.pk}").json()
        joined = [member.pop("joined_at") for member in answer["members"]]
        assert all(MOMENT.fullmatch(moment) for moment in joined)
        assert answer.pop("members") == [
            {"user_id": alice.pk, "username": "alice", "role": "member"},
            {"user_id": bob.pk, "username": "bob", "role": "member"},
            {"user_id": dana.pk, "username": "dana", "role": "admin"},
        ]
        assert answer == api(bob).get(GROUPS).json()["groups"][0]

    @pytest.mark.parametrize("path", ["", "/{pk}"])
    def test_it_costs_the_same_for_any_number(
        self, api: Api, otto: User, team: Group, path: str
    ) -> None:
        url = GROUPS + path.format(pk=team.pk)
        with CaptureQueriesContext(connection) as few:
            api(otto).get(url)
        groups = Group.objects.bulk_create(Group(name=f"Group {n}") for n in range(30))
        people = [make_user(f"user{n}") for n in range(30)]
        for group in [*groups, team]:
            Membership.objects.bulk_create(Membership(group=group, user=u) for u in people)
        with CaptureQueriesContext(connection) as many:
            api(otto).get(url)
        assert len(many) == len(few) <= 2


class TestGroups:
    def test_an_operator_makes_an_empty_one_and_is_not_in_it(
        self, api: Api, otto: User, trail: Any
    ) -> None:
        made = api(otto).post(GROUPS, {"name": "  Sales "})
        assert made.status_code == 201
        group = Group.objects.get()
        assert made.json() == {
            "id": group.pk,
            "name": "Sales",
            "role": None,
            "member_count": 0,
            "created_at": made.json()["created_at"],
        }
        assert trail() == [("otto", "group.create", "Sales")]

    def test_a_name_is_there_once(self, api: Api, otto: User, team: Group, trail: Any) -> None:
        other = Group.objects.create(name="Sales")
        taken = {"error": "A group with this name already exists"}
        for answer in (
            api(otto).post(GROUPS, {"name": "Engineering"}),
            api(otto).patch(f"{GROUPS}/{other.pk}", {"name": " Engineering"}),
        ):
            assert (answer.status_code, answer.json()) == (409, taken)
        assert Group.objects.count() == 2
        assert trail() == []

    @pytest.mark.parametrize(
        "body",
        [None, {}, {"name": None}, {"name": " "}, {"name": 5}, {"name": ["a"]}, {"name": "x" * 101}]
        + [{"name": "a\x00b"}, {"name": True}, ["name"], "name"],
    )
    def test_a_bad_name_is_refused(self, api: Api, otto: User, team: Group, body: Any) -> None:
        for answer in (
            api(otto).post(GROUPS, body),
            api(otto).patch(f"{GROUPS}/{team.pk}", body),
        ):
            assert answer.status_code == 400, answer.content
            assert isinstance(answer.json()["error"], str)
        assert list(Group.objects.values_list("name", flat=True)) == ["Engineering"]

    def test_what_no_database_can_hold_is_refused(self, api: Api, otto: User, team: Group) -> None:
        for url, body in ((GROUPS, r'{"name":"\ud800"}'), (of_group(team), r'{"user":"\ud800"}')):
            answer = api(otto).post(url, body, content_type="application/json")
            assert answer.status_code == 400

    def test_the_longest_name_is_kept(self, api: Api, otto: User) -> None:
        assert api(otto).post(GROUPS, {"name": "ü" * 100}).json()["name"] == "ü" * 100

    def test_it_is_renamed(self, api: Api, otto: User, team: Group, trail: Any) -> None:
        answer = api(otto).patch(f"{GROUPS}/{team.pk}", {"name": "Research"})
        assert (answer.json()["name"], answer.json()["member_count"]) == ("Research", 3)
        assert api(otto).patch(f"{GROUPS}/{team.pk}", {"name": "Research"}).status_code == 200
        assert Group.objects.get().name == "Research"
        assert trail() == [("otto", "group.rename", "Engineering to Research")]

    def test_its_tags_and_folders_go_with_it_and_recordings_stay(
        self, api: Api, otto: User, alice: User, team: Group, trail: Any
    ) -> None:
        tag, folder = make_tag(group=team), make_folder(group=team)
        own = make_tag(owner=alice, name="Mine")
        recording = make_recording(owner=alice, folder=folder)
        for position, each in enumerate((tag, own)):
            RecordingTag.objects.create(recording=recording, tag=each, position=position)
        answer = api(otto).delete(f"{GROUPS}/{team.pk}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert not Group.objects.exists()
        assert not Membership.objects.exists()
        assert (list(Tag.objects.all()), Folder.objects.count()) == ([own], 0)
        kept = Recording.objects.get()
        assert (kept.folder, list(kept.tags.all())) == (None, [own])
        assert User.objects.filter(username="alice").exists()
        assert trail() == [("otto", "group.delete", "Engineering")]


class TestMembers:
    @pytest.mark.parametrize("name", ["carol", "carol@example.com", "CAROL@Example.com", " carol "])
    def test_one_is_added_by_user_name_or_e_mail(
        self, api: Api, dana: User, carol: User, team: Group, trail: Any, name: str
    ) -> None:
        answer = api(dana).post(of_group(team), {"user": name, "role": "admin"})
        assert answer.status_code == 201
        assert answer.json() == {
            "user_id": carol.pk,
            "username": "carol",
            "role": "admin",
            "joined_at": answer.json()["joined_at"],
        }
        assert MOMENT.fullmatch(answer.json()["joined_at"])
        assert ("carol", "admin") in members(team)
        assert trail() == [("dana", "member.add", "carol, admin, in Engineering")]
        assert api(carol).get(f"{GROUPS}/{team.pk}").status_code == 200

    def test_without_a_role_one_is_a_member(self, api: Api, dana: User, carol: User, team: Group):
        assert api(dana).post(of_group(team), {"user": "carol"}).json()["role"] == "member"

    @pytest.mark.parametrize(
        "name", ["caro", "carol%", "Carol", "@example.com", "*", "carol@", "_"]
    )
    def test_only_an_exact_name_finds_anybody(
        self, api: Api, dana: User, carol: User, team: Group, name: str
    ) -> None:
        answer = api(dana).post(of_group(team), {"user": name})
        assert (answer.status_code, answer.json()) == (404, {"error": "User not found"})

    def test_who_is_not_active_is_not_found(
        self, api: Api, dana: User, carol: User, team: Group
    ) -> None:
        User.objects.filter(pk=carol.pk).update(is_active=False)
        assert api(dana).post(of_group(team), {"user": "carol"}).status_code == 404

    def test_an_e_mail_is_its_owner_s_even_if_another_took_it_as_a_user_name(
        self, api: Api, dana: User, carol: User, team: Group
    ) -> None:
        User.objects.filter(pk=carol.pk).update(email="c@example.com")
        User.objects.create_user("c@example.com", email="mallory@example.com", password="x")
        answer = api(dana).post(of_group(team), {"user": "c@example.com"})
        assert answer.json()["user_id"] == carol.pk

    def test_a_member_is_not_added_again(self, api: Api, dana: User, bob: User, team: Group):
        answer = api(dana).post(of_group(team), {"user": "bob", "role": "admin"})
        assert answer.status_code == 409
        assert answer.json() == {"error": "This user is already a member"}
        assert ("bob", "member") in members(team)

    @pytest.mark.parametrize(
        "body",
        [None, {}, {"user": ""}, {"user": None}, {"user": 5}, {"user": ["carol"]}, {"user": True}]
        + [{"user": "c\x00"}, {"user": "x" * 10_000}, ["carol"]]
        + [
            {"user": "carol", "role": role}
            for role in ("owner", "", None, 1, True, [], {}, "Admin")
        ],
    )
    def test_a_bad_body_adds_nobody(
        self, api: Api, dana: User, carol: User, team: Group, body: Any
    ) -> None:
        answer = api(dana).post(of_group(team), body)
        assert answer.status_code == 400, answer.content
        assert isinstance(answer.json()["error"], str)
        assert "carol" not in dict(members(team))

    @pytest.mark.parametrize("role", ["owner", "", None, 1, False, [], {"a": 1}, "ADMIN", "absent"])
    def test_a_bad_role_changes_nothing(
        self, api: Api, dana: User, bob: User, team: Group, role: Any
    ) -> None:
        answer = api(dana).patch(of_group(team, bob), {} if role == "absent" else {"role": role})
        assert answer.status_code == 400
        assert answer.json()["error"] == "role must be one of admin, member"
        assert ("bob", "member") in members(team)

    def test_a_role_is_changed_and_what_changes_nothing_leaves_no_trail(
        self, api: Api, dana: User, bob: User, team: Group, trail: Any
    ) -> None:
        for _ in range(2):
            answer = api(dana).patch(of_group(team, bob), {"role": "admin"})
            assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        assert ("bob", "admin") in members(team)
        assert trail() == [("dana", "member.role", "bob, now admin, in Engineering")]

    @pytest.mark.parametrize("pk", [999_999, 10**30, 0])
    @pytest.mark.parametrize("method", ["patch", "delete"])
    def test_who_is_no_member_is_not_found(
        self, api: Api, dana: User, carol: User, team: Group, method: str, pk: int
    ) -> None:
        for member in (pk, carol.pk):
            url = f"{of_group(team)}/{member}"
            answer = getattr(api(dana), method)(url, {"role": "admin"})
            assert (answer.status_code, answer.json()) == (404, {"error": "Member not found"})

    def test_a_member_leaves(
        self, api: Api, bob: User, carol: User, otto: User, team: Group, trail: Any
    ) -> None:
        assert api(bob).delete(of_group(team, bob)).status_code == 204
        assert api(bob).delete(of_group(team, bob)).status_code == 404
        assert api(bob).get(f"{GROUPS}/{team.pk}").status_code == 404
        assert api(otto).delete(of_group(team, otto)).status_code == 404
        assert trail() == [("bob", "member.remove", "bob, member, in Engineering")]

    @pytest.mark.parametrize("person", ["dana", "otto"])
    def test_the_last_admin_stays_one(
        self, request: Any, api: Api, bob: User, dana: User, team: Group, person: str, trail: Any
    ) -> None:
        client = api(request.getfixturevalue(person))
        for answer in (
            client.patch(of_group(team, dana), {"role": "member"}),
            client.delete(of_group(team, dana)),
        ):
            assert (answer.status_code, answer.json()) == (409, {"error": LAST_ADMIN})
        assert ("dana", "admin") in members(team)
        assert trail() == []
        assert client.patch(of_group(team, bob), {"role": "admin"}).status_code == 200
        assert client.delete(of_group(team, dana)).status_code == 204

    def test_an_admin_who_cannot_log_in_is_no_other_admin(
        self, api: Api, bob: User, dana: User, team: Group
    ) -> None:
        Membership.objects.filter(user=bob).update(role=Membership.Role.ADMIN)
        User.objects.filter(pk=bob.pk).update(is_active=False)
        assert api(dana).delete(of_group(team, dana)).status_code == 409

    def test_what_they_could_use_ends_with_the_membership(
        self, api: Api, bob: User, dana: User, team: Group
    ) -> None:
        tag = make_tag(group=team)
        assert [t["id"] for t in api(bob).get("/api/v1/tags").json()["tags"]] == [tag.pk]
        api(dana).delete(of_group(team, bob))
        assert api(bob).get("/api/v1/tags").json()["tags"] == []
