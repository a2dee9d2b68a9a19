"""Who is listed and who may; what sharing and deletion leave in the trail."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.db.models import Model
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from organizing.models import Folder, Tag
from recordings.models import Recording, RecordingTag, Share
from recordings.models.sharing import access_to
from recordings.services.sharing import end_as_operator, end_share, share_recording
from speakr_site.core.errors import NotFound
from speakr_site.core.models import AuditEntry
from tests.conftest import Api, make_user
from tests.factories import make_folder, make_recording, make_share, make_tag

pytestmark = pytest.mark.django_db

Row = tuple[str | None, str, int, str]


@pytest.fixture(autouse=True)
def _sharing_is_on(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True


def trail() -> list[Row]:
    """(who, what, on which recording, detail), in order."""
    rows = AuditEntry.objects.order_by("id")
    assert set(rows.values_list("object_type", flat=True)) <= {"recordings.recording"}
    return list(rows.values_list("actor__username", "action", "object_id", "detail"))


class TestBothSides:
    """`access_to` and `visible_to` say the same of everybody, whatever the arrangement."""

    @pytest.fixture
    def people(self, db: None) -> list[User]:
        people = [make_user(f"person{number}") for number in range(5)]
        User.objects.filter(pk=people[-1].pk).update(is_active=False)
        return people

    def arrange(self, random: Random, people: list[User]) -> list[Recording]:
        groups = [Group.objects.create(name=f"group {number}") for number in range(3)]
        for group in groups:
            for person in random.sample(people, 3):
                role = random.choice(Membership.Role.values)
                Membership.objects.create(group=group, user=person, role=role)
        tags = [self.shelf(random, make_tag, groups, people, n) for n in range(5)]
        folders = [self.shelf(random, make_folder, groups, people, n) for n in range(4)]
        recordings = []
        for _ in range(8):
            recording = make_recording(
                owner=random.choice(people),
                folder=random.choice([None, *folders]),
                completed_at=random.choice([None, "2026-01-01T00:00Z", "2026-02-01T00:00Z"]),
            )
            for position, tag in enumerate(random.sample(tags, random.randrange(4))):
                RecordingTag.objects.create(recording=recording, tag=tag, position=position)
            for person in random.sample(people, random.randrange(3)):
                if person != recording.owner:
                    make_share(recording=recording, user=person, can_edit=random.random() < 0.5)
            recordings.append(recording)
        return recordings

    def shelf(
        self, random: Random, make: Any, groups: list[Group], people: list[User], number: int
    ) -> Model:
        """Of a group, more often than of a person."""
        place = {"owner": random.choice(people)}
        if random.random() < 0.8:
            place = {"group": random.choice(groups)}
        flags = {
            name: random.random() < 0.5 for name in ("auto_share_on_apply", "share_with_group_lead")
        }
        return make(name=f"{number}", **place, **flags)

    @pytest.mark.parametrize("seed", range(12))
    def test_who_is_listed_may_and_who_may_is_listed(self, people: list[User], seed: int) -> None:
        recordings = self.arrange(Random(seed), people)
        for recording in Recording.objects.filter(pk__in=[row.pk for row in recordings]):
            ways = access_to(recording)
            one = Recording.objects.filter(pk=recording.pk)
            for person in people[:-1]:
                rights = {way.can_edit for way in ways if way.user_id == person.pk}
                if person.pk == recording.owner_id:
                    assert not rights
                    continue
                assert one.visible_to(person).exists() is bool(rights)
                assert one.editable_by(person).exists() is (True in rights)
            of_inactive = [way.source for way in ways if way.user_id == people[-1].pk]
            given = Share.objects.filter(recording=recording, user=people[-1])
            assert of_inactive == ["manual"] * given.count()

    def test_an_arrangement_has_all_kinds_of_access(self, people: list[User]) -> None:
        """Otherwise the comparison would say nothing."""
        kinds = set()
        for seed in range(3):
            Group.objects.all().delete()
            Tag.objects.all().delete()
            Folder.objects.all().delete()
            for recording in self.arrange(Random(seed), people):
                recording.refresh_from_db()
                kinds |= {(way.source, way.can_edit) for way in access_to(recording)}
        sources = ("manual", "tag", "folder")
        assert kinds == {(source, edit) for source in sources for edit in (True, False)}


def test_a_share_that_is_given_just_after_is_no_reason_why_there_was_none(
    alice: User, carol: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = make_share(recording=make_recording(owner=alice), user=carol)
    monkeypatch.setattr("recordings.services.sharing._end", lambda *_: False)
    with pytest.raises(NotFound):
        end_share(recording=share.recording, user_id=carol.pk, by=alice)


class TestTrail:
    def test_giving_changing_and_ending_are_on_record(
        self, api: Api, alice: User, carol: User
    ) -> None:
        recording = make_recording(owner=alice, title="Secret plan")
        url = f"/api/v1/recordings/{recording.pk}/shares"
        for body in ({}, {}, {"can_edit": True}, {"can_edit": True}):
            api(alice).post(url, {"user": "carol", **body})
        api(carol).delete(f"{url}/{carol.pk}")
        api(alice).post(url, {"user": "carol"})
        api(alice).delete(f"{url}/{carol.pk}")
        assert trail() == [
            ("alice", "share.give", recording.pk, "carol, to view"),
            ("alice", "share.change", recording.pk, "carol, to edit"),
            ("carol", "share.end", recording.pk, "carol, to edit"),
            ("alice", "share.give", recording.pk, "carol, to view"),
            ("alice", "share.end", recording.pk, "carol, to view"),
        ]

    def test_what_is_refused_leaves_nothing(
        self, api: Api, alice: User, carol: User, bob: User, group: Group
    ) -> None:
        recording = make_recording(owner=alice, completed_at="2026-01-01T00:00Z")
        tag = make_tag(group=group)
        RecordingTag.objects.create(recording=recording, tag=tag, position=0)
        url = f"/api/v1/recordings/{recording.pk}/shares"
        for person, user in ((alice, "alice"), (alice, "nobody"), (bob, "carol")):
            assert api(person).post(url, {"user": user}).status_code >= 400
        for person, user in (
            (alice, carol),
            (alice, bob),
            (bob, bob),
            (bob, carol),
            (carol, carol),
        ):
            assert api(person).delete(f"{url}/{user.pk}").status_code >= 400
        assert trail() == []

    def test_the_row_and_its_trail_are_written_together(
        self, alice: User, carol: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording = make_recording(owner=alice)
        share = make_share(recording=make_recording(owner=alice), user=carol)

        def broken(**_: Any) -> None:
            raise RuntimeError("no trail")

        monkeypatch.setattr("recordings.services.sharing.record_audit", broken)
        with pytest.raises(RuntimeError):
            share_recording(recording=recording, user=carol, can_edit=False, by=alice)
        with pytest.raises(RuntimeError):
            end_share(recording=share.recording, user_id=carol.pk, by=alice)
        assert list(Share.objects.all()) == [share]

    def test_an_operator_s_end_is_on_record_once(
        self, alice: User, carol: User, otto: User
    ) -> None:
        share = make_share(recording=make_recording(owner=alice), user=carol, can_edit=True)
        end_as_operator(shares=[share, share], by=otto)
        assert not Share.objects.exists()
        assert trail() == [("otto", "share.end", share.recording_id, "carol, to edit")]

    def test_an_owner_s_deletion_is_on_record(self, client: APIClient, alice: User) -> None:
        recording = make_recording(owner=alice, title="Secret plan")
        assert client.delete(f"/api/v1/recordings/{recording.pk}").status_code == 200
        assert client.delete(f"/api/v1/recordings/{recording.pk}").status_code == 404
        assert trail() == [("alice", "recording.delete", recording.pk, "Secret plan")]

    def test_each_of_a_batch_is_on_record(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        own = [make_recording(owner=alice, title=f"Plan {number}") for number in range(2)]
        ids = [own[0].pk, make_recording(owner=carol).pk, own[1].pk, own[0].pk, 999_999]
        answer = client.delete("/api/v1/recordings/batch", {"recording_ids": ids})
        assert answer.status_code == 200
        assert trail() == [
            ("alice", "recording.delete", recording.pk, recording.title) for recording in own
        ]

    def test_a_deletion_that_is_refused_leaves_nothing(
        self, api: Api, alice: User, carol: User, settings: Any
    ) -> None:
        recording = make_recording(owner=alice)
        make_share(recording=recording, user=carol, can_edit=True)
        for path in (str(recording.pk), "batch"):
            api(carol).delete(f"/api/v1/recordings/{path}", {"recording_ids": [recording.pk]})
        settings.USERS_CAN_DELETE = False
        assert api(alice).delete(f"/api/v1/recordings/{recording.pk}").status_code == 403
        assert Recording.objects.exists()
        assert trail() == []
