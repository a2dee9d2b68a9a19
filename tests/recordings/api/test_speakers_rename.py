"""What PUT and DELETE /speakers/{id} mean to recordings (http-contract.md, 13: rename cascade)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from recordings import receivers
from recordings.models import Recording, RecordingSpeaker, Transcript
from recordings.services import labelling
from recordings.services.labelling import assign_speakers
from speakers.models import Speaker
from speakers.services import rename_speaker
from tests.concurrency import at_once
from tests.factories import SEGMENTS, make_recording, make_transcript

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(alice: User) -> Speaker:
    return Speaker.objects.create(owner=alice, name="Ann")


def rename(client: APIClient, speaker: Speaker, name: str) -> None:
    response = client.put(f"/api/v1/speakers/{speaker.pk}", {"name": name})
    assert response.status_code == 200, response.content


def appear(speaker: Speaker, owner: User, count: int = 1) -> list[Recording]:
    """Recordings in which SPEAKER_00 is this speaker."""
    recordings = Recording.objects.bulk_create(
        Recording(owner=owner, title=f"Meeting {n}", participants="Ann, Bo", sha256="0" * 64)
        for n in range(count)
    )
    transcripts = Transcript.objects.bulk_create(
        Transcript(recording=recording, number=1, segments=SEGMENTS) for recording in recordings
    )
    RecordingSpeaker.objects.bulk_create(
        RecordingSpeaker(transcript=transcript, label="SPEAKER_00", speaker=speaker)
        for transcript in transcripts
    )
    for recording, transcript in zip(recordings, transcripts, strict=True):
        recording.current_transcript = transcript
    Recording.objects.bulk_update(recordings, ["current_transcript"])
    return recordings


def test_the_next_read_of_anything_has_the_new_name(
    client: APIClient, alice: User, ann: Speaker
) -> None:
    (recording,) = appear(ann, alice)
    rename(client, ann, "Anna-Lena")
    url = f"/api/v1/recordings/{recording.pk}"
    detail = client.get(url).json()
    assert detail["transcription"].startswith("Anna-Lena: Hello everyone.\n")
    assert detail["participants"] == "Anna-Lena, Bo"
    (row,) = client.get("/api/v1/recordings", {"q": "anna-lena"}).json()["recordings"]
    assert row["participants"] == "Anna-Lena, Bo"
    transcript = client.get(f"{url}/transcript").json()
    assert [segment["speaker"] for segment in transcript["segments"]] == ["Anna-Lena", "SPEAKER_01"]
    for form, line in (("text", "Anna-Lena: Hello everyone."), ("vtt", "<v Anna-Lena>Hello")):
        assert line in client.get(f"{url}/transcript?format={form}").json()["content"]
    voice = client.get(f"{url}/speakers").json()["speakers"][0]
    assert (voice["identified_name"], voice["speaker_id"]) == ("Anna-Lena", ann.pk)


def test_voices_that_merely_have_the_name_follow_too(
    client: APIClient, alice: User, carol: User, ann: Speaker
) -> None:
    segments = [{**SEGMENTS[0], "speaker": label} for label in ("SPEAKER_00", "Ann", "Anna")]
    shown = {}
    for owner in (alice, carol):
        recording = make_recording(owner=owner)
        make_transcript(recording=recording, segments=segments, SPEAKER_00="Ann")
        shown[owner] = recording
    rename(client, ann, "Zoë")
    for owner, names in ((alice, ["Zoë", "Zoë", "Anna"]), (carol, ["Ann", "Ann", "Anna"])):
        transcript = shown[owner].current_transcript
        called = transcript.names()
        assert [called.get(label, label) for label in transcript.voices()] == names


def test_two_hundred_recordings_cost_what_one_does_and_no_transcript_is_touched(
    client: APIClient, alice: User, ann: Speaker
) -> None:
    costs = []
    for count, name in ((1, "Zoë"), (199, "Ann")):
        recordings = appear(ann, alice, count)
        with CaptureQueriesContext(connection) as queries:
            rename(client, ann, name)
        costs.append(len(queries))
        written = [q["sql"] for q in queries if q["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
        # The speaker, voices of that name, participants that have both names, and all the others.
        assert len(written) == 4
        assert not any('"recordings_transcript" SET' in sql for sql in written)
    assert costs[0] == costs[1]
    changed = Recording.objects.filter(participants="Ann, Bo").count()
    assert (len(recordings), changed) == (199, 200)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Ann", "Zoë"),
        ("Ann, Bo", "Zoë, Bo"),
        ("Bo, Ann", "Bo, Zoë"),
        ("Bo, Ann, Cy", "Bo, Zoë, Cy"),
        ("Ann, Ann, Ann", "Zoë, Zoë, Zoë"),
        ("Bo,Ann,Cy", "Bo,Zoë,Cy"),
        ("Bo ,Ann , Cy", "Bo ,Zoë , Cy"),
        ("Bo,, Ann", "Bo,, Zoë"),
        ("Anna", "Anna"),
        ("Anna, Joann, Ann B, Mary Ann", "Anna, Joann, Ann B, Mary Ann"),
        ("ann, ANN", "ann, ANN"),
        ("Ann, ann, Anna", "Zoë, ann, Anna"),
        ("Ann; Bo", "Ann; Bo"),
        ("Zoë, Ann", "Zoë"),
        ("Ann, Bo, Zoë", "Bo, Zoë"),
        ("Bo, Ann,Zoë", "Bo,Zoë"),
        (",, Bo, Ann ,,", "Bo, Zoë"),
        (" , ", " , "),
        ("", ""),
        (None, None),
    ],
)
def test_exactly_the_entries_of_that_name_change(
    client: APIClient, alice: User, ann: Speaker, before: str | None, after: str | None
) -> None:
    recording = make_recording(owner=alice, participants=before)
    rename(client, ann, "Zoë")
    recording.refresh_from_db()
    assert recording.participants == after


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        ("Ann", "Ann Lee", "Ann, Ann Lee B", "Ann Lee, Ann Lee B"),
        ("Ann Lee", "Ann", "Ann Lee, Ann Lee B", "Ann, Ann Lee B"),
        ("Lee, Ann", "Ann Lee", "Bo, Lee, Ann, Cy", "Bo, Ann Lee, Cy"),
        ("Ann", "Lee, Ann", "Bo, Ann, Cy", "Bo, Lee, Ann, Cy"),
        ("100%", "50_%", "100%, 1000, 100%%", "50_%, 1000, 100%%"),
        ("O'Hara", 'Ann "A" \\1', "O'Hara, Bo", 'Ann "A" \\1, Bo'),
        ("李", "👩🏽‍💻", "李, 李李", "👩🏽‍💻, 李李"),
    ],
)
def test_no_character_of_a_name_is_special(
    client: APIClient, alice: User, ann: Speaker, old: str, new: str, before: str, after: str
) -> None:
    Speaker.objects.filter(pk=ann.pk).update(name=old)
    recording = make_recording(owner=alice, participants=before)
    rename(client, ann, new)
    recording.refresh_from_db()
    assert recording.participants == after


def test_a_list_without_room_stays_whole(client: APIClient, alice: User, ann: Speaker) -> None:
    full = make_recording(owner=alice, participants="Ann, " + "x" * 494)
    nearly = make_recording(owner=alice, participants="Ann, " + "x" * 493)
    rename(client, ann, "Annie")
    for recording, participants in ((full, "Ann, " + "x" * 494), (nearly, "Annie, " + "x" * 493)):
        recording.refresh_from_db()
        assert recording.participants == participants


def test_other_people_s_recordings_are_theirs(
    client: APIClient, alice: User, carol: User, ann: Speaker
) -> None:
    theirs = make_recording(owner=carol, participants="Ann, Bo")
    rename(client, ann, "Zoë")
    theirs.refresh_from_db()
    assert theirs.participants == "Ann, Bo"


def test_the_same_name_writes_nothing(client: APIClient, alice: User, ann: Speaker) -> None:
    appear(ann, alice)
    with CaptureQueriesContext(connection) as queries:
        rename(client, ann, " Ann ")
    assert not [q for q in queries if q["sql"].startswith("UPDATE")]


def test_a_refused_name_changes_no_recording(client: APIClient, alice: User, ann: Speaker) -> None:
    Speaker.objects.create(owner=alice, name="Bo")
    (recording,) = appear(ann, alice)
    assert client.put(f"/api/v1/speakers/{ann.pk}", {"name": "Bo"}).status_code == 400
    recording.refresh_from_db()
    assert recording.participants == "Ann, Bo"


def test_a_failure_amid_it_changes_nothing_at_all(
    client: APIClient, alice: User, ann: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording,) = appear(ann, alice)
    done = labelling.follow_rename

    def fail_at_the_end(**given: Any) -> None:
        done(**given)
        assert Recording.objects.get().participants == "Zoë, Bo"
        raise RuntimeError("broken")

    monkeypatch.setattr(receivers, "follow_rename", fail_at_the_end)
    response = client.put(f"/api/v1/speakers/{ann.pk}", {"name": "Zoë"})
    assert response.status_code == 500
    assert response.json() == {"error": "Internal server error"}
    ann.refresh_from_db()
    recording.refresh_from_db()
    assert (ann.name, recording.participants) == ("Ann", "Ann, Bo")


class TestDeletion:
    def test_recordings_keep_the_name_and_lose_the_link(
        self, client: APIClient, alice: User, ann: Speaker
    ) -> None:
        (recording,) = appear(ann, alice)
        rename(client, ann, "Zoë")
        assert client.delete(f"/api/v1/speakers/{ann.pk}").status_code == 200
        url = f"/api/v1/recordings/{recording.pk}"
        assert client.get(url).json()["participants"] == "Zoë, Bo"
        segments = client.get(f"{url}/transcript").json()["segments"]
        assert [segment["speaker"] for segment in segments] == ["Zoë", "SPEAKER_01"]
        voice = client.get(f"{url}/speakers").json()["speakers"][0]
        assert (voice["identified_name"], voice["speaker_id"]) == ("Zoë", None)

    def test_two_hundred_recordings_cost_what_one_does(
        self, client: APIClient, alice: User
    ) -> None:
        costs = []
        for count in (1, 200):
            speaker = Speaker.objects.create(owner=alice, name=f"Speaker of {count}")
            appear(speaker, alice, count)
            with CaptureQueriesContext(connection) as queries:
                assert client.delete(f"/api/v1/speakers/{speaker.pk}").status_code == 200
            costs.append(len(queries))
        assert costs[0] == costs[1]
        assert RecordingSpeaker.objects.filter(name="Speaker of 200", speaker=None).count() == 200


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture
    def acts(self, alice: User, ann: Speaker) -> list[Callable[[], Any]]:
        """Each names a voice of another recording Ann."""
        recordings = [make_recording(owner=alice) for _ in range(6)]
        for recording in recordings:
            make_transcript(recording=recording)
        return [
            lambda one=one: assign_speakers(recording=one, by=alice, names={"SPEAKER_00": "Ann"})
            for one in recordings
        ]

    def test_a_rename_meets_assignments_and_participants_agree_with_the_names(
        self, alice: User, ann: Speaker, acts: list[Callable[[], Any]]
    ) -> None:
        renaming = lambda: rename_speaker(speaker=ann, name="Zoë", by=alice)  # noqa: E731
        at_once(*acts[:3], renaming, *acts[3:])
        for recording in Recording.objects.select_related("current_transcript"):
            assert recording.participants == recording.current_transcript.names()["SPEAKER_00"]
        uses = Speaker.objects.values_list("use_count", flat=True)
        assert sum(uses) == len(acts)

    def test_a_deletion_meets_assignments_and_every_voice_is_named(
        self,
        api: Callable[[User], APIClient],
        alice: User,
        ann: Speaker,
        acts: list[Callable[[], Any]],
    ) -> None:
        deleting = lambda: api(alice).delete(f"/api/v1/speakers/{ann.pk}")  # noqa: E731
        at_once(*acts[:3], deleting, *acts[3:])
        assert not Speaker.objects.filter(pk=ann.pk).exists()
        for recording in Recording.objects.select_related("current_transcript"):
            assert recording.current_transcript.names()["SPEAKER_00"] == "Ann"

    def test_two_who_name_one_recording_both_count(self, alice: User) -> None:
        recording = make_recording(owner=alice)
        make_transcript(recording=recording)
        labels = {"SPEAKER_00": "Ann", "SPEAKER_01": "Bo"}
        acts = [
            lambda item=item: assign_speakers(recording=recording, by=alice, names=dict([item]))
            for item in labels.items()
        ]
        at_once(*acts)
        recording.refresh_from_db()
        assert recording.participants == "Ann, Bo"
        assert recording.current_transcript.names() == labels
