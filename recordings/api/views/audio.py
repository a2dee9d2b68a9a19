"""The audio of a recording."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from recordings.api.serializers import in_
from recordings.models import Recording
from recordings.ranges import audio_response
from recordings.services.playback import open_audio
from speakr_site.core.api.viewsets import ScopedViewSet

BINARY = OpenApiResponse(OpenApiTypes.BINARY, description="The bytes as stored.")


@extend_schema(tags=["Recordings"])
class AudioViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read"}

    @extend_schema(
        summary="Play or download the audio; byte ranges and conditional requests are honoured",
        parameters=[in_.AudioQuerySerializer],
        responses={(200, "audio/*"): BINARY, (206, "audio/*"): BINARY},
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        recording = self.get_object()
        query = in_.AudioQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        download = bool(query.validated_data.get("download"))
        return audio_response(request, open_audio(recording), download=download)
