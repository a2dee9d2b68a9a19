"""What the tests of the console share: what a recording holds, its pages, acts, the trail."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from recordings.models import Recording
from speakr_site.core.models import AuditEntry

AUDIO = bytes(range(256)) * 40
SECRETS = ("We sell the factory", "The plan is to sell", "Ask Mina about the price")
SEGMENTS = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 2.0, "text": SECRETS[0]},
    {"speaker": None, "start": 3723.0, "end": 3724.0, "text": "<script>alert(1)</script>"},
]


def change_page(recording: Recording) -> str:
    return reverse("admin:recordings_recording_change", args=[recording.pk])


def open_page(recording: Recording) -> str:
    return reverse("admin:recordings_recording_open", args=[recording.pk])


def audio_of(recording: Recording) -> str:
    return reverse("admin:recordings_recording_audio", args=[recording.pk])


def act(client: Client, page: str, action: str, *rows: Any, **more: str) -> list[str]:
    """What the console says after an action on some rows."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    answer = client.post(page, {**chosen, **more}, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


def trail() -> list[tuple[str, str, int]]:
    """(who, what, on which) of every audit row, in order."""
    rows = AuditEntry.objects.order_by("id")
    return list(rows.values_list("actor__username", "action", "object_id"))
