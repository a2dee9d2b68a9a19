"""Rows for tests: plain functions, keyword-only, sensible defaults."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils import timezone

from accounts.models import Group, User
from hooks import envelope
from hooks.event_types import EventType
from hooks.models import SEALED_FOR, Delivery, Webhook
from organizing.models import Folder, NamingTemplate, Tag
from recordings.models import (
    Job,
    PublicLink,
    Recording,
    RecordingSpeaker,
    Share,
    Transcript,
)
from speakr_site.core import sealing

WEBHOOK_SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
SEGMENTS = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 2.5, "text": "Hello everyone."},
    {"speaker": "SPEAKER_01", "start": 2.8, "end": 4.0, "text": "Hello."},
]


def make_recording(*, owner: User, **columns: Any) -> Recording:
    defaults = {
        "title": "Team meeting",
        "status": Recording.Status.COMPLETED,
        "audio_key": "audio/1/2026/01/00000000000000000000000000000000.flac",
        "original_filename": "meeting.flac",
        "mime_type": "audio/flac",
        "size_bytes": 1000,
        "sha256": "0" * 64,
        "duration_seconds": 4.0,
    }
    return Recording.objects.create(owner=owner, **{**defaults, **columns})


def make_transcript(
    *, recording: Recording, segments: list[dict[str, Any]] | None = None, **names: str
) -> Transcript:
    """The recording's next and current revision. `names`: label -> name."""
    segments = SEGMENTS if segments is None else segments
    transcript = Transcript.objects.create(
        recording=recording, number=recording.transcripts.count() + 1, segments=segments
    )
    for label in {segment["speaker"] for segment in segments} - {None}:
        RecordingSpeaker.objects.create(transcript=transcript, label=label, name=names.get(label))
    recording.current_transcript = transcript
    recording.save(update_fields=["current_transcript"])
    return transcript


def make_job(*, recording: Recording, **columns: Any) -> Job:
    return Job.objects.create(**{"recording": recording, "owner": recording.owner, **columns})


def make_tag(*, owner: User | None = None, group: Group | None = None, **columns: Any) -> Tag:
    """Of a person or of a group."""
    return Tag.objects.create(**{"owner": owner, "group": group, "name": "Work", **columns})


def make_folder(*, owner: User | None = None, group: Group | None = None, **columns: Any) -> Folder:
    """Of a person or of a group."""
    return Folder.objects.create(**{"owner": owner, "group": group, "name": "Clients", **columns})


def make_naming_template(*, owner: User, **columns: Any) -> NamingTemplate:
    defaults = {"name": "Clients", "template": "{{date}} {{ai_title}}"}
    return NamingTemplate.objects.create(owner=owner, **{**defaults, **columns})


def make_share(*, recording: Recording, user: User, can_edit: bool = False) -> Share:
    """Counts while ENABLE_INTERNAL_SHARING is on."""
    return Share.objects.create(recording=recording, user=user, can_edit=can_edit)


def make_public_link(*, recording: Recording, **columns: Any) -> PublicLink:
    return PublicLink.objects.create(recording=recording, **columns)


def make_webhook(*, owner: User, **columns: Any) -> Webhook:
    """Its secret is WEBHOOK_SECRET."""
    defaults = {
        "name": "n8n pipeline",
        "url": "https://hooks.example.com/speakr",
        "target": "hooks.example.com:443",
        "events": [EventType.TRANSCRIPTION_COMPLETED.value],
        "sealed_secret": sealing.seal(WEBHOOK_SECRET, purpose=SEALED_FOR),
    }
    return Webhook.objects.create(owner=owner, **{**defaults, **columns})


def make_delivery(
    *, webhook: Webhook, data: dict[str, Any] | None = None, **columns: Any
) -> Delivery:
    """One that waits, of an event of its own."""
    event_type = columns.get("event_type", EventType.TRANSCRIPTION_COMPLETED.value)
    event = envelope.Event(
        columns.get("event_id") or uuid.uuid4(),
        event_type,
        timezone.now(),
        webhook.owner_id,
        data if data is not None else {"recording_id": 1, "title": "Team meeting"},
    )
    defaults = {
        "event_id": event.id,
        "event_type": event_type,
        "payload": envelope.compose(event),
    }
    return Delivery.objects.create(webhook=webhook, **{**defaults, **columns})
