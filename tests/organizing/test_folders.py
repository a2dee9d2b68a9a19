"""Folders over the API: the operator's switch, keeping, sharing, whose they are, deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constance import config
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from accounts.services import issue_token
from organizing.models import Folder
from tests.conftest import make_user
from tests.factories import make_folder, make_recording

FOLDERS = "/api/v1/folders"
FLAGS = ("auto_share_on_apply", "share_with_group_lead")


def patch(client: APIClient, folder: Folder, **body: Any) -> Any:
    return client.patch(f"{FOLDERS}/{folder.pk}", body)


class TestSwitchedOff:
    @pytest.fixture(autouse=True)
    def _folders_are_off(self, _folders_are_on: None) -> None:
        config.enable_folders = False

    def test_the_list_is_empty(self, client: APIClient, alice: User) -> None:
        make_folder(owner=alice)
        response = client.get(FOLDERS)
        assert (response.status_code, response.json()) == (200, [])

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE", "POST"])
    @pytest.mark.parametrize("body", ["", "{}", "[", '{"name": 5, "group_id": 99}'])
    def test_everything_else_is_refused_before_anything_else(
        self, api: Callable[[User], APIClient], alice: User, carol: User, method: str, body: str
    ) -> None:
        folder = make_folder(owner=alice)
        for person in (alice, carol):
            for pk in (folder.pk, 999999):
                url = FOLDERS if method == "POST" else f"{FOLDERS}/{pk}"
                response = api(person).generic(method, url, body, "text/plain")
                assert response.status_code == 403
                assert response.json() == {"error": "Folders feature is not enabled"}
        assert Folder.objects.get() == folder

    def test_strangers_are_refused_as_strangers_first(self) -> None:
        assert Client().get(f"{FOLDERS}/1").status_code == 401

    def test_the_methods_can_be_asked_for(self, client: APIClient) -> None:
        assert client.options(FOLDERS).json() == {"allowed": ["GET", "POST", "HEAD", "OPTIONS"]}

    def test_it_is_the_operator_s_word_at_that_moment(self, client: APIClient) -> None:
        assert client.post(FOLDERS, {"name": "Clients"}).status_code == 403
        config.enable_folders = True
        assert client.post(FOLDERS, {"name": "Clients"}).status_code == 201
        assert len(client.get(FOLDERS).json()) == 1


class TestKeeping:
    def test_a_folder_is_protected_exactly_while_it_keeps_for_ever(self, client: APIClient) -> None:
        made = client.post(FOLDERS, {"name": "Clients", "retention_days": -1}).json()
        assert (made["retention_days"], made["protect_from_deletion"]) == (-1, True)
        for days, is_protected in ((30, False), (-1, True), (None, False)):
            url = f"{FOLDERS}/{made['id']}"
            changed = client.patch(url, {"retention_days": days}).json()
            assert (changed["retention_days"], changed["protect_from_deletion"]) == (
                days,
                is_protected,
            )

    def test_protection_cannot_be_set_by_itself(self, client: APIClient, alice: User) -> None:
        made = client.post(FOLDERS, {"name": "Clients", "protect_from_deletion": True}).json()
        assert (made["retention_days"], made["protect_from_deletion"]) == (None, False)
        kept = make_folder(owner=alice, name="Kept", retention_days=-1)
        assert patch(client, kept, protect_from_deletion=False).json()["protect_from_deletion"]


class TestTemplates:
    def test_there_are_none_for_exports_yet(self, client: APIClient, alice: User) -> None:
        folder = make_folder(owner=alice)
        key, sentence = "export_template_id", "Export template not found"
        for value in (1, 0, -1, 2**63 - 1):
            for response in (
                client.post(FOLDERS, {"name": "New", key: value}),
                patch(client, folder, name="After", **{key: value}),
            ):
                assert (response.status_code, response.json()) == (404, {"error": sentence})
        assert Folder.objects.get().name == "Clients"
        for response in (
            client.post(FOLDERS, {"name": "New", key: "1"}),
            patch(client, folder, **{key: True}),
        ):
            assert response.status_code == 400

    def test_null_is_taken(self, client: APIClient) -> None:
        body = {"name": "New", "naming_template_id": None, "export_template_id": None}
        made = client.post(FOLDERS, body)
        assert made.status_code == 201
        assert client.patch(f"{FOLDERS}/{made.json()['id']}", body).status_code == 200


class TestSharing:
    def test_a_person_has_nobody_to_share_with(self, client: APIClient) -> None:
        refused = dict.fromkeys(FLAGS, False)
        made = client.post(FOLDERS, {"name": "Mine", **refused}).json()
        changed = client.patch(f"{FOLDERS}/{made['id']}", refused).json()
        for folder in (made, changed):
            assert [folder[flag] for flag in FLAGS] == [True, True]

    def test_a_group_chooses(
        self, api: Callable[[User], APIClient], dana: User, group: Group
    ) -> None:
        client = api(dana)
        body = {"name": "Ours", "group_id": group.pk, "auto_share_on_apply": False}
        made = client.post(FOLDERS, body).json()
        assert [made[flag] for flag in FLAGS] == [False, True]
        url = f"{FOLDERS}/{made['id']}"
        changed = client.patch(url, {"share_with_group_lead": False}).json()
        assert [changed[flag] for flag in FLAGS] == [False, False]


class TestWhoseItIs:
    def test_a_person_gives_a_folder_to_a_group_and_takes_it_back(
        self, api: Callable[[User], APIClient], dana: User, group: Group
    ) -> None:
        client, folder = api(dana), make_folder(owner=dana)
        given = patch(client, folder, group_id=group.pk, auto_share_on_apply=False).json()
        told = ("group_id", "is_group_folder", "group_name", "user_role", "can_edit")
        expected = [group.pk, True, "Engineering", "admin", True]
        assert [given[key] for key in told] == expected
        assert given["auto_share_on_apply"] is False
        for nobody in (0, None):
            taken = patch(client, folder, group_id=nobody).json()
            assert [taken[key] for key in told] == [None, False, None, None, True]
            assert taken["auto_share_on_apply"] is True
        folder.refresh_from_db()
        assert (folder.owner, folder.group) == (dana, None)

    def test_both_sides_must_be_theirs(
        self, api: Callable[[User], APIClient], alice: User, dana: User, group: Group
    ) -> None:
        foreign = Group.objects.create(name="Others")
        mine, ours = make_folder(owner=alice), make_folder(group=group)
        for person, folder, group_id, sentence in (
            (alice, mine, group.pk, "Only group admins can assign folders to groups"),
            (alice, mine, 999999, "Only group admins can assign folders to groups"),
            (dana, ours, foreign.pk, "Only group admins can assign folders to groups"),
            (alice, ours, None, "Only group admins can edit group folders"),
            (dana, mine, group.pk, "You do not have permission to edit this folder"),
        ):
            response = patch(api(person), folder, group_id=group_id)
            assert (response.status_code, response.json()) == (403, {"error": sentence})
        assert set(Folder.objects.values_list("owner", "group")) == {
            (alice.pk, None),
            (None, group.pk),
        }

    def test_the_group_that_has_it_already_changes_nothing(
        self, api: Callable[[User], APIClient], dana: User, bob: User, group: Group
    ) -> None:
        folder = make_folder(group=group, auto_share_on_apply=False)
        make_recording(owner=make_user("erin"), folder=folder)
        response = patch(api(dana), folder, group_id=group.pk, name="After").json()
        assert (response["name"], response["group_id"]) == ("After", group.pk)
        assert (response["auto_share_on_apply"], response["recording_count"]) == (False, 1)

    def test_a_name_that_is_taken_there_stops_it(
        self, api: Callable[[User], APIClient], dana: User, group: Group
    ) -> None:
        make_folder(group=group)
        folder = make_folder(owner=dana)
        response = patch(api(dana), folder, group_id=group.pk)
        assert response.status_code == 400
        assert response.json() == {"error": "Another folder with this name already exists"}
        assert patch(api(dana), folder, group_id=group.pk, name="Other").status_code == 200

    def test_recordings_of_people_who_may_not_use_it_there_leave_it(
        self, api: Callable[[User], APIClient], alice: User, bob: User, dana: User, group: Group
    ) -> None:
        second = Group.objects.create(name="Second")
        for user, role in ((dana, Membership.Role.ADMIN), (bob, Membership.Role.MEMBER)):
            Membership.objects.create(group=second, user=user, role=role)
        folder = make_folder(group=group)
        filed = {
            person: make_recording(owner=person, folder=folder) for person in (alice, bob, dana)
        }
        elsewhere = make_recording(owner=alice, folder=make_folder(owner=alice))

        def owners() -> set[str]:
            return set(folder.recordings.values_list("owner__username", flat=True))

        assert patch(api(dana), folder, group_id=second.pk).json()["recording_count"] == 2
        assert owners() == {"bob", "dana"}
        assert patch(api(dana), folder, group_id=None).json()["recording_count"] == 1
        assert owners() == {"dana"}
        for recording in (*filed, elsewhere):
            recording.refresh_from_db()
        assert elsewhere.folder is not None


def test_a_folder_of_one_s_own_takes_zero_for_no_group(client: APIClient) -> None:
    made = client.post(FOLDERS, {"name": "Clients", "group_id": 0}).json()
    assert (made["group_id"], made["is_group_folder"]) == (None, False)


def test_an_empty_body_changes_nothing(client: APIClient, alice: User) -> None:
    folder = make_folder(owner=alice, color="#000000")
    before = client.get(f"{FOLDERS}/{folder.pk}").json()
    for method in ("PATCH", "PUT"):
        response = client.generic(method, f"{FOLDERS}/{folder.pk}", "{}", "application/json")
        assert (response.status_code, response.json()) == (200, before)


def test_recordings_outlive_their_folder(client: APIClient, alice: User, carol: User) -> None:
    folder = make_folder(owner=alice)
    recordings = [make_recording(owner=owner, folder=folder) for owner in (alice, carol)]
    response = client.delete(f"{FOLDERS}/{folder.pk}")
    assert (response.status_code, response.json()) == (200, {"success": True})
    for recording in recordings:
        recording.refresh_from_db()
        assert recording.folder_id is None
    assert client.delete(f"{FOLDERS}/{folder.pk}").status_code == 404


def test_a_real_token_does_it_all(alice: User) -> None:
    _, secret = issue_token(user=alice, name="phone")
    client = APIClient(headers={"X-API-Token": secret})
    made = client.post(FOLDERS, {"name": "Clients"}).json()
    assert client.get(f"{FOLDERS}/{made['id']}").json() == made
    assert client.get(FOLDERS).json() == [made]
