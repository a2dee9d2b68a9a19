"""Facts on their way out: written with the change they tell of, sent by who hears the bell."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from hooks import envelope
from hooks.models import Delivery, Webhook
from speakr_site.core.queue import ring

BELL = "deliveries"


def publish(*, owner_id: int, event_type: str, data: Mapping[str, Any]) -> None:
    """Tells the owner's webhooks that something happened. Call inside the change's transaction:
    both are committed or neither. One query, two when somebody listens.

    `data`: what JSON can say; it is frozen now.
    """
    publish_many(owner_id=owner_id, event_type=event_type, data=lambda: [data])


def publish_many(
    *, owner_id: int, event_type: str, data: Callable[[], Iterable[Mapping[str, Any]]]
) -> None:
    """As `publish`, an event for each of `data`, which is asked for only when somebody listens.
    Queries do not grow with their number.
    """
    if not settings.WEBHOOK_GLOBAL_ENABLED:
        return
    hooks = Webhook.objects.listening(owner_id, event_type)
    if not hooks:
        return
    now = timezone.now()
    due = now + timedelta(seconds=settings.WEBHOOK_RETRY_DELAYS[0])
    deliveries = []
    for each in data():
        event = envelope.Event(uuid.uuid4(), event_type, now, owner_id, each)
        payload = envelope.compose(event)
        deliveries += [
            Delivery(
                webhook=hook,
                event_id=event.id,
                event_type=event_type,
                payload=payload,
                available_at=due,
            )
            for hook in hooks
        ]
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        ring(BELL)
