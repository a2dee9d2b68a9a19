"""Dates that were agreed on in a recording."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils import timezone

TITLE_MAX_LENGTH, LOCATION_MAX_LENGTH = 200, 500
REMINDER_MINUTES = 15


class CalendarEventQuerySet(models.QuerySet):
    def in_order(self) -> Self:
        return self.order_by("start_datetime", "id")


class CalendarEvent(models.Model):
    """`attendees`: names, as they were said."""

    recording = models.ForeignKey(
        "recordings.Recording", on_delete=models.CASCADE, related_name="events"
    )
    title = models.CharField(max_length=TITLE_MAX_LENGTH)
    start_datetime = models.DateTimeField()
    end_datetime = models.DateTimeField(null=True, blank=True)
    description = models.TextField(null=True, blank=True)
    location = models.CharField(max_length=LOCATION_MAX_LENGTH, null=True, blank=True)
    attendees = models.JSONField(default=list, blank=True)
    reminder_minutes = models.PositiveIntegerField(default=REMINDER_MINUTES)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text="When another run found it otherwise."
    )

    objects = CalendarEventQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title
