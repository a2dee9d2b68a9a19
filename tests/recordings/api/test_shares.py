"""GET, POST and DELETE /recordings/{id}/shares (http-contract.md, 18 and 0.1.26)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from organizing.models import Tag
from recordings.models import Recording, RecordingTag, Share, ViewerState
from recordings.services.removal import delete_recording
from recordings.services.sharing import end_share, share_recording
from speakr_site.core.errors import FeatureDisabled, NotAllowed, NotFound
from tests.concurrency import at_once, meanwhile, statuses
from tests.conftest import Api, make_user
from tests.factories import make_folder, make_recording, make_share, make_tag

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
START = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sharing_is_on(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True
    settings.RATE_LIMITS = {}


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice, completed_at=START)


def url(recording: Recording, user: User | int | None = None) -> str:
    pk = getattr(user, "pk", user)
    return f"/api/v1/recordings/{recording.pk}/shares" + ("" if pk is None else f"/{pk}")


def shares(client: APIClient, recording: Recording) -> list[dict[str, Any]]:
    answer = client.get(url(recording))
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == {"shares"}
    return answer.json()["shares"]


def ways(client: APIClient, recording: Recording) -> list[tuple[str, bool, str]]:
    """(who, may edit, by what), as listed."""
    return [
        (share["username"], share["can_edit"], share["source"])
        for share in shares(client, recording)
    ]


def tagged(recording: Recording, group: Group, **columns: Any) -> Tag:
    """With a new tag of the group."""
    tag = make_tag(group=group, **{"name": f"tag {Tag.objects.count()}", **columns})
    position = recording.tag_links.count()
    RecordingTag.objects.create(recording=recording, tag=tag, position=position)
    return tag


def may_read(client: APIClient, recording: Recording) -> bool:
    return client.get(f"/api/v1/recordings/{recording.pk}").status_code == 200


def may_edit(client: APIClient, recording: Recording) -> bool:
    answer = client.patch(f"/api/v1/recordings/{recording.pk}", {"title": "Changed"})
    return answer.status_code == 200


class TestGiving:
    @pytest.mark.parametrize("name", ["carol", "carol@example.com", "CAROL@Example.COM", " carol "])
    def test_a_person_gets_it_to_read_by_user_name_or_e_mail(
        self, api: Api, client: APIClient, recording: Recording, carol: User, name: str
    ) -> None:
        answer = client.post(url(recording), {"user": name})
        assert answer.status_code == 201
        given = answer.json()
        assert MOMENT.fullmatch(given["created_at"])
        assert given == {
            "user_id": carol.pk,
            "username": "carol",
            "can_edit": False,
            "source": "manual",
            "source_id": None,
            "created_at": given["created_at"],
        }
        assert shares(client, recording) == [given]
        assert may_read(api(carol), recording)
        assert not may_edit(api(carol), recording)

    def test_again_is_another_right_and_no_second_share(
        self, api: Api, client: APIClient, recording: Recording, carol: User
    ) -> None:
        first = client.post(url(recording), {"user": "carol"}).json()
        answer = client.post(url(recording), {"user": "carol@example.com", "can_edit": True})
        assert (answer.status_code, answer.json()) == (200, {**first, "can_edit": True})
        assert may_edit(api(carol), recording)
        answer = client.post(url(recording), {"user": "carol"})
        assert (answer.status_code, answer.json()) == (200, first)
        assert not may_edit(api(carol), recording)
        assert Share.objects.count() == 1

    @pytest.mark.parametrize("name", ["nobody", "Carol", "carol@example", "carol@example.com.de"])
    def test_whom_nobody_is_called_is_not_found(
        self, client: APIClient, recording: Recording, carol: User, name: str
    ) -> None:
        answer = client.post(url(recording), {"user": name})
        assert (answer.status_code, answer.json()) == (404, {"error": "User not found"})
        assert not Share.objects.exists()

    def test_who_cannot_log_in_is_not_found(
        self, client: APIClient, recording: Recording, carol: User
    ) -> None:
        User.objects.filter(pk=carol.pk).update(is_active=False)
        assert client.post(url(recording), {"user": "carol"}).status_code == 404

    @pytest.mark.parametrize("name", ["alice", "alice@example.com"])
    def test_nobody_shares_with_oneself(
        self, client: APIClient, recording: Recording, name: str
    ) -> None:
        answer = client.post(url(recording), {"user": name})
        assert answer.status_code == 400
        assert answer.json() == {"error": "A recording cannot be shared with its owner"}

    @pytest.mark.parametrize(
        "body",
        [
            None,
            {},
            [],
            "carol",
            {"user": None},
            {"user": ""},
            {"user": " "},
            {"user": 5},
            {"user": True},
            {"user": ["carol"]},
            {"user": {"id": 1}},
            {"user": "a\x00b"},
            {"user": "x" * 255},
            {"user": "carol", "can_edit": None},
            {"user": "carol", "can_edit": "true"},
            {"user": "carol", "can_edit": 1},
            {"user": "carol", "can_edit": []},
        ],
    )
    def test_a_bad_body_is_refused(
        self, client: APIClient, recording: Recording, carol: User, body: Any
    ) -> None:
        answer = client.post(url(recording), body)
        assert answer.status_code == 400, answer.content
        assert isinstance(answer.json()["error"], str)
        assert not Share.objects.exists()

    def test_what_no_database_can_hold_is_refused(
        self, client: APIClient, recording: Recording
    ) -> None:
        answer = client.post(url(recording), r'{"user":"\ud800"}', content_type="application/json")
        assert answer.status_code == 400

    @pytest.mark.parametrize("body", [{"user": "bob"}, {"user": 5}, None])
    def test_only_the_owner_gives(
        self, api: Api, recording: Recording, carol: User, otto: User, body: Any
    ) -> None:
        make_share(recording=recording, user=carol, can_edit=True)
        for person, refusal in ((carol, "Permission denied - only owner can share"), (otto, None)):
            answer = api(person).post(url(recording), body)
            assert answer.status_code == 403
            assert answer.json() == {"error": refusal or "Permission denied"}
        assert Share.objects.count() == 1

    def test_the_services_refuse_whoever_calls_them(
        self, recording: Recording, carol: User, bob: User, settings: Any
    ) -> None:
        share = make_share(recording=recording, user=carol, can_edit=True)
        with pytest.raises(NotAllowed):
            share_recording(recording=recording, user=bob, can_edit=False, by=carol)
        with pytest.raises(NotAllowed):
            end_share(recording=recording, user_id=carol.pk, by=bob)
        settings.ENABLE_INTERNAL_SHARING = False
        with pytest.raises(FeatureDisabled):
            share_recording(recording=recording, user=bob, can_edit=False, by=recording.owner)
        assert list(Share.objects.all()) == [share]


class TestSwitchedOff:
    def test_nothing_is_given_and_what_was_given_stays_listed(
        self, api: Api, client: APIClient, recording: Recording, carol: User, settings: Any
    ) -> None:
        make_share(recording=recording, user=carol)
        settings.ENABLE_INTERNAL_SHARING = False
        for body in ({"user": "carol", "can_edit": True}, {"user": 5}, None):
            answer = client.post(url(recording), body)
            assert answer.status_code == 403
            assert answer.json() == {"error": "Internal sharing is not enabled"}
        assert ways(client, recording) == [("carol", False, "manual")]
        assert not may_read(api(carol), recording)
        settings.ENABLE_INTERNAL_SHARING = True
        assert may_read(api(carol), recording)

    def test_what_groups_would_give_is_not_listed(
        self, client: APIClient, recording: Recording, bob: User, group: Group, settings: Any
    ) -> None:
        tagged(recording, group)
        assert ways(client, recording) == [("bob", False, "tag")]
        settings.ENABLE_INTERNAL_SHARING = False
        assert ways(client, recording) == []

    def test_the_owner_takes_back_what_was_given(
        self, client: APIClient, recording: Recording, carol: User, settings: Any
    ) -> None:
        make_share(recording=recording, user=carol)
        settings.ENABLE_INTERNAL_SHARING = False
        assert client.delete(url(recording, carol)).status_code == 204
        assert not Share.objects.exists()


class TestListing:
    def test_everybody_is_listed_once_for_each_way(
        self,
        client: APIClient,
        recording: Recording,
        bob: User,
        dana: User,
        carol: User,
        group: Group,
    ) -> None:
        tag = tagged(recording, group)
        folder = make_folder(group=group)
        Recording.objects.filter(pk=recording.pk).update(folder=folder)
        make_share(recording=recording, user=dana)
        make_share(recording=recording, user=carol, can_edit=True)
        expected = [
            ("bob", False, "tag", tag.pk),
            ("bob", False, "folder", folder.pk),
            ("carol", True, "manual", None),
            ("dana", False, "manual", None),
            ("dana", True, "tag", tag.pk),
            ("dana", True, "folder", folder.pk),
        ]
        listed = shares(client, recording)
        keys = ("username", "can_edit", "source", "source_id")
        assert [tuple(share[key] for key in keys) for share in listed] == expected
        assert {share["username"]: share["user_id"] for share in listed} == {
            user.username: user.pk for user in (bob, carol, dana)
        }

    @pytest.mark.parametrize(
        ("auto", "lead", "expected"),
        [
            (True, True, [("bob", False, "tag"), ("dana", True, "tag")]),
            (True, False, [("bob", False, "tag"), ("dana", True, "tag")]),
            (False, True, [("dana", True, "tag")]),
            (False, False, []),
        ],
    )
    def test_the_flags_decide_who_is_listed(
        self,
        client: APIClient,
        recording: Recording,
        bob: User,
        dana: User,
        group: Group,
        auto: bool,
        lead: bool,
        expected: list,
    ) -> None:
        tagged(recording, group, auto_share_on_apply=auto, share_with_group_lead=lead)
        assert ways(client, recording) == expected

    @pytest.mark.parametrize("newest", ["completed", "joined", "tagged"])
    def test_access_by_a_tag_began_with_the_last_of_what_it_takes(
        self, client: APIClient, recording: Recording, bob: User, group: Group, newest: str
    ) -> None:
        tag = tagged(recording, group)
        moments = {
            name: START + timedelta(days=10 if name == newest else number)
            for number, name in enumerate(("completed", "joined", "tagged"))
        }
        Recording.objects.update(completed_at=moments["completed"])
        Membership.objects.update(joined_at=moments["joined"])
        RecordingTag.objects.filter(tag=tag).update(added_at=moments["tagged"])
        assert [share["created_at"] for share in shares(client, recording)] == [
            "2026-01-11T00:00:00Z"
        ]

    @pytest.mark.parametrize("newest", ["completed", "joined"])
    def test_access_by_a_folder_began_with_the_last_that_is_known(
        self, client: APIClient, recording: Recording, bob: User, group: Group, newest: str
    ) -> None:
        late, early = START + timedelta(days=10), START
        Recording.objects.update(
            folder=make_folder(group=group), completed_at=late if newest == "completed" else early
        )
        Membership.objects.update(joined_at=late if newest == "joined" else early)
        assert shares(client, recording)[0]["created_at"] == "2026-01-11T00:00:00Z"

    def test_before_it_was_completed_groups_get_nothing(
        self, api: Api, client: APIClient, alice: User, bob: User, carol: User, group: Group
    ) -> None:
        recording = make_recording(owner=alice, completed_at=None)
        tagged(recording, group)
        make_share(recording=recording, user=carol)
        assert ways(client, recording) == [("carol", False, "manual")]
        assert not may_read(api(bob), recording)

    def test_who_cannot_log_in_is_listed_only_with_a_share(
        self, client: APIClient, recording: Recording, bob: User, carol: User, group: Group
    ) -> None:
        tagged(recording, group)
        make_share(recording=recording, user=carol)
        User.objects.exclude(pk=recording.owner_id).update(is_active=False)
        assert ways(client, recording) == [("carol", False, "manual")]

    def test_private_tags_and_others_recordings_give_nothing(
        self, client: APIClient, recording: Recording, alice: User, bob: User, group: Group
    ) -> None:
        for position, owner in enumerate((alice, bob)):
            tag = make_tag(owner=owner, name="Mine")
            RecordingTag.objects.create(recording=recording, tag=tag, position=position)
        other = make_recording(owner=alice, completed_at=START, folder=make_folder(group=group))
        tagged(other, group)
        make_share(recording=other, user=bob)
        assert shares(client, recording) == []

    def test_only_the_owner_is_told(
        self, api: Api, recording: Recording, dana: User, carol: User, otto: User, group: Group
    ) -> None:
        tagged(recording, group)
        make_share(recording=recording, user=carol, can_edit=True)
        for person in (dana, carol, otto):
            assert api(person).get(url(recording)).status_code == 403
        assert api(None).get(url(recording)).status_code == 401

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_a_recording_that_is_not_there_is_not_found(
        self, client: APIClient, method: str
    ) -> None:
        for pk in ("0", "999999", "9" * 30):
            answer = getattr(client, method)(f"/api/v1/recordings/{pk}/shares")
            assert (answer.status_code, answer.json()) == (404, {"error": "Recording not found"})

    def test_it_costs_the_same_for_any_number(
        self, client: APIClient, recording: Recording, bob: User, carol: User, group: Group
    ) -> None:
        tagged(recording, group)
        Recording.objects.update(folder=make_folder(group=group))
        make_share(recording=recording, user=carol)
        with CaptureQueriesContext(connection) as few:
            assert len(shares(client, recording)) == 3
        for number in range(20):
            user = make_user(f"user{number}")
            Membership.objects.create(group=group, user=user)
            make_share(recording=recording, user=user)
        tagged(recording, group)
        with CaptureQueriesContext(connection) as many:
            assert len(shares(client, recording)) == 1 + 20 + 21 * 3
        # The recording, shares, tags, folder.
        assert len(many) == len(few) == 4


class TestEnding:
    def test_the_owner_takes_it_back_at_once(
        self, api: Api, client: APIClient, recording: Recording, carol: User, bob: User
    ) -> None:
        for user in (bob, carol):
            make_share(recording=recording, user=user)
        answer = client.delete(url(recording, carol))
        assert (answer.status_code, answer.content) == (204, b"")
        assert not may_read(api(carol), recording)
        assert ways(client, recording) == [("bob", False, "manual")]

    def test_who_got_it_may_leave_and_may_come_back_to_what_they_kept(
        self, api: Api, client: APIClient, recording: Recording, carol: User
    ) -> None:
        make_share(recording=recording, user=carol)
        ViewerState.objects.create(recording=recording, user=carol, notes="mine")
        assert api(carol).delete(url(recording, carol)).status_code == 204
        assert not may_read(api(carol), recording)
        assert ViewerState.objects.get().notes == "mine"

    @pytest.mark.parametrize("user_id", ["0", "999999", "9" * 30])
    def test_what_is_not_there_cannot_be_ended(
        self, client: APIClient, recording: Recording, carol: User, user_id: str
    ) -> None:
        for target in (user_id, carol.pk, recording.owner_id):
            answer = client.delete(f"{url(recording)}/{target}")
            assert (answer.status_code, answer.json()) == (404, {"error": "Share not found"})

    def test_nobody_else_ends_it(
        self,
        api: Api,
        recording: Recording,
        carol: User,
        bob: User,
        dana: User,
        otto: User,
        group: Group,
    ) -> None:
        """Not even who may change the recording, and who has nothing to leave."""
        make_share(recording=recording, user=carol)
        make_share(recording=recording, user=bob, can_edit=True)
        tagged(recording, group)
        for person in (bob, dana, otto):
            assert api(person).delete(url(recording, carol)).status_code == 403
        assert api(otto).delete(url(recording, otto)).status_code == 403
        assert Share.objects.count() == 2

    def test_what_only_a_group_gives_ends_with_the_tag_or_folder(
        self, client: APIClient, recording: Recording, bob: User, group: Group
    ) -> None:
        tagged(recording, group, name="Plan")
        Recording.objects.update(folder=make_folder(group=group, name="Clients"))
        answer = client.delete(url(recording, bob))
        assert answer.status_code == 409
        assert answer.json()["error"] == (
            "Access comes from where the recording is filed (tag Plan, folder Clients) and ends "
            "with that"
        )
        assert len(shares(client, recording)) == 2

    def test_what_only_a_group_gives_is_left_with_the_group(
        self, api: Api, recording: Recording, bob: User, group: Group
    ) -> None:
        """Who leaves is not told the name of a folder."""
        tagged(recording, group, name="Plan")
        tagged(recording, group, name="Other")
        answer = api(bob).delete(url(recording, bob))
        assert answer.status_code == 409
        assert answer.json()["error"] == (
            "Access comes from membership (Engineering) and ends with it"
        )

    def test_a_share_beside_a_group_is_ended_and_the_group_s_access_stays(
        self, api: Api, client: APIClient, recording: Recording, bob: User, group: Group
    ) -> None:
        tagged(recording, group)
        make_share(recording=recording, user=bob, can_edit=True)
        assert may_edit(api(bob), recording)
        assert api(bob).delete(url(recording, bob)).status_code == 204
        assert ways(client, recording) == [("bob", False, "tag")]
        assert may_read(api(bob), recording)
        assert not may_edit(api(bob), recording)


class TestGoing:
    @pytest.mark.parametrize("what", ["tag", "folder", "group", "membership", "person"])
    def test_access_goes_with_what_gave_it(
        self, api: Api, client: APIClient, recording: Recording, bob: User, group: Group, what: str
    ) -> None:
        tag = tagged(recording, group)
        folder = make_folder(group=group)
        if what == "folder":
            RecordingTag.objects.all().delete()
            Recording.objects.update(folder=folder)
        assert may_read(api(bob), recording)
        given = {
            "tag": tag,
            "folder": folder,
            "group": group,
            "membership": bob.memberships.get(),
            "person": bob,
        }
        given[what].delete()
        assert shares(client, recording) == []
        if what != "person":
            assert not may_read(api(bob), recording)
        assert Recording.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_a_share_is_given_once(
        self, client: APIClient, recording: Recording, carol: User
    ) -> None:
        body = {"user": "carol"}
        answers = statuses(*[lambda: client.post(url(recording), body)] * 10)
        assert answers == {201: 1, 200: 9}
        assert Share.objects.count() == 1

    def test_a_share_is_ended_once(
        self, api: Api, client: APIClient, recording: Recording, carol: User
    ) -> None:
        make_share(recording=recording, user=carol)
        answers = statuses(*[lambda: client.delete(url(recording, carol))] * 10)
        assert answers == {204: 1, 404: 9}

    def test_a_recording_that_is_deleted_meanwhile_breaks_nothing(
        self, api: Api, client: APIClient, alice: User, carol: User
    ) -> None:
        calls: list[Callable[[], Response]] = []
        for _ in range(6):
            gone = make_recording(owner=alice)
            path = f"/api/v1/recordings/{gone.pk}"
            make_share(recording=gone, user=carol)
            calls += [
                lambda path=path: client.post(f"{path}/shares", {"user": "carol@example.com"}),
                lambda path=path: client.post(
                    f"{path}/shares", {"user": "carol", "can_edit": True}
                ),
                lambda path=path: client.delete(path),
                lambda path=path: client.delete(f"{path}/shares/{carol.pk}"),
                lambda path=path: api(carol).delete(f"{path}/shares/{carol.pk}"),
                lambda path=path: client.get(f"{path}/shares"),
            ]
        assert statuses(*calls).keys() <= {200, 201, 204, 403, 404}
        assert not Recording.objects.exists()
        assert not Share.objects.exists()

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
    def test_a_share_that_comes_amid_the_deletion_is_not_found(
        self, alice: User, carol: User, recording: Recording
    ) -> None:
        def share() -> None:
            share_recording(recording=recording, user=carol, can_edit=False, by=alice)

        tag = make_tag(owner=alice)
        RecordingTag.objects.create(recording=recording, tag=tag, position=0)
        with meanwhile(share, after=RecordingTag) as refused:
            delete_recording(recording=recording, by=alice)
        assert [type(error) for error in refused] == [NotFound]
        assert not Recording.objects.exists()

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
    @pytest.mark.parametrize("has_one", [False, True])
    def test_a_person_who_is_deleted_meanwhile_is_not_found(
        self, client: APIClient, recording: Recording, carol: User, has_one: bool
    ) -> None:
        """By an operator, who has begun and not ended."""
        if has_one:
            make_share(recording=recording, user=carol)
        answers = []

        def share() -> None:
            # On a connection of its own: the answer comes after its commit.
            body = {"user": "carol", "can_edit": True}
            answers.extend(at_once(lambda: client.post(url(recording), body)))

        Membership.objects.create(group=Group.objects.create(name="Last"), user=carol)
        with meanwhile(share, after=User):
            carol.delete()
        assert [answer.status_code for answer in answers] == [404]
        assert not Share.objects.exists()
