"""POST /recordings/{id}/tags and DELETE /recordings/{id}/tags/{tag_id}, and how tags are shown.

http-contract.md, 0.1.25, 0.1.34, 12.5, 12.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from organizing.models import Tag
from recordings.models import Recording, RecordingTag
from recordings.services.filing import add_tags, remove_tag
from speakr_site.core.errors import NotAllowed, NotFound
from tests.factories import make_recording, make_tag

pytestmark = pytest.mark.django_db


def add(client: APIClient, recording: Recording, body: Any) -> Response:
    return client.post(f"/api/v1/recordings/{recording.pk}/tags", body)


def added(client: APIClient, recording: Recording, *tags: Tag) -> dict[str, Any]:
    response = add(client, recording, {"tag_ids": [tag.pk for tag in tags]})
    assert response.status_code == 200, response.content
    return response.json()


def take(client: APIClient, recording: Recording, tag_id: Any) -> Response:
    return client.delete(f"/api/v1/recordings/{recording.pk}/tags/{tag_id}")


def carried(recording: Recording) -> list[str]:
    """The names of all tags on it, in order."""
    return [link.tag.name for link in recording.tag_links.order_by("position")]


def shown(client: APIClient, recording: Recording) -> list[str]:
    """The names in the details; the list shows the same."""
    tags = client.get(f"/api/v1/recordings/{recording.pk}").json()["tags"]
    items = client.get("/api/v1/recordings").json()["recordings"]
    assert [item["tags"] for item in items if item["id"] == recording.pk] == [tags]
    return [tag["name"] for tag in tags]


class TestAttaching:
    def test_tags_are_attached_in_the_order_given(
        self, client: APIClient, recording: Recording, alice: User, group: Group
    ) -> None:
        work, plan = make_tag(owner=alice), make_tag(owner=alice, name="Plan")
        team = make_tag(group=group, name="Team", color="#10B981")
        assert added(client, recording, plan, team) == {
            "success": True,
            "added_tags": [{"id": plan.pk, "name": "Plan"}, {"id": team.pk, "name": "Team"}],
            "errors": None,
        }
        added(client, recording, work)
        assert shown(client, recording) == ["Plan", "Team", "Work"]
        detail = client.get(f"/api/v1/recordings/{recording.pk}").json()
        assert detail["tags"][1] == {"id": team.pk, "name": "Team", "color": "#10B981"}
        assert {link.added_by for link in recording.tag_links.all()} == {alice}

    def test_one_tag_may_come_as_tag_id(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        work, plan = make_tag(owner=alice), make_tag(owner=alice, name="Plan")
        for body in ({"tag_id": work.pk}, {"tag_ids": [plan.pk], "tag_id": 10**6}):
            assert add(client, recording, body).json()["errors"] is None
        assert add(client, recording, {"tag_ids": [], "tag_id": work.pk}).status_code == 200
        assert add(client, recording, {"tag_ids": None, "tag_id": work.pk}).status_code == 200
        assert carried(recording) == ["Work", "Plan"]

    def test_what_is_there_or_comes_twice_is_attached_once(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        work, plan = make_tag(owner=alice), make_tag(owner=alice, name="Plan")
        added(client, recording, work)
        body = added(client, recording, plan, work, plan)
        assert [tag["name"] for tag in body["added_tags"]] == ["Plan"]
        assert body["errors"] is None
        assert carried(recording) == ["Work", "Plan"]

    def test_a_new_tag_comes_last_whatever_was_taken_off(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        tags = [make_tag(owner=alice, name=name) for name in "abcd"]
        added(client, recording, *tags[:3])
        take(client, recording, tags[0].pk)
        added(client, recording, tags[3], tags[0])
        assert shown(client, recording) == ["b", "c", "d", "a"]

    def test_what_cannot_be_used_is_named_and_stops_nothing(
        self, client: APIClient, recording: Recording, alice: User, carol: User
    ) -> None:
        work = make_tag(owner=alice)
        private = make_tag(owner=carol, name="Private")
        foreign = make_tag(group=Group.objects.create(name="Sales"), name="Sales")
        ids = [10**6, private.pk, work.pk, foreign.pk, 0, -1, 10**6]
        body = add(client, recording, {"tag_ids": ids}).json()
        assert body["added_tags"] == [{"id": work.pk, "name": "Work"}]
        assert body["errors"] == [
            "Tag 1000000 not found",
            f"No access to tag {private.pk}",
            f"No access to tag {foreign.pk}",
            "Tag 0 not found",
            "Tag -1 not found",
        ]
        assert carried(recording) == ["Work"]

    @pytest.mark.parametrize("body", [{}, {"tag_ids": []}, {"tag_id": None}, {"tags": [1]}, None])
    def test_without_a_tag_there_is_nothing_to_do(
        self, client: APIClient, recording: Recording, body: Any
    ) -> None:
        response = add(client, recording, body)
        assert response.status_code == 400
        assert response.json() == {"error": "tag_ids or tag_id required"}

    @pytest.mark.parametrize(
        "body",
        [
            {"tag_ids": "12"},
            {"tag_ids": 5},
            {"tag_ids": {"a": 1}},
            {"tag_ids": ["1"]},
            {"tag_ids": [True]},
            {"tag_ids": [None]},
            {"tag_ids": [1.0]},
            {"tag_ids": [10**30]},
            {"tag_ids": [[1]]},
            {"tag_ids": list(range(101))},
            {"tag_id": "5"},
            {"tag_id": True},
            {"tag_id": 10**30},
        ],
    )
    def test_a_malformed_list_is_refused(
        self, client: APIClient, recording: Recording, alice: User, body: dict[str, Any]
    ) -> None:
        make_tag(owner=alice)
        response = add(client, recording, body)
        assert response.status_code == 400, response.content
        assert next(iter(body)) in response.json()["error"]
        assert carried(recording) == []

    def test_a_stranger_attaches_nothing(
        self, api: Callable[[User], APIClient], recording: Recording, bob: User
    ) -> None:
        response = add(api(bob), recording, {"tag_id": make_tag(owner=bob).pk})
        assert response.status_code == 403
        assert response.json() == {"error": "Permission denied"}
        assert carried(recording) == []

    def test_on_a_foreign_recording_only_ones_own_tags_are_attached(
        self, recording: Recording, bob: User, group: Group
    ) -> None:
        note, team = make_tag(owner=bob, name="Note"), make_tag(group=group, name="Team")
        with pytest.raises(NotAllowed, match="only owner can attach group tags"):
            add_tags(recording=recording, by=bob, tag_ids=[note.pk, team.pk])
        assert carried(recording) == []
        assert add_tags(recording=recording, by=bob, tag_ids=[note.pk]).added == [note]


class TestTakingOff:
    def test_a_tag_is_taken_off_and_kept(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        work, plan = make_tag(owner=alice), make_tag(owner=alice, name="Plan")
        added(client, recording, work, plan)
        response = take(client, recording, work.pk)
        assert response.status_code == 200
        assert response.json() == {"success": True, "message": "Tag removed"}
        assert carried(recording) == ["Plan"]
        assert Tag.objects.filter(pk=work.pk).exists()

    @pytest.mark.parametrize("tag_id", ["0", "1000000", "9" * 18, "9" * 40])
    def test_what_is_not_on_it_is_not_found(
        self, client: APIClient, recording: Recording, tag_id: str
    ) -> None:
        response = take(client, recording, tag_id)
        assert response.status_code == 404
        assert response.json() == {"error": "Tag not on this recording"}

    def test_a_tag_on_another_recording_is_not_on_this_one(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        work, other = make_tag(owner=alice), make_recording(owner=alice)
        added(client, other, work)
        assert take(client, recording, work.pk).status_code == 404
        assert carried(other) == ["Work"]

    def test_the_owner_takes_off_a_tag_of_a_group(
        self, client: APIClient, recording: Recording, group: Group, alice: User
    ) -> None:
        team = make_tag(group=group, name="Team")
        added(client, recording, team)
        alice.memberships.all().delete()
        assert take(client, recording, team.pk).status_code == 200
        assert carried(recording) == []

    def test_who_may_take_off_what_on_a_foreign_recording(
        self, recording: Recording, alice: User, bob: User, dana: User, group: Group
    ) -> None:
        own, team = make_tag(owner=alice, name="Own"), make_tag(group=group, name="Team")
        note = make_tag(owner=bob, name="Note")
        add_tags(recording=recording, by=alice, tag_ids=[own.pk, team.pk])
        add_tags(recording=recording, by=bob, tag_ids=[note.pk])
        with pytest.raises(NotFound, match="Tag not on this recording"):
            remove_tag(recording=recording, by=bob, tag_id=own.pk)
        with pytest.raises(NotAllowed):
            remove_tag(recording=recording, by=bob, tag_id=team.pk)
        with pytest.raises(NotFound):
            remove_tag(recording=recording, by=alice, tag_id=note.pk)
        remove_tag(recording=recording, by=bob, tag_id=note.pk)
        remove_tag(recording=recording, by=dana, tag_id=team.pk)
        assert carried(recording) == ["Own"]


class TestShowing:
    def test_an_owner_does_not_see_what_others_noted_for_themselves(
        self, client: APIClient, recording: Recording, bob: User
    ) -> None:
        note = make_tag(owner=bob, name="Note")
        RecordingTag.objects.create(recording=recording, tag=note, position=0, added_by=bob)
        assert shown(client, recording) == []
        listed = client.get("/api/v1/recordings", {"tag_id": note.pk}).json()
        assert listed["recordings"] == []

    def test_a_tag_goes_from_all_recordings_with_its_deletion(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        tags = [make_tag(owner=alice, name=name) for name in "ab"]
        added(client, recording, *tags)
        tags[0].delete()
        assert shown(client, recording) == ["b"]

    def test_the_list_is_filtered_by_a_tag(
        self, client: APIClient, recording: Recording, alice: User, group: Group
    ) -> None:
        other = make_recording(owner=alice)
        work, team = make_tag(owner=alice), make_tag(group=group, name="Team")
        added(client, recording, work, team)
        added(client, other, team)

        def found(tag_id: int) -> list[int]:
            body = client.get("/api/v1/recordings", {"tag_id": tag_id}).json()
            assert body["pagination"]["total"] == len(body["recordings"])
            return sorted(item["id"] for item in body["recordings"])

        assert found(work.pk) == [recording.pk]
        assert found(team.pk) == [recording.pk, other.pk]
        assert found(0) == found(10**6) == []
