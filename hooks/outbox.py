"""Facts on their way out: written with the change they tell of, sent by who hears the bell."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
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
    if not settings.WEBHOOK_GLOBAL_ENABLED:
        return
    hooks = Webhook.objects.listening(owner_id, event_type)
    if not hooks:
        return
    event = envelope.Event(uuid.uuid4(), event_type, timezone.now(), owner_id, data)
    payload = envelope.compose(event)
    Delivery.objects.bulk_create(
        Delivery(webhook=hook, event_id=event.id, event_type=event_type, payload=payload)
        for hook in hooks
    )
    ring(BELL)
