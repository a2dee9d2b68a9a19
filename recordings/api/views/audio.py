"""The audio of a recording."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from recordings.api.ranges import file_response
from recordings.api.serializers import in_
from recordings.models import Recording
from recordings.services.playback import open_audio
from speakr_site.core.api.viewsets import ScopedViewSet

BINARY = OpenApiResponse(OpenApiTypes.BINARY, description="The bytes as stored.")


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
        return audio_response(request, recording, download=query.validated_data.get("download"))


def audio_response(
    request: Request, recording: Recording, *, download: bool | None
) -> HttpResponse:
    audio = open_audio(recording)
    response = file_response(
        request, audio.file, size=audio.size_bytes, etag=audio.etag, modified=audio.modified
    )
    response["Content-Type"] = audio.mime_type
    response["Content-Disposition"] = (
        content_disposition_header(bool(download), audio.filename) or "inline"
    )
    return response
