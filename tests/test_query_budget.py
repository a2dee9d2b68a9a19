"""What an answer costs in queries does not depend on how many rows there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording, RecordingSpeaker, Transcript
from tests.factories import SEGMENTS, make_recording
from tests.routes import v1_routes

pytestmark = pytest.mark.django_db

ROWS = 100
LISTS = [route for route in v1_routes() if route.action == "list"]


def add_recordings(owner: User, count: int) -> None:
    """Recordings with all that belongs to one, as rows of few inserts."""
    recordings = Recording.objects.bulk_create(
        Recording(
            owner=owner,
            title=f"Meeting {number}",
            notes="notes",
            summary="summary",
            audio_key=f"audio/1/2024/01/{number}.wav",
            sha256="0" * 64,
        )
        for number in range(count)
    )
    transcripts = Transcript.objects.bulk_create(
        Transcript(recording=recording, number=1, segments=SEGMENTS) for recording in recordings
    )
    RecordingSpeaker.objects.bulk_create(
        RecordingSpeaker(transcript=transcript, label="SPEAKER_00", name="Alice")
        for transcript in transcripts
    )
    Job.objects.bulk_create(Job(recording=recording, owner=owner) for recording in recordings)
    for recording, transcript in zip(recordings, transcripts, strict=True):
        recording.current_transcript = transcript
    Recording.objects.bulk_update(recordings, ["current_transcript"])


FACTORIES: dict[str, Callable[[User, int], None]] = {"recordings": add_recordings}


def queries(client: APIClient, url: str, **query: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url, query)
    assert response.status_code == 200, response.content
    return [entry["sql"] for entry in captured]


@pytest.mark.parametrize("route", LISTS, ids=str)
def test_a_list_costs_the_same_for_one_row_and_for_a_hundred(
    api: Callable[[User], APIClient], alice: User, route: Any
) -> None:
    assert route.path in FACTORIES, f"say in FACTORIES how rows of {route} are made"
    add, client = FACTORIES[route.path], api(alice)
    add(alice, 1)
    one = queries(client, route.url(), per_page=ROWS)
    add(alice, ROWS - 1)
    many = queries(client, route.url(), per_page=ROWS)
    (rows,) = [
        value
        for value in client.get(route.url(), {"per_page": ROWS}).json().values()
        if isinstance(value, list)
    ]
    assert len(rows) == ROWS
    assert len(many) == len(one), "\n".join(many)


def test_a_list_of_recordings_reads_no_transcript_and_no_text(
    api: Callable[[User], APIClient], alice: User
) -> None:
    add_recordings(alice, 3)
    sql = " ".join(queries(api(alice), "/api/v1/recordings"))
    # Count and rows.
    assert sql.count("SELECT ") == 2
    for column in ("segments", "words", '"recordings_recording"."notes"'):
        assert column not in sql


@pytest.mark.parametrize("part", ["", "/status", "/transcript", "/notes", "/summary"])
def test_one_recording_costs_the_same_among_a_hundred(
    api: Callable[[User], APIClient], alice: User, bob: User, part: str
) -> None:
    client = api(alice)
    add_recordings(alice, 1)
    url = f"/api/v1/recordings/{Recording.objects.get().pk}{part}"
    alone = queries(client, url)
    add_recordings(alice, ROWS - 1)
    add_recordings(bob, ROWS)
    assert len(queries(client, url)) == len(alone)


def test_a_page_past_the_end_asks_only_how_many_there_are(
    api: Callable[[User], APIClient], alice: User
) -> None:
    make_recording(owner=alice)
    assert len(queries(api(alice), "/api/v1/recordings", page=9)) == 1
