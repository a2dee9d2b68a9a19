"""The made-up firm's webhooks with what was sent to them. All are switched off: nothing is sent."""

from __future__ import annotations

import random
import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.models import User
from hooks import envelope
from hooks.event_types import EventType
from hooks.models import SEALED_FOR, Delivery, Webhook
from recordings.models import Recording
from speakr_site.core import sealing

# name: (host, path)
WEBHOOKS = {
    "Minutes to the wiki": ("wiki.example.com", "/hooks/speakr"),
    "Home automation": ("home.example.org", "/api/webhook/speakr"),
}
DELIVERIES = 20
HOURS_BETWEEN = 9
FAILED_SHARE = 0.15
EVENT = EventType.TRANSCRIPTION_COMPLETED


def add_webhooks(owner: User, now: datetime) -> None:
    """Those that the owner does not have and may have, each with deliveries about the latest
    recordings. All of them have ended.
    """
    there = set(owner.webhooks.values_list("name", flat=True))
    room = max(0, settings.WEBHOOK_MAX_PER_USER - len(there))
    recordings = list(
        Recording.objects.filter(owner=owner, status=Recording.Status.COMPLETED)
        .only("title", "duration_seconds", "owner_id")
        .order_by("-created_at")[:DELIVERIES]
    )
    for name in [name for name in WEBHOOKS if name not in there][:room]:
        chance = random.Random(name)
        host, path = WEBHOOKS[name]
        with transaction.atomic():
            webhook = Webhook.objects.create(
                owner=owner,
                name=name,
                url=f"https://{host}{path}",
                target=f"{host}:443",
                events=[EVENT.value],
                enabled=False,
                sealed_secret=sealing.seal(secrets.token_urlsafe(32), purpose=SEALED_FOR),
                last_delivery_at=now - timedelta(hours=HOURS_BETWEEN),
            )
            Delivery.objects.bulk_create(
                _delivery(webhook, recording, now - timedelta(hours=HOURS_BETWEEN * number), chance)
                for number, recording in enumerate(recordings, start=1)
            )


def _delivery(
    webhook: Webhook, recording: Recording, at: datetime, chance: random.Random
) -> Delivery:
    """`at`: when the transcript was there."""
    data = {
        "recording_id": recording.pk,
        "title": recording.title,
        "audio_duration_seconds": recording.duration_seconds,
    }
    event = envelope.Event(uuid.uuid4(), EVENT.value, at, webhook.owner_id, data)
    is_failed = chance.random() < FAILED_SHARE
    return Delivery(
        webhook=webhook,
        event_id=event.id,
        event_type=event.type,
        payload=envelope.compose(event),
        created_at=at,
        available_at=at,
        status=Delivery.Status.FAILED if is_failed else Delivery.Status.DONE,
        attempt_count=settings.WEBHOOK_MAX_ATTEMPTS if is_failed else 1,
        response_status=503 if is_failed else 200,
        response_body_preview="Service Unavailable" if is_failed else '{"ok":true}',
        delivered_at=None if is_failed else at + timedelta(seconds=1),
    )
