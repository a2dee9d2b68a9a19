"""GET /recordings/{id}/speakers: the voices of a recording (http-contract.md, 13.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording, RecordingSpeaker
from speakers.models import Speaker
from tests.factories import make_recording, make_transcript

pytestmark = pytest.mark.django_db


def said(*labels: str | None) -> list[dict[str, Any]]:
    """Segments of a second each."""
    return [
        {"speaker": label, "start": float(n), "end": n + 1.0, "text": f"Word {n}."}
        for n, label in enumerate(labels)
    ]


def get(client: APIClient, recording: Recording) -> dict[str, Any]:
    response = client.get(f"/api/v1/recordings/{recording.pk}/speakers")
    assert response.status_code == 200, response.content
    return response.json()


def test_each_label_is_there_once_by_first_appearance(
    client: APIClient, recording: Recording
) -> None:
    make_transcript(
        recording=recording,
        segments=said("SPEAKER_01", None, "SPEAKER_00", "SPEAKER_01", "SPEAKER_01", None),
    )
    nobody = {"identified_name": None, "speaker_id": None}
    assert get(client, recording) == {
        "speakers": [
            {"label": "SPEAKER_01", "segment_count": 3, **nobody},
            {"label": "Unknown Speaker", "segment_count": 2, **nobody},
            {"label": "SPEAKER_00", "segment_count": 1, **nobody},
        ],
        "suggestions": {},
    }


def test_a_voice_is_identified_by_its_speaker_or_by_a_name_of_the_caller_s(
    client: APIClient, recording: Recording, alice: User, carol: User
) -> None:
    john, zoe = (Speaker.objects.create(owner=alice, name=name) for name in ("John Doe", "Zoë"))
    Speaker.objects.create(owner=carol, name="Max")
    engine_names = ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02", "Zoë", "Max"]
    make_transcript(
        recording=recording, segments=said(*engine_names), SPEAKER_01="Zoë", SPEAKER_02="Max"
    )
    RecordingSpeaker.objects.filter(label="SPEAKER_00").update(speaker=john, name="Old")
    voices = {
        voice["label"]: (voice["identified_name"], voice["speaker_id"])
        for voice in get(client, recording)["speakers"]
    }
    assert voices == {
        "SPEAKER_00": ("John Doe", john.pk),
        "SPEAKER_01": ("Zoë", zoe.pk),
        "SPEAKER_02": ("Max", None),
        "Zoë": ("Zoë", zoe.pk),
        "Max": (None, None),
    }


def test_without_a_transcript_there_are_no_voices(client: APIClient, recording: Recording) -> None:
    assert get(client, recording) == {"speakers": [], "suggestions": {}}
    make_transcript(recording=recording, segments=[])
    assert get(client, recording) == {"speakers": [], "suggestions": {}}


def test_the_current_revision_counts(client: APIClient, recording: Recording) -> None:
    make_transcript(recording=recording, SPEAKER_00="Max")
    make_transcript(recording=recording, segments=said("SPEAKER_00"))
    (voice,) = get(client, recording)["speakers"]
    assert (voice["identified_name"], voice["segment_count"]) == (None, 1)


def test_strangers_learn_nothing(
    api: Callable[[User], APIClient], recording: Recording, carol: User
) -> None:
    response = api(carol).get(f"/api/v1/recordings/{recording.pk}/speakers")
    assert response.status_code == 403
    assert response.json() == {"error": "Permission denied"}
    response = api(carol).get("/api/v1/recordings/999999/speakers")
    assert response.status_code == 404
    assert response.json() == {"error": "Recording not found"}


def test_many_voices_cost_no_more_queries_than_one(client: APIClient, alice: User) -> None:
    costs = set()
    for count in (1, 40):
        recording = make_recording(owner=alice)
        labels = [f"SPEAKER_{n:02d}" for n in range(count)]
        make_transcript(recording=recording, segments=said(*labels), **dict.fromkeys(labels, "Max"))
        with CaptureQueriesContext(connection) as queries:
            assert len(get(client, recording)["speakers"]) == count
        assert "words" not in queries[0]["sql"]
        costs.add(len(queries))
    # The recording with its transcript, its names, the caller's speakers.
    assert costs == {3}
