"""What a webhook can be told of, in the contract's order (http-contract.md, 15)."""

from __future__ import annotations

from django.db import models


class EventType(models.TextChoices):
    CREATED = "recording.created"
    TRANSCRIPTION_STARTED = "recording.transcription.started"
    TRANSCRIPTION_COMPLETED = "recording.transcription.completed"
    TRANSCRIPTION_FAILED = "recording.transcription.failed"
    SUMMARY_COMPLETED = "recording.summary.completed"
    SUMMARY_FAILED = "recording.summary.failed"
    EVENTS_EXTRACTED = "recording.events.extracted"
    UPDATED = "recording.updated"
    DELETED = "recording.deleted"
    TEST = "webhook.test"
