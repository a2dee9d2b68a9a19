"""Claims: one holder at a time, owners in turn."""

from __future__ import annotations

import random
import uuid
from itertools import chain

import pytest

from accounts.models import User
from recordings.models import Job
from tests.concurrency import at_once
from tests.conftest import make_user
from tests.factories import make_job, make_recording


@pytest.mark.django_db
def test_an_idle_lane_gives_nothing(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):
        assert Job.objects.claim_next("gpu") is None


@pytest.mark.django_db
def test_a_claim_costs_two_queries(alice: User, django_assert_num_queries: object) -> None:
    make_job(recording=make_recording(owner=alice))
    with django_assert_num_queries(2):
        job = Job.objects.claim_next("gpu")
    assert job.status == Job.Status.RUNNING
    assert Job.objects.claim_next("gpu") is None


@pytest.mark.django_db
def test_owners_take_turns() -> None:
    people = [make_user(f"person{number}") for number in range(3)]
    for owner, count in zip(people, (4, 2, 1), strict=True):
        for _ in range(count):
            make_job(recording=make_recording(owner=owner))
    served = [Job.objects.claim_next("gpu").owner.username for _ in range(7)]
    assert served == [f"person{number}" for number in (0, 1, 2, 0, 1, 0, 0)]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))
def test_a_position_tells_the_order_in_which_jobs_are_taken(seed: int) -> None:
    chance = random.Random(seed)
    people = [make_user(f"person{number}") for number in range(4)]
    jobs = [make_job(recording=make_recording(owner=chance.choice(people))) for _ in range(12)]
    for _ in range(3):
        Job.objects.claim_next("gpu")
    jobs = [job for job in jobs if Job.objects.get(pk=job.pk).status == Job.Status.QUEUED]
    places = {Job.objects.position_of(job): job.pk for job in jobs}
    taken = [Job.objects.claim_next("gpu").pk for _ in jobs]
    assert [places[place] for place in range(1, len(jobs) + 1)] == taken


@pytest.mark.django_db
def test_a_foreign_token_neither_renews_nor_releases(alice: User) -> None:
    make_job(recording=make_recording(owner=alice))
    job = Job.objects.claim_next("gpu")
    other = uuid.uuid4()
    assert not Job.objects.renew(other)
    assert not Job.objects.release(other, Job.Status.DONE)
    assert Job.objects.release(job.claim_token, Job.Status.DONE)
    assert not Job.objects.release(job.claim_token, Job.Status.FAILED)


@pytest.mark.django_db(transaction=True)
def test_many_workers_never_take_one_job_twice(alice: User) -> None:
    jobs = [make_job(recording=make_recording(owner=alice)) for _ in range(12)]

    def worker() -> list[int]:
        taken = []
        while (job := Job.objects.claim_next("gpu")) is not None:
            taken.append(job.pk)
        return taken

    taken = chain(*at_once(*[worker] * 4))
    assert sorted(taken) == sorted(job.pk for job in jobs)
