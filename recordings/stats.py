"""The read model of GET /stats: what there is and what was used, of one person or of everybody.

Counted anew on every call. Four queries, one for each of recordings, jobs, tokens and
transcriptions; a fifth counts people when it is about everybody. Days and months are those of UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum
from django.utils import timezone

from accounts.models import User
from recordings.models import Job, Recording, TokenUsage, TranscriptionUsage
from recordings.models.usage import month_of
from speakr_site.core.api.fields import utc_text

ACTIVE_DAYS = 30
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")

Status = Recording.Status


def stats_of(user: User) -> dict[str, Any]:
    """One person's: their recordings, the jobs that they asked for, what they used."""
    now = timezone.now()
    return _sections(
        recordings=_recordings(Q(owner=user), now),
        queue=_queue(Q(owner=user)),
        tokens=_tokens(Q(user=user), now, budget=user.monthly_tokens),
        transcription=_transcription(Q(user=user), now, user.monthly_transcription_minutes),
    )


def stats_of_everybody() -> dict[str, Any]:
    """The sums over all people, without budgets, and how many people there are. `active`: owners of
    a recording made in the last 30 days.
    """
    now = timezone.now()
    recent = Recording.objects.filter(
        owner=OuterRef("pk"), created_at__gte=now - timedelta(days=ACTIVE_DAYS)
    )
    sections = _sections(
        recordings=_recordings(Q(), now),
        queue=_queue(Q()),
        tokens=_tokens(Q(), now),
        transcription=_transcription(Q(), now),
    )
    users = User.objects.aggregate(
        total=Count("pk"), active=Count("pk", filter=Exists(recent.order_by()))
    )
    return {**sections, "users": users}


def human_size(size_bytes: int) -> str:
    """One decimal, steps of 1024: "0.0 B", "1000.0 B", "5.0 GB"."""
    size, units = float(size_bytes), list(UNITS)
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.1f} {units[0]}"


def _sections(
    *,
    recordings: dict[str, Any],
    queue: dict[str, int],
    tokens: dict[str, Any],
    transcription: dict[str, Any],
) -> dict[str, Any]:
    """The nesting of the API reference, Get Statistics."""
    counts = ("total", "completed", "processing", "pending", "failed")
    return {
        "recordings": {name: recordings[name] for name in counts},
        "storage": {
            "used_bytes": recordings["used_bytes"],
            "used_human": human_size(recordings["used_bytes"]),
        },
        "queue": queue,
        "tokens": tokens,
        "transcription": transcription,
        "activity": {
            "recordings_today": recordings["recordings_today"],
            "last_transcription": utc_text(recordings["last_transcription"]),
        },
    }


def _recordings(mine: Q, now: datetime) -> dict[str, Any]:
    """`mine`: which rows. Reads the index `recording_for_stats` alone, no row."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # In the order of the index; counts with a condition for each status cost half as much again.
    groups = {
        group["status"]: group
        for group in Recording.objects.filter(mine)
        .order_by()
        .values("status")
        .annotate(
            count=Count("pk"),
            used_bytes=Sum("size_bytes", filter=Q(audio_deleted_at=None)),
            today=Count("pk", filter=Q(created_at__gte=midnight)),
            latest=Max("completed_at"),
        )
    }

    def count(*statuses: Status) -> int:
        return sum(groups[status]["count"] for status in statuses if status in groups)

    return {
        "total": count(*Status),
        "completed": count(Status.COMPLETED),
        "processing": count(Status.PROCESSING, Status.SUMMARIZING),
        "pending": count(Status.PENDING),
        "failed": count(Status.FAILED),
        "used_bytes": sum(group["used_bytes"] or 0 for group in groups.values()),
        "recordings_today": sum(group["today"] for group in groups.values()),
        "last_transcription": groups.get(Status.COMPLETED, {}).get("latest"),
    }


def _queue(mine: Q) -> dict[str, int]:
    active = Job.objects.active().filter(mine).order_by()
    counts = dict(active.values_list("status").annotate(Count("pk")))
    return {
        "jobs_queued": counts.get(Job.Status.QUEUED, 0),
        "jobs_processing": counts.get(Job.Status.RUNNING, 0),
    }


def _tokens(mine: Q, now: datetime, budget: int | None = None) -> dict[str, Any]:
    """A budget of 0 is none."""
    used = TokenUsage.objects.filter(mine, month=month_of(now)).aggregate(
        total=Sum(F("prompt_tokens") + F("completion_tokens"), default=0)
    )["total"]
    return {
        "used_this_month": used,
        "budget": budget or None,
        "percentage": _percentage(used, budget),
    }


def _transcription(mine: Q, now: datetime, budget_minutes: int | None = None) -> dict[str, Any]:
    """A budget of 0 is none."""
    used = TranscriptionUsage.objects.filter(mine, month=month_of(now)).aggregate(
        seconds=Sum("seconds", default=0), cost=Sum("cost", default=0.0)
    )
    budget_seconds = (budget_minutes or 0) * 60
    return {
        "used_this_month_seconds": used["seconds"],
        "used_this_month_minutes": used["seconds"] // 60,
        "budget_seconds": budget_seconds or None,
        "budget_minutes": budget_minutes or None,
        "percentage": _percentage(used["seconds"], budget_seconds),
        "estimated_cost": round(used["cost"], 4),
    }


def _percentage(used: int, budget: int | None) -> float | None:
    return round(used / budget * 100, 1) if budget else None
