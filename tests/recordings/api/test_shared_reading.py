"""What a recipient of a share reads: the recording, and of everything personal their own
(http-contract.md, 0.1.7, 0.1.34, section 4, 16(b) 3).

Alice owns; Carol is no member of anything, so that she has what is shared with her by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from constance import config
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from recordings.models import Recording, ViewerState
from recordings.models.viewing import Viewing, viewing_of, viewings
from speakers.models import Speaker
from speakr_site.core.errors import NotFound
from tests.factories import (
    make_folder,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)

pytestmark = pytest.mark.django_db

Client = Callable[[User], APIClient]
AUDIO = b"RIFF of a meeting"
READS = ("", "/status", "/transcript", "/summary", "/notes", "/speakers", "/audio")


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True


@pytest.fixture
def recording(alice: User) -> Iterator[Recording]:
    """With everything that Alice keeps to herself."""
    config.enable_folders = True
    recording = make_recording(
        owner=alice,
        title="Plan",
        notes="Alice's notes",
        summary="## Plan",
        is_inbox=False,
        is_highlighted=True,
        folder=make_folder(owner=alice),
        audio_key=default_storage.save("audio/1/2026/01/shared.flac", ContentFile(AUDIO)),
        size_bytes=len(AUDIO),
    )
    recording.tag_links.create(tag=make_tag(owner=alice), position=0)
    make_transcript(recording=recording, SPEAKER_00="Zoë")
    make_recording(owner=alice, title="The same again")
    yield recording
    default_storage.delete(recording.audio_key)


@pytest.fixture
def shared(recording: Recording, carol: User) -> Recording:
    make_share(recording=recording, user=carol)
    return recording


def get(client: APIClient, recording: Recording, part: str = "", **query: str) -> Response:
    return client.get(f"/api/v1/recordings/{recording.pk}{part}", query)


def detail(client: APIClient, recording: Recording) -> dict[str, Any]:
    response = get(client, recording)
    assert response.status_code == 200, response.content
    return response.json()


def item(client: APIClient, recording: Recording) -> dict[str, Any]:
    """The recording in the list of all."""
    rows = client.get("/api/v1/recordings", {"scope": "all"}).json()["recordings"]
    return next(row for row in rows if row["id"] == recording.pk)


class TestWhatIsTheOwners:
    def test_a_recipient_sees_nothing_that_the_owner_keeps_to_herself(
        self, api: Client, client: APIClient, carol: User, shared: Recording
    ) -> None:
        """16(b) 3."""
        own, seen = detail(client, shared), detail(api(carol), shared)
        assert own["duplicate_info"]["total_copies"] == 2
        personal = {
            "notes": None,
            "is_inbox": True,
            "is_highlighted": False,
            "tags": [],
            "folder_id": None,
            "folder": None,
            "duplicate_info": None,
        }
        assert {name for name in personal if own[name] == personal[name]} == set()
        assert seen == {**own, **personal, "shared_by": "alice", "can_edit": False}

    def test_a_list_shows_as_little(
        self, api: Client, client: APIClient, carol: User, shared: Recording
    ) -> None:
        own, seen = item(client, shared), item(api(carol), shared)
        personal = {"is_inbox": True, "is_highlighted": False}
        filing = {"tags": [], "folder_id": None, "folder": None}
        assert seen == {**own, **personal, **filing, "shared_by": "alice", "can_edit": False}

    def test_the_owner_s_notes_are_on_no_route(
        self, api: Client, carol: User, shared: Recording
    ) -> None:
        client = api(carol)
        assert get(client, shared, "/notes").json() == {"notes": None, "has_notes": False}
        answers = [get(client, shared, part) for part in READS]
        answers += [client.get("/api/v1/recordings", {"scope": "all"})]
        for answer in answers:
            assert answer.status_code == 200, answer
            assert b"Alice's notes" not in b"".join(answer)

    def test_what_a_recipient_keeps_is_not_the_owner_s(
        self, client: APIClient, bob: User, carol: User, shared: Recording
    ) -> None:
        before = detail(client, shared)
        for user in (bob, carol):
            ViewerState.objects.create(
                recording=shared, user=user, notes="Theirs", is_highlighted=False
            )
        assert detail(client, shared) == before
        assert "shared_by" not in before
        assert "can_edit" not in before


class TestWhatIsTheirOwn:
    def test_notes_and_flags_are_the_recipient_s(
        self, api: Client, bob: User, carol: User, shared: Recording
    ) -> None:
        make_share(recording=shared, user=bob)
        for user, notes in ((bob, "Bob's"), (carol, "Carol's")):
            ViewerState.objects.create(
                recording=shared, user=user, notes=notes, is_inbox=False, is_highlighted=True
            )
        for user, notes in ((bob, "Bob's"), (carol, "Carol's")):
            seen = detail(api(user), shared)
            assert (seen["notes"], seen["is_inbox"], seen["is_highlighted"]) == (notes, False, True)
            assert get(api(user), shared, "/notes").json() == {"notes": notes, "has_notes": True}
            listed = item(api(user), shared)
            assert (listed["is_inbox"], listed["is_highlighted"]) == (False, True)

    @pytest.mark.parametrize(("query", "has_notes"), [({}, True), ({"include": "summary"}, False)])
    def test_texts_are_asked_for_as_ever(
        self, api: Client, carol: User, shared: Recording, query: dict[str, str], has_notes: bool
    ) -> None:
        ViewerState.objects.create(recording=shared, user=carol, notes="Carol's")
        assert ("notes" in get(api(carol), shared, **query).json()) == has_notes

    def test_tags_are_their_own_and_those_of_their_groups(
        self, api: Client, bob: User, carol: User, group: Group, shared: Recording
    ) -> None:
        make_share(recording=shared, user=bob)
        team, note = make_tag(group=group, name="Team"), make_tag(owner=carol, name="Note")
        shared.tag_links.create(tag=team, position=1)
        shared.tag_links.create(tag=note, position=2)
        for user, names in ((bob, ["Team"]), (carol, ["Note"])):
            for shape in (detail(api(user), shared), item(api(user), shared)):
                assert [tag["name"] for tag in shape["tags"]] == names

    def test_a_folder_is_seen_by_its_group_while_folders_are_enabled(
        self, api: Client, bob: User, carol: User, group: Group, shared: Recording
    ) -> None:
        make_share(recording=shared, user=bob)
        team = make_folder(group=group, name="Team")
        Recording.objects.filter(pk=shared.pk).update(folder=team)
        seen = {"folder_id": team.pk, "folder": {"id": team.pk, "name": "Team"}}
        nothing = dict.fromkeys(seen)
        for user, expected in ((bob, seen), (carol, nothing)):
            for shape in (detail(api(user), shared), item(api(user), shared)):
                assert {name: shape[name] for name in seen} == expected
        config.enable_folders = False
        assert detail(api(bob), shared)["folder"] is None

    def test_speakers_are_known_by_the_recipient_s_own_ids(
        self, api: Client, alice: User, carol: User, shared: Recording
    ) -> None:
        Speaker.objects.create(owner=alice, name="Zoë")
        (first, _) = get(api(carol), shared, "/speakers").json()["speakers"]
        assert (first["identified_name"], first["speaker_id"]) == ("Zoë", None)
        own = Speaker.objects.create(owner=carol, name="Zoë")
        (first, _) = get(api(carol), shared, "/speakers").json()["speakers"]
        assert first["speaker_id"] == own.pk


class TestWhatIsShared:
    @pytest.mark.parametrize("part", ["/status", "/transcript", "/summary", "/speakers"])
    def test_a_recipient_reads_what_the_owner_reads(
        self, api: Client, client: APIClient, carol: User, shared: Recording, part: str
    ) -> None:
        own = get(client, shared, part)
        assert own.status_code == 200
        assert get(api(carol), shared, part).json() == own.json()

    @pytest.mark.parametrize("form", ["json", "text", "srt", "vtt"])
    def test_a_transcript_comes_in_every_format(
        self, api: Client, client: APIClient, carol: User, shared: Recording, form: str
    ) -> None:
        own = get(client, shared, "/transcript", format=form)
        assert get(api(carol), shared, "/transcript", format=form).json() == own.json()

    def test_the_audio_plays(self, api: Client, carol: User, shared: Recording) -> None:
        path = f"/api/v1/recordings/{shared.pk}/audio"
        assert b"".join(api(carol).get(path)) == AUDIO
        part = api(carol).get(path, headers={"Range": "bytes=0-3"})
        assert (part.status_code, b"".join(part)) == (206, b"RIFF")

    def test_who_may_edit_is_told_so(
        self, api: Client, bob: User, carol: User, shared: Recording
    ) -> None:
        make_share(recording=shared, user=bob, can_edit=True)
        for user, can_edit in ((bob, True), (carol, False)):
            for shape in (detail(api(user), shared), item(api(user), shared)):
                assert (shape["shared_by"], shape["can_edit"]) == ("alice", can_edit)

    def test_a_group_s_admin_is_told_that_they_may_edit(
        self, api: Client, bob: User, dana: User, group: Group, recording: Recording
    ) -> None:
        team = make_tag(group=group, name="Team", auto_share_on_apply=True)
        recording.tag_links.create(tag=team, position=1)
        Recording.objects.filter(pk=recording.pk).update(completed_at=recording.created_at)
        for user, can_edit in ((bob, False), (dana, True)):
            for shape in (detail(api(user), recording), item(api(user), recording)):
                assert (shape["shared_by"], shape["can_edit"]) == ("alice", can_edit)

    @pytest.mark.parametrize("part", READS)
    def test_nobody_else_reads_anything(
        self, api: Client, bob: User, otto: User, shared: Recording, part: str
    ) -> None:
        for user in (bob, otto):
            assert get(api(user), shared, part).status_code == 403

    @pytest.mark.parametrize("part", READS)
    def test_while_sharing_is_off_only_the_owner_reads(
        self,
        api: Client,
        client: APIClient,
        carol: User,
        shared: Recording,
        settings: Any,
        part: str,
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = False
        refused = get(api(carol), shared, part)
        assert (refused.status_code, refused.json()) == (403, {"error": "Permission denied"})
        assert get(client, shared, part).status_code == 200


class TestWhatItCosts:
    def test_somebody_else_s_recording_costs_two_queries_more(
        self, api: Client, client: APIClient, carol: User, shared: Recording
    ) -> None:
        def queries(user: APIClient, part: str, **query: str) -> int:
            with CaptureQueriesContext(connection) as captured:
                assert get(user, shared, part, **query).status_code == 200
            return len(captured)

        # It is looked for among one's own first, and what the viewer keeps is a row of theirs.
        assert queries(api(carol), "/notes") == queries(client, "/notes") + 2
        # And of the owner's folder, which they may not know, they are not told the name.
        assert queries(api(carol), "") == queries(client, "") + 2

    def test_one_s_own_recordings_cost_none(
        self, alice: User, recording: Recording, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0):
            seen = viewings([vars(recording)], viewer=alice, with_notes=True)
        assert seen == {recording.pk: Viewing(False, True, "Alice's notes")}

    def test_a_recording_that_goes_meanwhile_is_left_out(
        self, carol: User, shared: Recording
    ) -> None:
        gone = Recording.objects.get(pk=shared.pk)
        kept = make_recording(owner=shared.owner, title="Kept")
        shared.delete()
        seen = viewings([vars(gone), vars(kept)], viewer=carol)
        assert seen == {kept.pk: Viewing(True, False, shared_by="alice", can_edit=False)}
        with pytest.raises(NotFound, match="Recording not found"):
            viewing_of(gone, viewer=carol)
