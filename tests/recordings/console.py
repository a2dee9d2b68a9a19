"""What the tests of the console share: who works in it, a recording with content, the trail."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from accounts.models import User
from recordings.models import Recording
from speakr_site.core.models import AuditEntry
from tests.conftest import make_user
from tests.factories import make_recording, make_transcript

AUDIO = bytes(range(256)) * 40
SECRETS = ("We sell the factory", "The plan is to sell", "Ask Mina about the price")
SEGMENTS = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 2.0, "text": SECRETS[0]},
    {"speaker": None, "start": 3723.0, "end": 3724.0, "text": "<script>alert(1)</script>"},
]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_clerk(name: str = "clerk") -> User:
    """Staff who may do everything to recordings and jobs but open what was said."""
    user = make_user(name)
    user.is_staff = True
    user.save()
    rights = Permission.objects.filter(content_type__app_label="recordings")
    user.user_permissions.set(rights.exclude(codename="open_recording"))
    return user


def make_spoken_recording(owner: User) -> Recording:
    """With audio in storage, a transcript, a summary and notes."""
    recording = make_recording(
        owner=owner,
        title="Factory <b>talk</b>",
        summary=SECRETS[1],
        notes=SECRETS[2],
        audio_key=default_storage.save("audio/1/2026/01/console.flac", ContentFile(AUDIO)),
        size_bytes=len(AUDIO),
        duration_seconds=3724.0,
        warnings=["Speakers could not be told apart."],
    )
    make_transcript(recording=recording, segments=SEGMENTS, SPEAKER_00="Mina <i>Mint</i>")
    return recording


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
