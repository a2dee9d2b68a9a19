"""What a recipient of a share puts on a recording and has done to it: tags, transcription, names of
speakers; and that nobody but the owner deletes (http-contract.md, 0.1.4, 0.1.25, 0.1.34, 12.5,
12.6, 16(b) 2 and 5).

Alice owns; Carol may read, Bob may edit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, Membership, User
from recordings import engines, storage
from recordings.budgets import record_transcription
from recordings.models import Job, Recording, TranscriptionUsage
from recordings.tasks import work
from speakers.models import Speaker
from tests.factories import make_recording, make_share, make_tag, make_transcript
from tests.fakes import FakeConnector, FakeDiarizer, tone

pytestmark = pytest.mark.django_db

Client = Callable[[User], APIClient]
DENIED = (403, {"error": "Permission denied"})


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> None:
    settings.ENABLE_INTERNAL_SHARING = True


@pytest.fixture
def recording(alice: User, bob: User, carol: User) -> Recording:
    recording = make_recording(owner=alice)
    make_transcript(recording=recording)
    make_share(recording=recording, user=bob, can_edit=True)
    make_share(recording=recording, user=carol)
    return recording


def url(recording: Recording, part: str = "") -> str:
    return f"/api/v1/recordings/{recording.pk}{part}"


def answer(response: Response) -> tuple[int, Any]:
    return response.status_code, response.json()


def carried(recording: Recording) -> list[str]:
    return [link.tag.name for link in recording.tag_links.order_by("position")]


def use(user: User, *, seconds: int) -> None:
    """Adds to what a person used this month."""
    record_transcription(user_id=user.pk, engine="other", model="", seconds=seconds)


class TestTags:
    def test_a_viewer_puts_a_tag_of_their_own_on_it_and_takes_it_off(
        self, api: Client, client: APIClient, carol: User, recording: Recording
    ) -> None:
        note = make_tag(owner=carol, name="Note")
        response = api(carol).post(url(recording, "/tags"), {"tag_id": note.pk})
        assert response.json()["added_tags"] == [{"id": note.pk, "name": "Note"}]
        (shown,) = api(carol).get(url(recording)).json()["tags"]
        assert shown["id"] == note.pk
        assert client.get(url(recording)).json()["tags"] == []
        assert client.delete(url(recording, f"/tags/{note.pk}")).status_code == 404
        assert api(carol).delete(url(recording, f"/tags/{note.pk}")).status_code == 200
        assert carried(recording) == []

    def test_no_tag_of_theirs_gives_a_viewer_the_right_to_edit(
        self, api: Client, carol: User, recording: Recording
    ) -> None:
        """16(b) 2: an admin attached their group's tag, which made them an editor."""
        sales = Group.objects.create(name="Sales")
        Membership.objects.create(group=sales, user=carol, role=Membership.Role.ADMIN)
        Recording.objects.update(completed_at=recording.created_at)
        flags = {"auto_share_on_apply": True, "share_with_group_lead": True}
        team, note = make_tag(group=sales, **flags), make_tag(owner=carol, name="Note")
        response = api(carol).post(url(recording, "/tags"), {"tag_ids": [note.pk, team.pk]})
        assert answer(response) == (
            403,
            {"error": "Permission denied - only owner can attach group tags"},
        )
        assert carried(recording) == []
        api(carol).post(url(recording, "/tags"), {"tag_ids": [note.pk]})
        assert answer(api(carol).patch(url(recording), {"title": "After"})) == DENIED

    def test_an_editor_attaches_no_tag_of_a_group_either(
        self, api: Client, bob: User, group: Group, recording: Recording
    ) -> None:
        team, note = make_tag(group=group, name="Team"), make_tag(owner=bob, name="Note")
        body = {"tag_ids": [team.pk, note.pk]}
        assert api(bob).post(url(recording, "/tags"), body).status_code == 403
        updates = {"recording_ids": [recording.pk], "updates": {"add_tag_ids": body["tag_ids"]}}
        assert api(bob).patch("/api/v1/recordings/batch", updates).json()["updated"] == 1
        assert carried(recording) == ["Note"]

    def test_a_recipient_takes_no_tag_of_the_owner_s_off(
        self, api: Client, alice: User, bob: User, group: Group, recording: Recording
    ) -> None:
        own, team = make_tag(owner=alice, name="Own"), make_tag(group=group, name="Team")
        for position, tag in enumerate((own, team)):
            recording.tag_links.create(tag=tag, position=position)
        assert api(bob).delete(url(recording, f"/tags/{own.pk}")).status_code == 404
        assert answer(api(bob).delete(url(recording, f"/tags/{team.pk}"))) == DENIED
        updates = {"remove_tag_ids": [own.pk, team.pk]}
        body = {"recording_ids": [recording.pk], "updates": updates}
        assert api(bob).patch("/api/v1/recordings/batch", body).json()["updated"] == 1
        assert carried(recording) == ["Own", "Team"]

    def test_a_stranger_puts_none_on_it(
        self, api: Client, dana: User, recording: Recording
    ) -> None:
        body = {"tag_id": make_tag(owner=dana).pk}
        assert answer(api(dana).post(url(recording, "/tags"), body)) == DENIED


class TestTranscription:
    def test_an_editor_queues_one_with_the_owner_s_defaults(
        self, api: Client, alice: User, bob: User, recording: Recording
    ) -> None:
        alice.transcription_language, bob.transcription_language = "de", "fr"
        alice.transcription_hotwords, bob.transcription_hotwords = "Speakr", "Bob"
        alice.save()
        bob.save()
        tags = [make_tag(owner=bob, default_min_speakers=5)]
        tags += [make_tag(owner=alice, default_min_speakers=2)]
        for position, tag in enumerate(tags):
            recording.tag_links.create(tag=tag, position=position)
        response = api(bob).post(url(recording, "/transcribe"), {"max_speakers": 4})
        assert response.status_code == 200, response.content
        job = Job.objects.get()
        assert (job.owner, response.json()["job_id"]) == (bob, job.pk)
        assert job.options == {
            "language": "de",
            "min_speakers": 2,
            "max_speakers": 4,
            "hotwords": "Speakr",
            "initial_prompt": None,
            "model": None,
        }

    def test_the_same_work_is_the_same_job_whoever_asks(
        self, api: Client, client: APIClient, bob: User, recording: Recording
    ) -> None:
        first = client.post(url(recording, "/transcribe")).json()["job_id"]
        assert api(bob).post(url(recording, "/transcribe")).json()["job_id"] == first
        other = api(bob).post(url(recording, "/transcribe"), {"language": "fr"})
        assert (other.status_code, other.json()["job_id"]) == (409, first)

    def test_who_asks_is_checked_and_not_the_owner(
        self, api: Client, client: APIClient, alice: User, bob: User, recording: Recording
    ) -> None:
        for user, minutes in ((alice, 1), (bob, 2)):
            user.monthly_transcription_minutes = minutes
            user.save()
            use(user, seconds=60)
        refused = client.post(url(recording, "/transcribe"))
        assert refused.status_code == 403
        assert refused.json()["error"].startswith("Monthly transcription budget exceeded (1/1")
        assert api(bob).post(url(recording, "/transcribe")).status_code == 200
        Job.objects.all().delete()
        use(bob, seconds=60)
        refused = api(bob).post(url(recording, "/transcribe"))
        assert refused.json()["error"].startswith("Monthly transcription budget exceeded (2/2")
        assert not Job.objects.exists()

    def test_a_batch_queues_what_may_be_edited(
        self, api: Client, bob: User, carol: User, recording: Recording
    ) -> None:
        path, body = "/api/v1/recordings/batch/transcribe", {"recording_ids": [recording.pk]}
        (result,) = api(carol).post(path, body).json()["results"]
        assert result == {"id": recording.pk, "success": False, "error": "Permission denied"}
        (result,) = api(bob).post(path, body).json()["results"]
        assert result == {"id": recording.pk, "success": True, "job_id": Job.objects.get().pk}

    @pytest.mark.parametrize("body", [{}, {"language": 5}])
    def test_a_viewer_queues_none_whatever_the_body(
        self, api: Client, carol: User, recording: Recording, body: dict[str, Any]
    ) -> None:
        assert answer(api(carol).post(url(recording, "/transcribe"), body)) == DENIED
        assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestWhoPays:
    @pytest.fixture(autouse=True)
    def _engines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engines, "connector", lambda system: FakeConnector(window_seconds=None))
        monkeypatch.setattr(engines, "diarizer", FakeDiarizer)

    @pytest.mark.parametrize("payer", ["alice", "bob"])
    def test_the_minutes_are_those_of_who_asked(
        self,
        api: Client,
        recording: Recording,
        tmp_path: Path,
        request: pytest.FixtureRequest,
        payer: str,
    ) -> None:
        key = storage.keep(
            tone(tmp_path / "tone.wav", seconds=2.5), storage.new_key(owner_id=1, extension=".wav")
        )
        Recording.objects.update(audio_key=key)
        caller = request.getfixturevalue(payer)
        # The other's month is used up, which is no matter.
        other = request.getfixturevalue("bob" if payer == "alice" else "alice")
        other.monthly_transcription_minutes = 1
        other.save()
        use(other, seconds=60)
        assert api(caller).post(url(recording, "/transcribe")).status_code == 200
        work("gpu")
        recording.refresh_from_db()
        assert (recording.status, recording.error_message) == ("SUMMARIZING", None)
        seconds = dict(TranscriptionUsage.objects.values_list("user__username", "seconds"))
        assert seconds == {payer: 2, other.username: 60}


class TestSpeakers:
    def test_an_editor_names_voices_and_they_become_the_owner_s_speakers(
        self, api: Client, client: APIClient, alice: User, bob: User, recording: Recording
    ) -> None:
        bob.name = "Bob Builder"
        bob.save()
        body = {"speaker_map": {"SPEAKER_00": "Zoë", "SPEAKER_01": {"isMe": True}}}
        response = api(bob).put(url(recording, "/speakers/assign"), body)
        assert response.status_code == 200, response.content
        assert response.json()["recording"]["participants"] == "Bob Builder, Zoë"
        names = {"Zoë", "Bob Builder"}
        assert set(Speaker.objects.values_list("name", "owner")) == {(n, alice.pk) for n in names}
        for caller, known in ((client, True), (api(bob), False)):
            voices = caller.get(url(recording, "/speakers")).json()["speakers"]
            assert {voice["identified_name"] for voice in voices} == names
            assert {voice["speaker_id"] is not None for voice in voices} == {known}

    @pytest.mark.parametrize("body", [{"speaker_map": {"SPEAKER_00": "Zoë"}}, {}])
    def test_a_viewer_names_nobody_whatever_the_body(
        self, api: Client, carol: User, recording: Recording, body: dict[str, Any]
    ) -> None:
        assert answer(api(carol).put(url(recording, "/speakers/assign"), body)) == DENIED
        assert not Speaker.objects.exists()


class TestDeletion:
    def test_nobody_but_the_owner_deletes(
        self, api: Client, bob: User, carol: User, dana: User, otto: User, recording: Recording
    ) -> None:
        """16(b) 5: an operator deleted anybody's in a batch."""
        make_share(recording=recording, user=otto, can_edit=True)
        for user in (bob, carol, dana, otto):
            refused = api(user).delete(url(recording))
            assert answer(refused) == (
                403,
                {"error": "Permission denied - only owner can delete"},
            )
            body = {"recording_ids": [recording.pk]}
            (result,) = api(user).delete("/api/v1/recordings/batch", body).json()["results"]
            assert result == {"id": recording.pk, "success": False, "error": "Permission denied"}
        assert Recording.objects.filter(pk=recording.pk).exists()
