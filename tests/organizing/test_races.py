"""Many at once: one gets the name, the others are told; nobody gets a server error."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_delete
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from organizing.models import Folder, Tag
from organizing.services import delete_tag
from recordings.models import Recording, RecordingTag
from tests.factories import make_folder, make_recording, make_tag

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 50
KINDS = {"tags": (Tag, make_tag), "folders": (Folder, make_folder)}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def at_once(*acts: Callable[[], Response]) -> list[Response]:
    """What each answered; they start together, each on a connection of its own."""
    answers: list[Response] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], Response]) -> None:
        try:
            start.wait()
            answers.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(acts)
    return answers


def statuses(answers: list[Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("whose", ["alice", "group"])
def test_one_of_fifty_gets_the_name(
    api: Callable[[User], APIClient],
    alice: User,
    dana: User,
    group: Group,
    kind: str,
    whose: str,
) -> None:
    model, _ = KINDS[kind]
    person = alice if whose == "alice" else dana
    body = {"name": "Work", "group_id": None if whose == "alice" else group.pk}
    answers = at_once(*[lambda: api(person).post(f"/api/v1/{kind}", body) for _ in range(CROWD)])
    assert statuses(answers) == {201: 1, 400: CROWD - 1}
    assert model.objects.count() == 1
    told = {answer.json()["error"] for answer in answers if answer.status_code == 400}
    assert len(told) == 1
    assert "with this name already exists" in told.pop()


def test_one_of_many_is_renamed(api: Callable[[User], APIClient], alice: User, kind: str) -> None:
    model, make = KINDS[kind]
    rows = [make(owner=alice, name=f"{number}") for number in range(10)]

    def renaming(pk: int) -> Callable[[], Response]:
        return lambda: api(alice).put(f"/api/v1/{kind}/{pk}", {"name": "Work"})

    answers = at_once(*[renaming(row.pk) for row in rows])
    assert statuses(answers) == {200: 1, 400: 9}
    assert model.objects.filter(name="Work").count() == 1


def test_one_of_many_deletes(api: Callable[[User], APIClient], alice: User, kind: str) -> None:
    _, make = KINDS[kind]
    url = f"/api/v1/{kind}/{make(owner=alice).pk}"
    answers = at_once(*[lambda: api(alice).delete(url) for _ in range(10)])
    assert statuses(answers) == {200: 1, 404: 9}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_recording_that_is_tagged_meanwhile_does_not_stop_a_deletion(alice: User) -> None:
    """The second link comes when the deletion has taken the links away and not yet the tag."""
    tag = make_tag(owner=alice)
    first, second = (make_recording(owner=alice) for _ in range(2))
    RecordingTag.objects.create(recording=first, tag=tag, position=0)
    refused: list[Exception] = []

    def attach() -> None:
        try:
            with transaction.atomic():
                RecordingTag.objects.create(recording=second, tag=tag, position=0)
        except Exception as error:
            refused.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=attach)

    def meanwhile(**_: Any) -> None:
        other.start()
        # It ends by itself unless it waits for this transaction.
        while other.is_alive() and not waiting():
            other.join(0.01)

    post_delete.connect(meanwhile, sender=RecordingTag)
    try:
        delete_tag(tag=tag, by=alice)
    finally:
        post_delete.disconnect(meanwhile, sender=RecordingTag)
        other.join()
    assert len(refused) == 1
    assert not Tag.objects.exists()
    assert not RecordingTag.objects.exists()
    assert Recording.objects.count() == 2


def waiting() -> bool:
    """Whether a connection waits for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0
