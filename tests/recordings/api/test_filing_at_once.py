"""Filing by many at once: nothing is lost, nothing is a server error, on either database."""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from organizing.models import Tag
from recordings.models import Job, Recording, RecordingTag
from tests.concurrency import at_once, statuses
from tests.factories import make_folder, make_recording, make_tag

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 50


@pytest.fixture
def tags(alice: User) -> list[Tag]:
    return [make_tag(owner=alice, name=f"tag {number:02}") for number in range(AT_ONCE)]


@pytest.fixture
def path(recording: Recording) -> str:
    return f"/api/v1/recordings/{recording.pk}/tags"


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.RATE_LIMITS = {}


def positions(recording: Recording) -> list[int]:
    return sorted(recording.tag_links.values_list("position", flat=True))


def test_fifty_tags_at_once_are_all_attached(
    client: APIClient, recording: Recording, tags: list[Tag], path: str
) -> None:
    calls = [lambda pk=tag.pk: client.post(path, {"tag_id": pk}) for tag in tags]
    replies = at_once(*calls)
    assert {reply.status_code for reply in replies} == {200}
    assert all(len(reply.json()["added_tags"]) == 1 for reply in replies)
    assert positions(recording) == list(range(AT_ONCE))


def test_the_same_tag_at_once_is_attached_once(
    client: APIClient, recording: Recording, tags: list[Tag], path: str
) -> None:
    replies = at_once(*[lambda: client.post(path, {"tag_id": tags[0].pk})] * 20)
    assert {reply.status_code for reply in replies} == {200}
    assert sum(len(reply.json()["added_tags"]) for reply in replies) == 1
    assert positions(recording) == [0]


def test_single_calls_and_batches_mix(
    client: APIClient, alice: User, tags: list[Tag], recording: Recording, path: str
) -> None:
    ids = [recording.pk, *(make_recording(owner=alice).pk for _ in range(5))]

    def batch(number: int) -> Response:
        order = ids if number % 2 else ids[::-1]
        chosen = [tag.pk for tag in tags[number : number + 20]]
        updates = {"add_tag_ids": chosen[:: 1 if number % 2 else -1], "is_inbox": False}
        body = {"recording_ids": order, "updates": updates}
        return client.patch("/api/v1/recordings/batch", body)

    calls = [lambda n=number: batch(n) for number in range(0, 30, 2)]
    calls += [lambda pk=tag.pk: client.post(path, {"tag_id": pk}) for tag in tags[:15]]
    assert statuses(*calls).keys() == {200}
    assert positions(recording) == list(range(recording.tag_links.count()))
    assert recording.tag_links.count() == 48


def test_tags_that_are_deleted_meanwhile_break_nothing(
    client: APIClient, recording: Recording, tags: list[Tag], path: str
) -> None:
    calls = []
    for tag in tags[:20]:
        calls.append(lambda pk=tag.pk: client.post(path, {"tag_id": pk}))
        calls.append(lambda pk=tag.pk: client.delete(f"/api/v1/tags/{pk}"))
    assert statuses(*calls).keys() == {200}
    assert RecordingTag.objects.count() == 0


def test_a_folder_that_is_deleted_meanwhile_breaks_nothing(client: APIClient, alice: User) -> None:
    config.enable_folders = True
    folders = [make_folder(owner=alice, name=str(number)) for number in range(15)]
    calls = []
    for folder in folders:
        recording = make_recording(owner=alice)
        url, body = f"/api/v1/recordings/{recording.pk}", {"folder_id": folder.pk}
        calls.append(lambda url=url, body=body: client.patch(url, body))
        calls.append(lambda pk=folder.pk: client.delete(f"/api/v1/folders/{pk}"))
    assert statuses(*calls).keys() <= {200, 404}
    assert not Recording.objects.exclude(folder=None).exists()


def test_recordings_that_are_deleted_meanwhile_break_nothing(
    client: APIClient, alice: User, tags: list[Tag]
) -> None:
    recordings = [make_recording(owner=alice) for _ in range(12)]
    ids = [recording.pk for recording in recordings]
    calls = []
    for recording in recordings:
        url = f"/api/v1/recordings/{recording.pk}"
        calls.append(lambda url=url: client.post(f"{url}/tags", {"tag_id": tags[0].pk}))
        calls.append(lambda url=url: client.delete(url))
        calls.append(lambda url=url: client.post(f"{url}/transcribe"))
    for order in (ids, ids[::-1]):
        body = {"recording_ids": order, "updates": {"add_tag_ids": [tags[1].pk]}}
        calls.append(lambda body=body: client.patch("/api/v1/recordings/batch", body))
        calls.append(lambda body=body: client.delete("/api/v1/recordings/batch", body))
        calls.append(lambda body=body: client.post("/api/v1/recordings/batch/transcribe", body))
    assert statuses(*calls).keys() <= {200, 404, 409}
    assert not Recording.objects.exists()
    assert not Job.objects.exists()
