"""The calendar events of a recording, and the same as a file for calendar programs."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api import shapes
from recordings.api.serializers import out
from recordings.exports import ics
from recordings.models import CalendarEvent, Recording
from recordings.models.recording import RecordingQuerySet
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import NotFound

CALENDAR = OpenApiResponse(OpenApiTypes.STR, description="RFC 5545, one VEVENT for each event.")


@extend_schema(tags=["Events"])
class EventsViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read", "download": "read"}

    def get_queryset(self) -> RecordingQuerySet:
        rows = super().get_queryset().select_related("owner")
        return rows.only("owner__extract_events")

    @extend_schema(
        summary="The dates that were agreed on",
        description="By start; none while the owner has `extract_events` off. They are looked for "
        "with each summary, where a language model is configured; one that is found again keeps "
        "its id.",
        responses=out.EventListSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        events = self.get_object().shown_events()
        return Response({"events": [shapes.event(event) for event in events]})

    @extend_schema(
        summary="The same for a calendar program", responses={(200, "text/calendar"): CALENDAR}
    )
    def download(self, request: Request, pk: str) -> HttpResponse:
        recording = self.get_object()
        events = list(recording.shown_events())
        if not events:
            raise NotFound("No events found")
        response = HttpResponse(
            ics.calendar(_entry(event) for event in events),
            content_type="text/calendar; charset=utf-8",
        )
        response["Content-Disposition"] = f"attachment; filename=events-{recording.pk}.ics"
        return response


def _entry(event: CalendarEvent) -> ics.Entry:
    return ics.Entry(
        uid=f"{event.pk}@speakr",
        title=event.title,
        start=event.start_datetime,
        end=event.end_datetime,
        changed_at=event.changed_at,
        description=event.description,
        location=event.location,
        attendees=event.attendees,
        reminder_minutes=event.reminder_minutes,
    )
