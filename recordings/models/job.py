"""Work on a recording: the queue's truth, owners taking turns, and the windows already done."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Max, OuterRef, Q, Subquery
from django.utils import timezone

from speakr_site.core.ledger import Claimable, LedgerQuerySet


class JobQuerySet(LedgerQuerySet):
    def active(self) -> Self:
        return self.filter(status__in=(Job.Status.QUEUED, Job.Status.RUNNING))

    def waiting(self, lane: str) -> Self:
        return self.filter(lane=lane, status=Job.Status.QUEUED)

    def running_claims(self) -> models.QuerySet:
        return self.filter(status=Job.Status.RUNNING).values_list("claim_token", flat=True)

    def in_turn(self) -> Self:
        """The owner served longest ago first, each owner's jobs in the order they came."""
        last_served = (
            Job.objects.filter(owner=OuterRef("owner"), lane=OuterRef("lane"))
            .values("owner")
            .annotate(latest=Max("claimed_at"))
            .values("latest")
        )
        return self.annotate(last_served=Subquery(last_served)).order_by(
            F("last_served").asc(nulls_first=True), "queued_at", "id"
        )

    def claim_next(self, lane: str) -> Job | None:
        """Takes the next queued job of a lane, or nothing.

        Owners take turns: the one served longest ago goes first, so a hundred uploads by one person
        do not hold up another's first. One query when the lane is idle, two when it gives a job.
        Safe from any number of workers.
        """
        while True:
            job = self.waiting(lane).available(timezone.now()).in_turn().first()
            if job is None:
                return None
            if self.claim(job):
                return job

    def position_of(self, job: Job) -> int | None:
        """1-based place of a queued job in the order in which `claim_next` would take the lane's
        jobs.

        One query. None for a job that does not wait.
        """
        if job.status != Job.Status.QUEUED:
            return None
        now = timezone.now()
        rows = list(self.waiting(job.lane).in_turn().values_list("id", "owner_id", "available_at"))
        order = turn_order([(pk, owner) for pk, owner, at in rows if at <= now])
        order += [pk for pk, _, at in sorted(rows, key=lambda row: row[2]) if at > now]
        return order.index(job.pk) + 1 if job.pk in order else None


def turn_order(rows: list[tuple[int, int]]) -> list[int]:
    """Ids in the order in which owners taking turns are served.

    `rows`: (id, owner), sorted as `in_turn` sorts. Each round serves every owner that still has a
    job once.
    """
    owners: dict[int, list[int]] = {}
    for pk, owner in rows:
        owners.setdefault(owner, []).append(pk)
    placed = [
        (turn, rank, pk)
        for rank, jobs in enumerate(owners.values())
        for turn, pk in enumerate(jobs)
    ]
    return [pk for _, _, pk in sorted(placed)]


class Job(Claimable):
    """One run of the pipeline over one recording.

    `requested`: what the caller asked for, as sent. `options`: what that resolved to; two jobs with
    equal options are the same work. `attempts` counts the failed runs since a window was last
    finished.
    """

    class Lane(models.TextChoices):
        GPU = "gpu"
        TEXT = "text"

    class Stage(models.TextChoices):
        WAITING = "waiting"
        PREPARING = "preparing"
        TRANSCRIBING = "transcribing"
        DIARIZING = "diarizing"
        SAVING = "saving"
        TITLING = "titling"
        SUMMARIZING = "summarizing"
        EXTRACTING = "extracting"

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="jobs"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    lane = models.CharField(max_length=10, choices=Lane, default=Lane.GPU)
    requested = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    queued_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    stage = models.CharField(max_length=12, choices=Stage, default=Stage.WAITING)
    progress = models.FloatField(default=0)
    cancel_requested = models.BooleanField(default=False)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["lane", "available_at"],
                condition=Q(status="queued"),
                name="job_waiting",
            ),
            models.Index(fields=["owner", "lane", "claimed_at"], name="job_last_served"),
            models.Index(fields=["status", "owner"], name="job_by_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["recording", "lane"],
                condition=Q(status__in=("queued", "running")),
                name="job_active_once_per_recording",
            )
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    def eta_seconds(self, now: datetime) -> int | None:
        """Seconds to go at the speed so far; None while that cannot be said."""
        if self.status != self.Status.RUNNING or self.claimed_at is None or self.progress < 0.03:
            return None
        elapsed = (now - self.claimed_at).total_seconds()
        return round(elapsed * (1 - self.progress) / self.progress)


class WindowResult(models.Model):
    """What the engine heard in one finished window, kept so that a killed worker repeats at most
    one.

    `result`: {"segments": [...], "language": ..., "model": ..., "embeddings": {...}}, as
    connectors/base.py writes segments.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="windows")
    index = models.PositiveIntegerField()
    start = models.FloatField()
    end = models.FloatField()
    result = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "index"], name="window_once_per_job")]

    def __str__(self) -> str:
        return f"window {self.index} of job {self.job_id}"
