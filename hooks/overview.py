"""How everybody's webhooks are: what the console's front page and the doctor say of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from hooks.models import Delivery, Webhook

FAILURES_SHOWN = timedelta(days=1)
PAUSED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Overview:
    """Numbers of deliveries. `waiting`: not tried yet. `failing`: tried, and to be tried again.
    `held`: of paused webhooks. `failed`: for good, of what happened in the last 24 hours.

    `is_on`: whether anything is sent at all. `due_since`: of the one that is overdue longest.
    `paused`: at most PAUSED_SHOWN of the `paused_count` webhooks, with their owners, the newest
    first.
    """

    is_on: bool
    waiting: int
    failing: int
    sending: int
    held: int
    failed: int
    due_since: datetime | None
    paused: list[Webhook]
    paused_count: int

    @property
    def paused_not_shown(self) -> int:
        return self.paused_count - len(self.paused)


def overview(now: datetime) -> Overview:
    """Five queries. Each status has an index of its own; both together have none."""
    on, paused = Q(webhook__enabled=True), Q(webhook__auto_paused=True)
    hooks = Webhook.objects.filter(auto_paused=True)
    failed = Delivery.objects.filter(
        status=Delivery.Status.FAILED, created_at__gte=now - FAILURES_SHOWN
    )
    return Overview(
        is_on=settings.WEBHOOK_GLOBAL_ENABLED,
        **Delivery.objects.filter(status=Delivery.Status.QUEUED).aggregate(
            waiting=Count("pk", filter=on & Q(attempt_count=0)),
            failing=Count("pk", filter=on & Q(attempt_count__gt=0)),
            held=Count("pk", filter=paused),
            due_since=Min("available_at", filter=on & Q(available_at__lte=now)),
        ),
        sending=Delivery.objects.filter(status=Delivery.Status.RUNNING).count(),
        failed=failed.count(),
        paused=list(hooks.select_related("owner").only("name", "owner__username")[:PAUSED_SHOWN]),
        paused_count=hooks.count(),
    )
