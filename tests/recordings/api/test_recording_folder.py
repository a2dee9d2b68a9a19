"""The folder of a recording: how it is shown, moving by PATCH, the list's filter.

http-contract.md, 0.1.2, 0.1.25, 0.1.34, 8.2, 8.8, 14.
"""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from organizing.models import Folder
from recordings.models import Recording
from recordings.models.filing import shown_filing
from recordings.services.edit import edit_recording
from speakr_site.core.errors import NotAllowed
from tests.factories import make_folder, make_recording, make_tag

pytestmark = pytest.mark.django_db

DISABLED = {"error": "Folders feature is not enabled"}


@pytest.fixture
def folder(alice: User) -> Folder:
    return make_folder(owner=alice)


@pytest.fixture
def enabled(db: None) -> None:
    config.enable_folders = True


def patch(client: APIClient, recording: Recording, **body: Any) -> Response:
    return client.patch(f"/api/v1/recordings/{recording.pk}", body)


def shown(client: APIClient, recording: Recording) -> tuple[int | None, dict | None]:
    """As the details have it; the list has the same."""
    detail = client.get(f"/api/v1/recordings/{recording.pk}").json()
    items = client.get("/api/v1/recordings").json()["recordings"]
    (item,) = (item for item in items if item["id"] == recording.pk)
    pair = (detail["folder_id"], detail["folder"])
    assert pair == (item["folder_id"], item["folder"])
    return pair


@pytest.mark.usefixtures("enabled")
class TestMoving:
    def test_a_recording_is_moved_in_and_out(
        self, client: APIClient, recording: Recording, folder: Folder
    ) -> None:
        response = patch(client, recording, folder_id=folder.pk)
        assert response.status_code == 200
        assert response.json()["recording"]["folder_id"] == folder.pk
        assert shown(client, recording) == (folder.pk, {"id": folder.pk, "name": "Clients"})
        assert patch(client, recording, folder_id=None).json()["recording"]["folder_id"] is None
        assert shown(client, recording) == (None, None)

    def test_a_member_moves_into_a_folder_of_the_group(
        self, client: APIClient, recording: Recording, group: Group
    ) -> None:
        team = make_folder(group=group, name="Team")
        assert patch(client, recording, folder_id=team.pk).status_code == 200
        assert shown(client, recording) == (team.pk, {"id": team.pk, "name": "Team"})

    @pytest.mark.parametrize("folder_id", [0, -1, 10**6])
    def test_an_unknown_folder_is_not_found_and_nothing_changes(
        self, client: APIClient, recording: Recording, folder: Folder, folder_id: int
    ) -> None:
        patch(client, recording, folder_id=folder.pk)
        response = patch(client, recording, title="After", folder_id=folder_id)
        assert response.status_code == 404
        assert response.json() == {"error": f"Folder {folder_id} not found"}
        recording.refresh_from_db()
        assert (recording.title, recording.folder) == ("Team meeting", folder)

    def test_a_folder_of_others_is_refused_and_nothing_changes(
        self, client: APIClient, recording: Recording, carol: User
    ) -> None:
        sales = Group.objects.create(name="Sales")
        for target in (make_folder(owner=carol), make_folder(group=sales)):
            response = patch(client, recording, title="After", folder_id=target.pk)
            assert response.status_code == 403
            assert response.json() == {"error": "No access to target folder"}
        recording.refresh_from_db()
        assert (recording.title, recording.folder) == ("Team meeting", None)

    @pytest.mark.parametrize("wrong", ["abc", "5", True, 1.5, [1], 10**30])
    def test_a_malformed_id_is_refused(
        self, client: APIClient, recording: Recording, wrong: Any
    ) -> None:
        response = patch(client, recording, title="After", folder_id=wrong)
        assert response.status_code == 400
        assert "folder_id" in response.json()["error"]

    @pytest.mark.parametrize("name", ["folder_id", "deletion_exempt"])
    def test_only_the_owner_may(
        self, recording: Recording, bob: User, group: Group, name: str
    ) -> None:
        value = make_folder(group=group).pk if name == "folder_id" else True
        with pytest.raises(NotAllowed, match="Permission denied - only owner can change"):
            edit_recording(recording=recording, by=bob, changes={"title": "After", name: value})
        recording.refresh_from_db()
        assert (recording.title, recording.folder, recording.deletion_exempt) == (
            "Team meeting",
            None,
            False,
        )


class TestWhileDisabled:
    @pytest.mark.parametrize("known", [True, False])
    def test_nothing_is_moved(
        self, client: APIClient, recording: Recording, folder: Folder, known: bool
    ) -> None:
        response = patch(client, recording, title="After", folder_id=folder.pk if known else 99)
        assert (response.status_code, response.json()) == (403, DISABLED)
        recording.refresh_from_db()
        assert (recording.title, recording.folder) == ("Team meeting", None)

    def test_no_folder_is_shown_although_it_stays(
        self, client: APIClient, alice: User, folder: Folder
    ) -> None:
        recording = make_recording(owner=alice, folder=folder)
        assert shown(client, recording) == (None, None)
        assert patch(client, recording, title="After").json()["recording"]["folder_id"] is None
        config.enable_folders = True
        assert shown(client, recording)[0] == folder.pk

    @pytest.mark.parametrize("wanted", ["none", "NONE", "5"])
    def test_the_list_is_not_filtered(self, client: APIClient, wanted: str) -> None:
        response = client.get("/api/v1/recordings", {"folder_id": wanted})
        assert (response.status_code, response.json()) == (403, DISABLED)


@pytest.mark.usefixtures("enabled")
class TestFiltering:
    def test_the_list_is_filtered_by_folder_and_by_none(
        self, client: APIClient, alice: User, bob: User, group: Group, folder: Folder
    ) -> None:
        team = make_folder(group=group, name="Team")
        for owner, title, where in [
            (alice, "in", folder),
            (alice, "team", team),
            (alice, "out", None),
            (bob, "bob's", team),
        ]:
            make_recording(owner=owner, title=title, folder=where)

        def found(folder_id: Any) -> list[str]:
            body = client.get("/api/v1/recordings", {"folder_id": folder_id}).json()
            return [item["title"] for item in body["recordings"]]

        assert found(folder.pk) == ["in"]
        assert found(team.pk) == ["team"]
        assert found("none") == found(" None ") == ["out"]
        assert found(10**6) == []
        assert len(found("")) == 3

    @pytest.mark.parametrize("wrong", ["mine", "-1", "1.5", "9" * 19, "nonesuch", "٣"])
    def test_a_malformed_folder_is_refused(self, client: APIClient, wrong: str) -> None:
        response = client.get("/api/v1/recordings", {"folder_id": wrong})
        assert response.status_code == 400
        assert "folder_id" in response.json()["error"]

    def test_a_page_of_filed_recordings_costs_five_queries(
        self, client: APIClient, alice: User, group: Group
    ) -> None:
        folders = [make_folder(owner=alice), make_folder(group=group)]
        tags = [make_tag(owner=alice), make_tag(group=group)]

        def queries() -> list[str]:
            with CaptureQueriesContext(connection) as captured:
                client.get("/api/v1/recordings", {"per_page": 100})
            return [entry["sql"] for entry in captured]

        for number in range(40):
            made = make_recording(owner=alice, folder=folders[number % 2])
            for position, tag in enumerate(tags):
                made.tag_links.create(tag=tag, position=position)
            if number == 0:
                one = queries()
        many = queries()
        # Settings, count, rows, tags, folders.
        assert len(one) == len(many) == 5, "\n".join(many)
        assert "custom_prompt" not in " ".join(many)


class TestWhoSeesIt:
    """`shown_filing` on recordings of others, which nobody can open yet."""

    def folder_shown(self, recording: Recording, viewer: User) -> Folder | None:
        rows = Recording.objects.filter(pk=recording.pk).for_list()
        return shown_filing(rows, viewer=viewer, folders_enabled=True)[recording.pk].folder

    def test_a_private_folder_is_its_owners_alone(
        self, alice: User, bob: User, folder: Folder
    ) -> None:
        recording = make_recording(owner=alice, folder=folder)
        assert self.folder_shown(recording, alice) == folder
        assert self.folder_shown(recording, bob) is None

    def test_a_groups_folder_is_seen_by_the_group_and_by_the_owner_who_left(
        self, alice: User, bob: User, carol: User, group: Group
    ) -> None:
        team = make_folder(group=group)
        recording = make_recording(owner=alice, folder=team)
        Membership.objects.filter(user=alice).delete()
        assert self.folder_shown(recording, alice) == team
        assert self.folder_shown(recording, bob) == team
        assert self.folder_shown(recording, carol) is None

    def test_a_viewer_sees_their_own_tags_and_those_of_their_groups(
        self, alice: User, bob: User, group: Group
    ) -> None:
        recording = make_recording(owner=alice)
        sales = Group.objects.create(name="Sales")
        tags = [
            make_tag(owner=alice, name="Private"),
            make_tag(group=group, name="Team"),
            make_tag(group=sales, name="Sales"),
            make_tag(owner=bob, name="Note"),
        ]
        for position, tag in enumerate(tags):
            recording.tag_links.create(tag=tag, position=position)
        rows = Recording.objects.for_list()

        def names(viewer: User) -> list[str]:
            filing = shown_filing(rows, viewer=viewer, folders_enabled=False)[recording.pk]
            return [tag.name for tag in filing.tags]

        assert names(bob) == ["Team", "Note"]
        assert names(alice) == ["Private", "Team"]


def test_an_owner_exempts_a_recording_from_retention(
    client: APIClient, recording: Recording
) -> None:
    assert patch(client, recording, deletion_exempt=True).status_code == 200
    detail = client.get(f"/api/v1/recordings/{recording.pk}").json()
    assert detail["deletion_exempt"] is True
    for wrong in ("true", 1, None):
        assert patch(client, recording, deletion_exempt=wrong).status_code == 400
    patch(client, recording, deletion_exempt=False)
    recording.refresh_from_db()
    assert recording.deletion_exempt is False
