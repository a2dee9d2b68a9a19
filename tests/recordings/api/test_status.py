"""GET /recordings/{id}/status: how far it is (http-contract.md, 8.7; the issue, section 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording
from tests.factories import make_job, make_recording

pytestmark = pytest.mark.django_db


def status(client: APIClient, recording: Recording) -> dict[str, Any]:
    response = client.get(f"/api/v1/recordings/{recording.pk}/status")
    assert response.status_code == 200, response.content
    return response.json()


def test_what_waits_has_a_place_in_the_queue(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="PENDING")
    make_job(recording=recording)
    assert status(client, recording) == {
        "id": recording.pk,
        "status": "PENDING",
        "queue_position": 1,
        "error_message": None,
        "completed_at": None,
        "progress": 0.0,
        "stage": "waiting",
        "eta_seconds": None,
        "warnings": [],
    }


def test_the_place_counts_how_owners_take_turns(client: APIClient, alice: User, bob: User) -> None:
    own = [make_recording(owner=alice, status="PENDING") for _ in range(3)]
    other = [make_recording(owner=bob, status="PENDING") for _ in range(2)]
    for recording in (*own, *other):
        make_job(recording=recording)
    assert [status(client, recording)["queue_position"] for recording in own] == [1, 3, 5]


def test_jobs_of_another_lane_are_not_in_the_way(client: APIClient, alice: User, bob: User) -> None:
    make_job(recording=make_recording(owner=bob), lane="text")
    recording = make_recording(owner=alice)
    make_job(recording=recording)
    assert status(client, recording)["queue_position"] == 1


def test_what_waits_for_another_try_still_has_a_place(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="PENDING")
    make_job(recording=recording, available_at=timezone.now() + timedelta(hours=1), attempts=1)
    assert status(client, recording)["queue_position"] == 1


def test_what_runs_tells_its_stage_and_when_it_will_end(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="PROCESSING")
    make_job(
        recording=recording,
        status=Job.Status.RUNNING,
        stage="transcribing",
        progress=0.25,
        claimed_at=timezone.now() - timedelta(seconds=30),
    )
    body = status(client, recording)
    assert (body["stage"], body["progress"], body["queue_position"]) == ("transcribing", 0.25, None)
    assert body["eta_seconds"] == pytest.approx(90, abs=2)


def test_what_is_done_is_done(client: APIClient, alice: User) -> None:
    recording = make_recording(
        owner=alice, completed_at=timezone.now(), warnings=["No speech was found."]
    )
    make_job(recording=recording, status=Job.Status.DONE, progress=1)
    body = status(client, recording)
    assert body.pop("completed_at").endswith("Z")
    assert body == {
        "id": recording.pk,
        "status": "COMPLETED",
        "queue_position": None,
        "error_message": None,
        "progress": 1.0,
        "stage": None,
        "eta_seconds": None,
        "warnings": ["No speech was found."],
    }


def test_what_failed_says_why(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="FAILED", error_message="The engine died.")
    body = status(client, recording)
    assert (body["status"], body["error_message"]) == ("FAILED", "The engine died.")
    assert (body["progress"], body["queue_position"]) == (0.0, None)
