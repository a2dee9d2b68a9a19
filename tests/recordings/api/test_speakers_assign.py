"""PUT /recordings/{id}/speakers/assign: who the voices are (http-contract.md, 13.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording, RecordingSpeaker
from recordings.services import labelling
from recordings.services.labelling import assign_speakers
from speakers.models import Speaker
from tests.factories import make_recording, make_transcript
from tests.recordings.api.test_junk import VALUES, Sweep, send
from tests.recordings.api.test_speakers import get as voices_of
from tests.recordings.api.test_speakers import said

pytestmark = pytest.mark.django_db

LABELS = ("SPEAKER_00", "SPEAKER_01", None)


@pytest.fixture
def recording(alice: User) -> Recording:
    made = make_recording(owner=alice, participants="Typed by hand")
    make_transcript(recording=made, segments=said(*LABELS))
    return made


def put(client: APIClient, recording: Recording, body: Any) -> Response:
    """`body` as JSON in ASCII, which lone surrogates survive; None sends none."""
    url = f"/api/v1/recordings/{recording.pk}/speakers/assign"
    text = "" if body is None else json.dumps(body)
    return client.put(url, text, content_type="application/json")


def assign(client: APIClient, recording: Recording, **names: Any) -> dict[str, Any]:
    response = put(client, recording, {"speaker_map": names})
    assert response.status_code == 200, response.content
    return response.json()


def shown(client: APIClient, recording: Recording) -> list[str]:
    """The speaker of each segment, as the transcript says."""
    transcript = client.get(f"/api/v1/recordings/{recording.pk}/transcript").json()
    return [segment["speaker"] for segment in transcript["segments"]]


def uses(owner: User) -> dict[str, int]:
    return dict(Speaker.objects.filter(owner=owner).values_list("name", "use_count"))


def stored(recording: Recording) -> tuple[Any, ...]:
    """All that an assignment can change."""
    return (
        Recording.objects.values().get(pk=recording.pk),
        list(RecordingSpeaker.objects.order_by("id").values()),
        list(Speaker.objects.order_by("id").values()),
    )


def test_voices_get_names_and_names_become_speakers(
    client: APIClient, recording: Recording, alice: User
) -> None:
    answer = assign(client, recording, SPEAKER_00=" Zoë ", SPEAKER_01={"name": "Max"})
    assert answer == {
        "success": True,
        "message": "Speakers updated successfully.",
        "recording": {
            "id": recording.pk,
            "title": "Team meeting",
            "participants": "Max, Zoë",
            "status": "COMPLETED",
        },
        "summary_queued": False,
        "embeddings_updated": 0,
        "snippets_created": 0,
    }
    assert shown(client, recording) == ["Zoë", "Max", "Unknown Speaker"]
    assert uses(alice) == {"Max": 1, "Zoë": 1}
    listed = client.get("/api/v1/speakers").json()["speakers"]
    assert all(speaker["last_used"] for speaker in listed)
    ids = {speaker["name"]: speaker["id"] for speaker in listed}
    named = [
        (voice["label"], voice["identified_name"], voice["speaker_id"])
        for voice in voices_of(client, recording)["speakers"]
    ]
    assert named == [
        ("SPEAKER_00", "Zoë", ids["Zoë"]),
        ("SPEAKER_01", "Max", ids["Max"]),
        ("Unknown Speaker", None, None),
    ]


@pytest.mark.parametrize("form", ["text", "vtt"])
def test_texts_and_subtitles_say_the_name(
    client: APIClient, recording: Recording, form: str
) -> None:
    assign(client, recording, SPEAKER_00="Zoë")
    url = f"/api/v1/recordings/{recording.pk}/transcript?format={form}"
    line = {"text": "Zoë: Word 0.", "vtt": "<v Zoë>Word 0."}[form]
    assert line in client.get(url).json()["content"]


def test_known_speakers_are_used_and_not_made_again(
    client: APIClient, recording: Recording, alice: User, carol: User
) -> None:
    max_ = Speaker.objects.create(owner=alice, name="Max", use_count=4)
    Speaker.objects.create(owner=carol, name="Zoë", use_count=4)
    assign(client, recording, SPEAKER_00="Max", SPEAKER_01="Zoë")
    assert uses(alice) == {"Max": 5, "Zoë": 1}
    assert uses(carol) == {"Zoë": 4}
    assert RecordingSpeaker.objects.get(label="SPEAKER_00").speaker == max_


class TestUses:
    def test_a_recording_counts_once_however_often_it_is_assigned(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        for _ in range(3):
            assign(client, recording, SPEAKER_00="Max", SPEAKER_01="Max")
        assert uses(alice) == {"Max": 1}
        last = Speaker.objects.get().last_used_at
        make_transcript(recording=recording)
        assign(client, recording, SPEAKER_01="Max")
        assert uses(alice) == {"Max": 1}
        assert Speaker.objects.get().last_used_at == last

    def test_another_recording_counts_again(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        other = make_recording(owner=alice)
        make_transcript(recording=other)
        for one in (recording, other):
            assign(client, one, SPEAKER_00="Max")
        assert uses(alice) == {"Max": 2}


class TestReassigning:
    def test_a_label_takes_another_name(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        assign(client, recording, SPEAKER_00="Max", SPEAKER_01="Zoë")
        answer = assign(client, recording, SPEAKER_00="Mia")
        assert answer["recording"]["participants"] == "Mia, Zoë"
        assert shown(client, recording)[:2] == ["Mia", "Zoë"]
        assert uses(alice) == {"Max": 1, "Mia": 1, "Zoë": 1}

    def test_a_name_that_is_shown_stands_for_its_voices(
        self, client: APIClient, recording: Recording
    ) -> None:
        assign(client, recording, SPEAKER_00="Max", SPEAKER_01="Zoë")
        assign(client, recording, Max="Zoë", Zoë="Max")
        assert shown(client, recording)[:2] == ["Zoë", "Max"]
        assign(client, recording, SPEAKER_00="Max")
        assign(client, recording, Max="Mia")
        assert shown(client, recording)[:2] == ["Mia", "Mia"]

    def test_its_own_label_takes_the_name_away(
        self, client: APIClient, recording: Recording, alice: User
    ) -> None:
        assign(client, recording, SPEAKER_00="Max", SPEAKER_01="Zoë")
        answer = assign(client, recording, SPEAKER_00="SPEAKER_00")
        assert answer["recording"]["participants"] == "Zoë"
        assert voices_of(client, recording)["speakers"][0]["identified_name"] is None
        assert set(uses(alice)) == {"Max", "Zoë"}

    def test_segments_without_a_label_can_be_named_too(
        self, client: APIClient, recording: Recording
    ) -> None:
        response = put(client, recording, {"speaker_map": {"Unknown Speaker": "Mia"}})
        assert response.json()["recording"]["participants"] == "Mia"
        assert shown(client, recording) == ["SPEAKER_00", "SPEAKER_01", "Mia"]
        voice = voices_of(client, recording)["speakers"][2]
        assert (voice["label"], voice["identified_name"]) == ("Unknown Speaker", "Mia")
        assert RecordingSpeaker.objects.get(label="").talk_seconds == 1
        assign(client, recording, Mia="Max")
        assert shown(client, recording)[2] == "Max"

    def test_the_voice_keeps_what_the_engine_said_of_it(
        self, client: APIClient, recording: Recording
    ) -> None:
        rows = RecordingSpeaker.objects.filter(label="SPEAKER_00")
        rows.update(embedding=[1.0, 0.0], talk_seconds=7)
        assign(client, recording, SPEAKER_00="Max")
        assert rows.values_list("embedding", "talk_seconds").get() == ([1.0, 0.0], 7)


@pytest.mark.parametrize(
    ("me", "name", "participants"),
    [("Alice Johnson", "  ", "Alice Johnson"), (None, "", "Me"), (" ", "", "Me"), ("A", "B", "B")],
)
def test_the_caller_s_own_voice_has_the_caller_s_name(
    client: APIClient, recording: Recording, alice: User, me: Any, name: str, participants: str
) -> None:
    alice.name = me
    answer = assign(client, recording, SPEAKER_00={"name": name, "isMe": True})
    assert answer["recording"]["participants"] == participants


def test_what_names_no_voice_changes_nothing(client: APIClient, recording: Recording) -> None:
    before = stored(recording)
    for names in (
        {},
        {"SPEAKER_00": "", "SPEAKER_01": "  \n"},
        {"SPEAKER_00": {}, "SPEAKER_01": {"name": " ", "isMe": False}},
        {"SPEAKER_00": {"name": None}},
        {"SPEAKER_07": "Max", "": "Max", "speaker_00": "Max", "Typed by hand": "Max"},
    ):
        answer = assign(client, recording, **names)
        assert answer["recording"]["participants"] == "Typed by hand"
        assert stored(recording) == before


def test_labels_as_names_are_nobody_s(client: APIClient, recording: Recording) -> None:
    answer = assign(client, recording, SPEAKER_00="SPEAKER_01", SPEAKER_01="Unknown Speaker")
    assert answer["recording"]["participants"] is None
    assert shown(client, recording)[:2] == ["SPEAKER_01", "Unknown Speaker"]
    assert not Speaker.objects.exists()


def test_a_recording_without_a_transcript_has_no_voice(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, participants="Max")
    answer = assign(client, recording, SPEAKER_00="Zoë")
    assert answer["recording"]["participants"] == "Max"
    assert not Speaker.objects.exists()


def test_participants_are_those_who_speak_in_it(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice)
    segments = said("SPEAKER_00", "SPEAKER_01", "Jo", None, "SPEAKER_02")
    transcript = make_transcript(recording=recording, segments=segments, SPEAKER_01="Bo")
    RecordingSpeaker.objects.create(transcript=transcript, label="SPEAKER_09", name="Silent")
    answer = assign(client, recording, SPEAKER_00="Ann", SPEAKER_02="Bo")
    assert answer["recording"]["participants"] == "Ann, Bo, Jo"
    assert client.get(f"/api/v1/recordings/{recording.pk}").json()["participants"] == "Ann, Bo, Jo"


def test_participants_are_whole_names_as_many_as_fit(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice)
    labels = [f"SPEAKER_{n:02d}" for n in range(6)]
    make_transcript(recording=recording, segments=said(*labels))
    names = {label: letter * 99 for label, letter in zip(labels, "fedcba", strict=True)}
    answer = assign(client, recording, **names)
    fitting = ", ".join(letter * 99 for letter in "abcd")
    assert answer["recording"]["participants"] == fitting
    assert shown(client, recording) == list(names.values())


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({}, "speaker_map is required"),
            (None, "speaker_map is required"),
            ({"speakers": {}}, "speaker_map is required"),
            ({"speaker_map": None}, "speaker_map must be an object"),
            ({"speaker_map": ["SPEAKER_00"]}, "speaker_map must be an object"),
            ({"speaker_map": "x"}, "speaker_map must be an object"),
            *(
                ({"speaker_map": {"A": wrong}}, 'Invalid value type for speaker "A"')
                for wrong in (None, 5, True, ["Max"], {"name": 5}, {"name": "Max", "isMe": "yes"})
            ),
            (
                {"speaker_map": {"A": "Zed\nSPEAKER_01: I confess"}},
                'The name for speaker "A" must be one line, without control characters',
            ),
            (
                {"speaker_map": {"A": "x" * 101}},
                'The name for speaker "A" has more than 100 characters',
            ),
            (
                {"speaker_map": {"A": "a\0"}},
                "speaker_map has characters that cannot be stored",
            ),
            (
                {"speaker_map": {"\ud800": "Max"}},
                "speaker_map has characters that cannot be stored",
            ),
            (
                {"speaker_map": {}, "regenerate_summary": "yes"},
                "regenerate_summary must be true or false",
            ),
        ],
    )
    def test_one_wrong_value_refuses_all(
        self, client: APIClient, recording: Recording, body: Any, error: str
    ) -> None:
        before = stored(recording)
        if body and isinstance(body.get("speaker_map"), dict):
            body = {**body, "speaker_map": {"SPEAKER_00": "Max", **body["speaker_map"]}}
        response = put(client, recording, body)
        assert response.status_code == 400
        assert response.json()["error"] == error
        assert stored(recording) == before

    def test_a_long_label_does_not_fill_the_answer(
        self, client: APIClient, recording: Recording
    ) -> None:
        response = put(client, recording, {"speaker_map": {"x" * 10_000: 5}})
        assert response.status_code == 400
        assert len(response.content) < 200

    def test_only_who_may_edit_may_assign(
        self, api: Callable[[User], APIClient], recording: Recording, bob: User, otto: User
    ) -> None:
        before = stored(recording)
        for other in (bob, otto):
            response = put(api(other), recording, {"speaker_map": 5})
            assert response.status_code == 403
            assert response.json() == {"error": "Permission denied"}
        assert stored(recording) == before

    def test_a_recording_that_is_not_there_is_not_found(self, client: APIClient) -> None:
        response = client.put("/api/v1/recordings/999999/speakers/assign", {"speaker_map": {}})
        assert response.status_code == 404
        assert response.json() == {"error": "Recording not found"}


@pytest.mark.parametrize(
    "body",
    [
        '{{"speaker_map":{{"SPEAKER_00":{}}}}}',
        '{{"speaker_map":{{"SPEAKER_00":{{"name":{}}}}}}}',
        '{{"speaker_map":{{"SPEAKER_00":{{"isMe":{}}}}}}}',
        '{{"speaker_map":{{"SPEAKER_00":{{"name":"Max","isMe":true,"":{}}}}}}}',
    ],
)
def test_no_value_breaks_anything(client: APIClient, recording: Recording, body: str) -> None:
    url = f"/api/v1/recordings/{recording.pk}/speakers/assign"
    with Sweep() as sweep:
        for value in VALUES:
            sent = body.format(value).encode()
            sweep.expect_answer(send(client, "PUT", url, sent), value)
            # What was stored can be read again.
            for part in ("", "/transcript", "/speakers"):
                read = client.get(f"/api/v1/recordings/{recording.pk}{part}")
                sweep.expect_answer(read, "read after", value)


def test_a_failure_leaves_no_trace(
    recording: Recording, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(recording)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(labelling, "_participants", fail)
    with pytest.raises(RuntimeError, match="broken"):
        assign_speakers(recording=recording, by=alice, names={"SPEAKER_00": "Max"})
    assert stored(recording) == before


@pytest.mark.django_db(transaction=True)
def test_a_recording_that_goes_meanwhile_is_not_found(
    client: APIClient, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensured = labelling.ensure_speakers

    def lose_the_recording(**given: Any) -> Any:
        Recording.objects.all().delete()
        return ensured(**given)

    monkeypatch.setattr(labelling, "ensure_speakers", lose_the_recording)
    response = put(client, recording, {"speaker_map": {"SPEAKER_00": "Max"}})
    assert response.status_code == 404
    assert response.json() == {"error": "Recording not found"}


def test_many_voices_cost_no_more_queries_than_one(client: APIClient, alice: User) -> None:
    costs = set()
    for count in (1, 40):
        recording = make_recording(owner=alice)
        labels = [f"SPEAKER_{n:02d}" for n in range(count)]
        make_transcript(recording=recording, segments=said(*labels))
        with CaptureQueriesContext(connection) as queries:
            assign(client, recording, **{label: f"{count} {label}" for label in labels})
        costs.add(len(queries))
    assert len(costs) == 1
