"""Tags over the API, where they differ from folders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from constance import config
from rest_framework.test import APIClient

from accounts.models import Group, User
from organizing.models import Tag
from recordings.models import Recording, RecordingTag
from tests.factories import make_recording, make_tag

TAGS = "/api/v1/tags"
FLAGS = ("auto_share_on_apply", "share_with_group_lead")


def test_a_tag_is_made_as_it_is_listed(client: APIClient) -> None:
    response = client.post(TAGS, {"name": "Interviews", "color": "#10B981", "group_id": None})
    assert response.status_code == 201
    assert response.json()["can_edit"] is True
    assert client.get(TAGS).json() == {"tags": [response.json()]}


def test_a_group_s_tag_is_made_by_its_admin(
    api: Callable[[User], APIClient], dana: User, group: Group
) -> None:
    made = api(dana).post(TAGS, {"name": "Ours", "group_id": group.pk}).json()
    assert (made["is_group_tag"], made["group_id"], made["can_edit"]) == (True, group.pk, True)
    assert Tag.objects.get().owner is None


def test_zero_is_a_group_like_any_other_that_does_not_exist(client: APIClient) -> None:
    response = client.post(TAGS, {"name": "Ours", "group_id": 0})
    assert response.status_code == 403
    assert response.json() == {"error": "Only group admins can create group tags"}


@pytest.mark.parametrize("body", ["{}", ""])
def test_a_change_of_nothing_is_refused(client: APIClient, alice: User, body: str) -> None:
    url = f"{TAGS}/{make_tag(owner=alice).pk}"
    response = client.generic("PUT", url, body, "application/json")
    assert (response.status_code, response.json()) == (400, {"error": "No data provided"})


def test_a_change_says_what_became_of_the_tag(client: APIClient, alice: User) -> None:
    tag = make_tag(owner=alice)
    response = client.put(f"{TAGS}/{tag.pk}", {"name": "After"})
    assert response.status_code == 200
    (listed,) = client.get(TAGS).json()["tags"]
    assert response.json() == {"success": True, "tag": listed}
    assert listed["name"] == "After"


def test_a_change_does_not_move_a_tag(
    api: Callable[[User], APIClient], dana: User, group: Group
) -> None:
    tags = [make_tag(owner=dana), make_tag(group=group)]
    for tag, group_id in zip(tags, (group.pk, 0), strict=True):
        for value in (group_id, "nonsense"):
            response = api(dana).put(f"{TAGS}/{tag.pk}", {"group_id": value})
            assert response.status_code == 200
        before = (tag.owner_id, tag.group_id)
        tag.refresh_from_db()
        assert (tag.owner_id, tag.group_id) == before


def test_protection_is_a_matter_of_its_own(client: APIClient) -> None:
    body = {"name": "Contracts", "protect_from_deletion": True, "retention_days": 30}
    made = client.post(TAGS, body).json()
    assert (made["protect_from_deletion"], made["retention_days"]) == (True, 30)
    for value in ("false", 0, None):
        response = client.put(f"{TAGS}/{made['id']}", {"protect_from_deletion": value})
        assert response.status_code == 400
    response = client.put(f"{TAGS}/{made['id']}", {"protect_from_deletion": False})
    assert response.json()["tag"]["protect_from_deletion"] is False


def test_only_a_group_has_anybody_to_share_with(
    api: Callable[[User], APIClient], dana: User, group: Group
) -> None:
    client, refused = api(dana), dict.fromkeys(FLAGS, False)
    for group_id, expected in ((None, [True, True]), (group.pk, [False, False])):
        made = client.post(TAGS, {"name": "Tag", "group_id": group_id, **refused}).json()
        changed = client.put(f"{TAGS}/{made['id']}", refused).json()["tag"]
        assert [made[flag] for flag in FLAGS] == [changed[flag] for flag in FLAGS] == expected


def test_recordings_outlive_their_tag(client: APIClient, alice: User, carol: User) -> None:
    tag, other = make_tag(owner=alice), make_tag(owner=alice, name="Other")
    for owner in (alice, carol):
        recording = make_recording(owner=owner)
        for position, each in enumerate((tag, other)):
            RecordingTag.objects.create(recording=recording, tag=each, position=position)
    response = client.delete(f"{TAGS}/{tag.pk}")
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Tag deleted"}
    assert Recording.objects.count() == 2
    assert set(RecordingTag.objects.values_list("tag", flat=True)) == {other.pk}
    assert client.delete(f"{TAGS}/{tag.pk}").status_code == 404


def test_tags_need_no_switch(client: APIClient) -> None:
    config.enable_folders = False
    assert client.post(TAGS, {"name": "Work"}).status_code == 201
