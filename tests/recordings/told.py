"""What people's webhooks were told, read from the deliveries that wait for them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from accounts.models import User
from hooks.event_types import EventType
from hooks.models import Delivery
from recordings.models import Recording
from tests.factories import make_webhook


class Told(NamedTuple):
    """`event`: without its `recording.`."""

    event: str
    data: dict[str, Any]


def listen(*people: User, events: list[str] | None = None) -> None:
    """Each gets a webhook that listens to everything, or to these events alone."""
    for user in people:
        make_webhook(owner=user, events=EventType.values if events is None else events)


def told(user: User) -> list[Told]:
    """In the order in which it happened; each envelope is looked over on the way."""
    found = []
    for row in Delivery.objects.filter(webhook__owner=user).order_by("pk"):
        envelope = json.loads(row.payload)
        assert list(envelope) == ["id", "type", "timestamp", "user_id", "data"]
        assert (envelope["id"], envelope["type"]) == (str(row.event_id), row.event_type)
        assert envelope["user_id"] == user.pk
        assert list(envelope["data"])[:2] == ["recording_id", "title"]
        found.append(Told(row.event_type.removeprefix("recording."), envelope["data"]))
    return found


def names(user: User) -> list[str]:
    return [each.event for each in told(user)]


def about(recording: Recording, **more: Any) -> dict[str, Any]:
    """An event's data: `recording` as it is, or was when it was deleted."""
    return {"recording_id": recording.pk, "title": recording.title, **more}
