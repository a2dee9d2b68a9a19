"""Fair turns: the order that is promised is the order in which jobs are taken."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from recordings.models import Job
from recordings.models.job import turn_order
from tests.factories import make_job, make_recording

pytestmark = pytest.mark.django_db


@pytest.fixture
def owners(alice: User, bob: User, carol: User, dana: User) -> list[User]:
    return [alice, bob, carol, dana]


def positions() -> dict[int, int]:
    """Job id -> place, of everything that waits."""
    waiting = Job.objects.waiting(Job.Lane.GPU)
    return {job.pk: Job.objects.position_of(job) for job in waiting}


def queue_at_random(owners: list[User], seed: int) -> None:
    """Waiting jobs of random owners, some of whom were served before."""
    dice = random.Random(seed)
    now = timezone.now()
    for owner in owners:
        if dice.random() < 0.5:
            served = now - timedelta(seconds=dice.randrange(1, 5) * 100)
            make_job(
                recording=make_recording(owner=owner), status=Job.Status.DONE, claimed_at=served
            )
    for _ in range(dice.randrange(3, 12)):
        make_job(
            recording=make_recording(owner=dice.choice(owners)),
            queued_at=now - timedelta(seconds=dice.randrange(20)),
            lane=dice.choices([Job.Lane.GPU, Job.Lane.TEXT], [5, 1])[0],
        )


@pytest.mark.parametrize("seed", range(8))
def test_jobs_are_taken_in_the_order_that_was_promised(owners: list[User], seed: int) -> None:
    queue_at_random(owners, seed)
    promised = positions()
    assert sorted(promised.values()) == list(range(1, len(promised) + 1))
    for place in range(1, len(promised) + 1):
        taken = Job.objects.claim_next(Job.Lane.GPU)
        assert promised[taken.pk] == place
        assert positions() == {pk: was - place for pk, was in promised.items() if was > place}
    assert Job.objects.claim_next(Job.Lane.GPU) is None


def test_a_job_that_is_not_due_is_placed_last_and_not_taken(owners: list[User]) -> None:
    later = make_job(
        recording=make_recording(owner=owners[0]),
        available_at=timezone.now() + timedelta(hours=1),
    )
    due = make_job(recording=make_recording(owner=owners[0]))
    assert positions() == {due.pk: 1, later.pk: 2}
    assert Job.objects.claim_next("gpu") == due
    assert Job.objects.claim_next("gpu") is None


@pytest.mark.parametrize(
    "status", [Job.Status.RUNNING, Job.Status.DONE, Job.Status.FAILED, Job.Status.CANCELLED]
)
def test_only_what_waits_has_a_place(owners: list[User], status: str) -> None:
    job = make_job(recording=make_recording(owner=owners[0]), status=status)
    assert Job.objects.position_of(job) is None


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([], []),
        ([(1, "a"), (2, "a"), (3, "a")], [1, 2, 3]),
        ([(1, "a"), (2, "a"), (3, "b")], [1, 3, 2]),
        ([(3, "b"), (1, "a"), (2, "a"), (4, "b"), (5, "b")], [3, 1, 4, 2, 5]),
    ],
)
def test_each_round_serves_every_owner_once(rows: list[tuple[int, str]], order: list[int]) -> None:
    assert turn_order(rows) == order


ACTIVE = (Job.Status.QUEUED, Job.Status.RUNNING)


@pytest.mark.parametrize("first", ACTIVE)
@pytest.mark.parametrize("second", ACTIVE)
def test_a_recording_has_one_active_job_in_a_lane(alice: User, first: str, second: str) -> None:
    recording = make_recording(owner=alice)
    make_job(recording=recording, status=first)
    make_job(recording=recording, status=second, lane="text")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_job(recording=recording, status=second)


def test_jobs_that_ended_are_in_nobodys_way(alice: User) -> None:
    recording = make_recording(owner=alice)
    for status in (*[Job.Status.DONE] * 2, Job.Status.FAILED, Job.Status.CANCELLED):
        make_job(recording=recording, status=status)
    make_job(recording=recording)
    assert recording.jobs.count() == 5
