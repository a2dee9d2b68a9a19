"""The texts of a recording: transcript, summary, notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from recordings.api import shapes
from recordings.api.serializers import in_, out
from recordings.exports import subtitles, text
from recordings.exports.subtitles import Cue
from recordings.models import Recording, TranscriptTemplate
from recordings.models.recording import RecordingQuerySet
from recordings.models.viewing import viewing_of
from recordings.services.edit import edit_recording
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import InvalidInput, NotFound

FORMATS: dict[str, Callable[[list[Cue], User], Any]] = {
    "json": lambda cues, _caller: shapes.segments(cues),
    "text": lambda cues, caller: text.render(cues, TranscriptTemplate.objects.default_of(caller)),
    "srt": lambda cues, _caller: subtitles.srt(cues),
    "vtt": lambda cues, _caller: subtitles.vtt(cues),
}


@extend_schema(tags=["Recordings"])
class TranscriptViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().for_transcript()

    @extend_schema(
        summary="Who said what and when",
        description="As `text` it is shaped by the caller's default transcript template; without "
        "one it is `Speaker: text`, a line for each segment.",
        parameters=[in_.TranscriptQuerySerializer],
        responses=out.TranscriptSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        transcript = self.get_object().current_transcript
        if transcript is None:
            raise NotFound("No transcription available")
        form = request.query_params.get("format", "").strip().lower() or "json"
        if form not in FORMATS:
            known = ", ".join(FORMATS)
            raise InvalidInput(f"Unknown format: {form[:20]}; it must be one of {known}")
        cues = subtitles.named(transcript.segments, transcript.names())
        key = "segments" if form == "json" else "content"
        return Response({"format": form, key: FORMATS[form](cues, request.user)})


@extend_schema(tags=["Recordings"])
class NotesViewSet(ScopedViewSet):
    """The caller's own, whoever owns the recording."""

    model = Recording
    scopes = {"retrieve": "read", "update": "read"}

    @extend_schema(
        summary="Read the notes",
        description="The caller's own: whoever may read a recording keeps notes on it.",
        responses=out.NotesSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        notes = viewing_of(self.get_object(), viewer=request.user).notes
        return Response({"notes": notes, "has_notes": bool(notes)})

    @extend_schema(
        summary="Replace the notes",
        description="The caller's own; nobody else's change.",
        request=in_.NotesBodySerializer,
        responses=out.NotesStoredSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = in_.NotesBodySerializer(data=json_object(request))
        body.is_valid(raise_exception=True)
        edit_recording(recording=recording, by=request.user, changes=body.validated_data)
        return Response({"success": True, "notes": body.validated_data["notes"]})


@extend_schema(tags=["Recordings"])
class SummaryViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read", "update": "edit"}

    @extend_schema(summary="Read the summary", responses=out.SummarySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        summary = recording.summary
        return Response(
            {
                "summary": summary,
                "has_summary": bool(summary),
                "summary_meta": recording.summary_meta,
            }
        )

    @extend_schema(
        summary="Replace the summary",
        request=in_.SummaryBodySerializer,
        responses=out.SummaryStoredSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = in_.SummaryBodySerializer(data=json_object(request))
        body.is_valid(raise_exception=True)
        edit_recording(recording=recording, by=request.user, changes=body.validated_data)
        return Response({"success": True, "summary": recording.summary})
