"""The caller's known people over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from speakers.api import serializers
from speakers.models import Speaker
from speakers.services import create_speaker, delete_speaker, rename_speaker
from speakr_site.core.api.fields import utc_text
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.serializers import DoneSerializer
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import InvalidInput


@extend_schema(tags=["Speakers"])
class SpeakerViewSet(ScopedViewSet):
    model = Speaker
    scopes = {"list": "read", "create": "self", "update": "edit", "destroy": "edit"}
    pagination_class = None

    @extend_schema(
        summary="List the caller's speakers",
        description="All of them: most used first, then most lately used.",
        responses=serializers.SpeakerListSerializer,
    )
    def list(self, request: Request) -> Response:
        speakers = self.get_queryset().for_list()
        return Response({"speakers": [serializers.speaker_shape(row) for row in speakers]})

    @extend_schema(
        summary="Make a speaker known",
        request=serializers.SpeakerBodySerializer,
        responses={201: serializers.SpeakerCreatedSerializer},
    )
    def create(self, request: Request) -> Response:
        body = serializers.SpeakerBodySerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        speaker = create_speaker(owner=request.user, **body.validated_data)
        shape = serializers.speaker_shape(speaker)
        return Response({**shape, "created_at": utc_text(speaker.created_at)}, status=201)

    @extend_schema(
        summary="Rename a speaker everywhere",
        description="Every transcript, subtitle and text of the caller's recordings has the new "
        "name from then on, and every list of participants that named exactly this speaker. A list "
        "of participants that would grow beyond 500 characters stays as it is.",
        request=serializers.SpeakerBodySerializer,
        responses=serializers.SpeakerRenamedSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        speaker = self.get_object()
        given = json_object(request, optional=True)
        if not given:
            raise InvalidInput("No data provided")
        body = serializers.SpeakerBodySerializer(data=given)
        body.is_valid(raise_exception=True)
        speaker = rename_speaker(speaker=speaker, by=request.user, **body.validated_data)
        shape = serializers.speaker_shape(speaker)
        kept = {name: shape[name] for name in ("id", "name", "use_count")}
        return Response({"success": True, "speaker": kept})

    @extend_schema(
        summary="Forget a speaker",
        description="Transcripts and participants keep the name; it is nobody's from then on.",
        responses={200: DoneSerializer},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_speaker(speaker=self.get_object(), by=request.user)
        return Response({"success": True, "message": "Speaker deleted"})
