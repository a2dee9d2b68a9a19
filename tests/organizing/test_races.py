"""Many at once: one gets the name, the others are told; nobody gets a server error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import Group, User
from organizing.models import Tag
from organizing.services import delete_tag
from recordings.models import Recording, RecordingTag
from tests.concurrency import at_once, meanwhile, statuses
from tests.factories import make_recording, make_tag
from tests.organizing.conftest import KINDS

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 50


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
    answers = at_once(*[lambda: api(person).post(f"/api/v1/{kind}", body)] * CROWD)
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * (CROWD - 1)
    assert model.objects.count() == 1
    told = {answer.json()["error"] for answer in answers if answer.status_code == 400}
    assert len(told) == 1
    assert "with this name already exists" in told.pop()


def test_one_of_many_is_renamed(api: Callable[[User], APIClient], alice: User, kind: str) -> None:
    model, make = KINDS[kind]
    rows = [make(owner=alice, name=f"{number}") for number in range(10)]

    def renaming(pk: int) -> Callable[[], Response]:
        return lambda: api(alice).put(f"/api/v1/{kind}/{pk}", {"name": "Work"})

    assert statuses(*[renaming(row.pk) for row in rows]) == {200: 1, 400: 9}
    assert model.objects.filter(name="Work").count() == 1


def test_one_of_many_deletes(api: Callable[[User], APIClient], alice: User, kind: str) -> None:
    _, make = KINDS[kind]
    url = f"/api/v1/{kind}/{make(owner=alice).pk}"
    assert statuses(*[lambda: api(alice).delete(url)] * 10) == {200: 1, 404: 9}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_recording_that_is_tagged_meanwhile_does_not_stop_a_deletion(alice: User) -> None:
    """The second link comes when the deletion has taken the links away and not yet the tag."""
    tag = make_tag(owner=alice)
    first, second = (make_recording(owner=alice) for _ in range(2))
    RecordingTag.objects.create(recording=first, tag=tag, position=0)

    def attach() -> None:
        RecordingTag.objects.create(recording=second, tag=tag, position=0)

    with meanwhile(attach, after=RecordingTag) as refused:
        delete_tag(tag=tag, by=alice)
    assert len(refused) == 1
    assert not Tag.objects.exists()
    assert not RecordingTag.objects.exists()
    assert Recording.objects.count() == 2
