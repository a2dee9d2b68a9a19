"""Who speaks in a recording."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from recordings.api.serializers import speakers as serializers
from recordings.models import Recording, Transcript
from recordings.models.recording import RecordingQuerySet
from recordings.models.transcript import NAMELESS
from recordings.services.identifying import suggested_names
from recordings.services.labelling import assign_speakers
from recordings.services.processing import queue_summary
from speakers.models import Speaker
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import SpeakrError


@extend_schema(tags=["Recordings"])
class RecordingSpeakersViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().for_detail()

    @extend_schema(
        summary="The voices of a recording",
        description="One entry for each label of the transcript; none without a transcript. "
        "Segments without a label are `Unknown Speaker`'s.",
        responses=serializers.RecordingSpeakersSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        transcript = self.get_object().current_transcript
        voices = _voices(transcript, request.user) if transcript else []
        return Response({"speakers": voices, "suggestions": {}})


@extend_schema(tags=["Recordings"])
class AssignViewSet(ScopedViewSet):
    model = Recording
    scopes = {"update": "edit"}

    @extend_schema(
        summary="Say who the voices of a recording are",
        description="Each name becomes one of the owner's speakers. The recording's participants "
        "are then the people named in the transcript. With `regenerate_summary` the request counts "
        "as a processing operation too.",
        request=serializers.AssignSerializer,
        responses=serializers.AssignedSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = serializers.AssignSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        wants_summary = body.validated_data.get("regenerate_summary", False)
        if wants_summary:
            self.count_also(request, "processing")
        names = body.names(me=request.user.name)
        recording = assign_speakers(recording=recording, by=request.user, names=names)
        is_queued = wants_summary and _summary_queued(recording, request.user)
        return Response(
            {
                "success": True,
                "message": "Speakers updated successfully.",
                "recording": {
                    "id": recording.pk,
                    "title": recording.title,
                    "participants": recording.participants,
                    "status": recording.status,
                },
                "summary_queued": is_queued,
                "embeddings_updated": 0,
                "snippets_created": 0,
            }
        )


@extend_schema(tags=["Recordings"])
class IdentifyViewSet(ScopedViewSet):
    model = Recording
    scopes = {"create": "read"}
    rate_groups = {"create": "processing"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().for_texts()

    @extend_schema(
        summary="Suggest who the voices of a recording are",
        description="A language model looks for names in what was said. Nothing is stored; the "
        "tokens are the caller's. Voices that have a name already keep it.",
        request=None,
        responses={200: serializers.IdentifiedSerializer},
    )
    def create(self, request: Request, pk: str) -> Response:
        names = suggested_names(recording=self.get_object(), by=request.user)
        return Response({"success": True, "speaker_map": names})


def _summary_queued(recording: Recording, by: User) -> bool:
    """The names stand, whatever keeps a summary from being made of them."""
    try:
        queue_summary(recording=recording, by=by)
    except SpeakrError:
        return False
    recording.refresh_from_db(fields=["status"])
    return True


def _voices(transcript: Transcript, caller: User) -> list[dict[str, Any]]:
    """Two queries. An engine may name a voice itself: then the label is the name, if it is known.

    Ids are the caller's own whoever owns the recording: speakers are private.
    """
    voices, names = transcript.voices(), transcript.names()
    known = Speaker.objects.visible_to(caller).ids_by_name(
        name for label in voices if (name := names.get(label, label))
    )
    return [
        {
            "label": label or NAMELESS,
            "identified_name": names.get(label, label if label in known else None),
            "speaker_id": known.get(names.get(label, label)),
            "segment_count": voice.segments,
        }
        for label, voice in voices.items()
    ]
