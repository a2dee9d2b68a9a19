"""The sweep: jobs of dead workers, lanes without a message, bytes without a row."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import User
from recordings import storage
from recordings.models import Job, Recording
from recordings.services.recovery import sweep_expired_leases
from recordings.services.removal import STRAY_AGE, sweep_orphans
from tests.factories import make_job, make_recording, make_transcript
from tests.fakes import tone

pytestmark = pytest.mark.django_db


@pytest.fixture
def claimed(alice: User) -> Job:
    recording = make_recording(owner=alice, status=Recording.Status.PENDING)
    make_job(recording=recording)
    job = Job.objects.claim_next("gpu")
    Recording.objects.update(status=Recording.Status.PROCESSING)
    return job


def let_lease_expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_a_live_lease_is_left_alone(claimed: Job) -> None:
    assert sweep_expired_leases() == 0
    assert Job.objects.get().status == Job.Status.RUNNING


def test_a_job_of_a_dead_worker_waits_again(claimed: Job) -> None:
    let_lease_expire(claimed)
    scratch = storage.scratch_folder(claimed.claim_token)
    scratch.mkdir()
    assert sweep_expired_leases() == 1
    assert not scratch.exists()
    job = Job.objects.get()
    assert (job.status, job.attempts, job.claim_token) == (Job.Status.QUEUED, 0, None)
    assert job.recording.status == Recording.Status.PENDING
    assert not Job.objects.renew(claimed.claim_token)


def test_a_job_that_should_be_cancelled_is_not_started_again(claimed: Job) -> None:
    make_transcript(recording=claimed.recording)
    Job.objects.update(cancel_requested=True)
    let_lease_expire(claimed)
    sweep_expired_leases()
    job = Job.objects.get()
    assert job.status == Job.Status.CANCELLED
    assert job.recording.status == Recording.Status.COMPLETED


def test_a_lost_bell_is_rung_again_but_not_for_ever(
    alice: User, django_capture_on_commit_callbacks: object
) -> None:
    make_job(recording=make_recording(owner=alice))
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            sweep_expired_leases()
    assert OrmQ.objects.filter(key="gpu").count() == 1


def age(path: Path) -> None:
    old = (timezone.now() - STRAY_AGE - timedelta(hours=1)).timestamp()
    os.utime(path, (old, old))


def test_bytes_without_a_row_go_once_they_are_old(alice: User, tmp_path: Path) -> None:
    keys = [
        storage.keep(
            tone(tmp_path / f"{name}.wav", seconds=0.1),
            storage.new_key(owner_id=alice.pk, extension=".wav"),
        )
        for name in ("known", "stray", "fresh")
    ]
    known, stray, fresh = keys
    make_recording(owner=alice, audio_key=known)
    age(storage.local_path(known))
    age(storage.local_path(stray))
    abandoned = Path(settings.FILE_UPLOAD_TEMP_DIR) / "abandoned.upload"
    abandoned.write_bytes(b"x")
    age(abandoned)
    sweep_orphans()
    assert [default_storage.exists(key) for key in keys] == [True, False, True]
    assert not abandoned.exists()
    storage.release(known)
    storage.release(fresh)


def test_scratch_of_a_running_job_stays(claimed: Job) -> None:
    folders = [
        Path(settings.SCRATCH_DIR) / f"job-{token}" for token in (claimed.claim_token, "gone")
    ]
    for folder in folders:
        folder.mkdir()
    sweep_orphans()
    assert [folder.exists() for folder in folders] == [True, False]
    folders[0].rmdir()
