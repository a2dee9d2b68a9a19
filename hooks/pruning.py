"""What the clock does for deliveries, besides sending them: it ends what waits for a webhook that
was switched off, and takes away what is old or belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from hooks.models import Delivery, DeliveryQuerySet, Webhook

BATCH = 500
SWITCHED_OFF = "The webhook was disabled."

Status = Delivery.Status


def tidy(*, should_stop: Callable[[], bool]) -> None:
    """In batches, so that no writer waits for long; the rest at the next minute."""
    now = timezone.now()
    Delivery.objects.take_back(now)
    while not should_stop() and _abandon(Delivery.objects.unwanted().order_by("available_at")):
        pass
    old = now - timedelta(days=settings.WEBHOOK_DELIVERY_RETENTION_DAYS)
    ended = Delivery.objects.filter(status__in=(Status.DONE, Status.FAILED), created_at__lt=old)
    # Of those that ended, age is enough.
    of_nobody = Delivery.objects.filter(
        ~Exists(Webhook.objects.filter(pk=OuterRef("webhook_id"))), status=Status.QUEUED
    )
    for rows in (ended.order_by("created_at"), of_nobody.order_by("available_at")):
        while not should_stop() and _first(rows).delete_unlocked() == BATCH:
            pass


def _abandon(unwanted: DeliveryQuerySet) -> bool:
    """Whether there may be more."""
    waiting = _first(unwanted).filter(status=Status.QUEUED)
    done = waiting.update_unlocked(status=Status.FAILED, error_message=SWITCHED_OFF)
    return len(done) == BATCH


def _first(rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Of rows in an order that an index has."""
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    return Delivery.objects.filter(pk__in=keys)
