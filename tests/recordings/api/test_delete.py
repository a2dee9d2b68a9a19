"""DELETE /recordings/{id}: who may, what goes with it (http-contract.md, 8.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording, RecordingSpeaker, Transcript
from recordings.services.removal import delete_recording
from speakr_site.core.errors import NotAllowed
from tests.factories import make_job, make_recording, make_transcript
from tests.recordings.api.conftest import Disk
from tests.recordings.api.uploading import upload

pytestmark = pytest.mark.django_db

COMMITS = Callable[..., Any]


def url(recording_id: int) -> str:
    return f"/api/v1/recordings/{recording_id}"


def test_a_deletion_takes_the_bytes_once_it_is_committed(
    client: APIClient, disk: Disk, django_capture_on_commit_callbacks: COMMITS
) -> None:
    created = upload(client).json()
    with django_capture_on_commit_callbacks(execute=True):
        response = client.delete(url(created["id"]))
        assert len(disk.files()) == 1
    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Recording deleted"}
    assert disk.files() == []


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_is_rolled_back_costs_nothing(client: APIClient, disk: Disk) -> None:
    created = upload(client).json()
    recording = Recording.objects.get()
    with pytest.raises(RuntimeError), transaction.atomic():
        recording.delete()
        raise RuntimeError("changed my mind")
    assert client.get(url(created["id"])).status_code == 200
    assert len(disk.files()) == 1
    assert client.delete(url(created["id"])).status_code == 200
    assert disk.files() == []


def test_all_that_belongs_to_it_goes_with_it(client: APIClient, alice: User) -> None:
    recording, other = make_recording(owner=alice), make_recording(owner=alice)
    for made in (recording, other):
        make_transcript(recording=made)
        make_job(recording=made)
    assert client.delete(url(recording.pk)).status_code == 200
    assert set(Recording.objects.all()) == {other}
    for rows in (Transcript.objects, Job.objects):
        assert {row.recording for row in rows.all()} == {other}
    assert {row.transcript.recording for row in RecordingSpeaker.objects.all()} == {other}


def test_a_second_deletion_finds_nothing(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice)
    client.delete(url(recording.pk))
    response = client.delete(url(recording.pk))
    assert response.status_code == 404
    assert response.json() == {"error": "Recording not found"}


@pytest.mark.parametrize("status", [Job.Status.QUEUED, Job.Status.RUNNING])
def test_a_recording_that_is_worked_on_can_be_deleted(
    client: APIClient, alice: User, status: str
) -> None:
    recording = make_recording(owner=alice)
    make_job(recording=recording, status=status)
    assert client.delete(url(recording.pk)).status_code == 200
    assert not Job.objects.exists()


@pytest.mark.parametrize("person", ["bob", "carol", "otto"])
def test_only_the_owner_deletes(
    api: Callable[[User], APIClient], alice: User, request: pytest.FixtureRequest, person: str
) -> None:
    recording = make_recording(owner=alice)
    response = api(request.getfixturevalue(person)).delete(url(recording.pk))
    assert response.status_code == 403
    assert response.json() == {"error": "Permission denied - only owner can delete"}
    assert Recording.objects.filter(pk=recording.pk).exists()


def test_the_service_refuses_too_whoever_calls_it(alice: User, otto: User) -> None:
    recording = make_recording(owner=alice)
    with pytest.raises(NotAllowed, match="only owner can delete"):
        delete_recording(recording=recording, by=otto)
    assert Recording.objects.filter(pk=recording.pk).exists()


def test_a_server_may_keep_deletion_to_operators(
    api: Callable[[User], APIClient], alice: User, otto: User, settings: Any
) -> None:
    settings.USERS_CAN_DELETE = False
    recording, operators = make_recording(owner=alice), make_recording(owner=otto)
    response = api(alice).delete(url(recording.pk))
    assert response.status_code == 403
    assert response.json() == {"error": "Deletion not allowed"}
    assert Recording.objects.filter(pk=recording.pk).exists()
    assert api(otto).delete(url(operators.pk)).status_code == 200


def test_bytes_that_are_gone_already_are_no_obstacle(
    client: APIClient, disk: Disk, django_capture_on_commit_callbacks: COMMITS
) -> None:
    created = upload(client).json()
    disk.files()[0].unlink()
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(url(created["id"])).status_code == 200
