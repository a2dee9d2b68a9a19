"""The audio of a recording."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from recordings.api.serializers import in_
from recordings.models import Recording
from recordings.ranges import audio_response
from recordings.services.playback import open_audio
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet

ALL = OpenApiResponse(OpenApiTypes.BINARY, description="The bytes as stored.")
PART = OpenApiResponse(OpenApiTypes.BINARY, description="The bytes of the range.")
KNOWN = OpenApiResponse(description="The file is the one that the request names.")
HEADERS = [
    OpenApiParameter(
        "Range",
        {"type": "string", "pattern": "^bytes=[0-9]{0,6}-[0-9]{0,6}$"},
        OpenApiParameter.HEADER,
        description="One range of bytes, such as `bytes=0-1023`; anything else is ignored.",
    ),
    OpenApiParameter(
        "If-Range",
        location=OpenApiParameter.HEADER,
        description="ETag or Last-Modified of the file that the range is meant for; of any other "
        "file all is sent.",
    ),
    OpenApiParameter(
        "If-None-Match",
        location=OpenApiParameter.HEADER,
        description="ETag of the file that is known already.",
    ),
    OpenApiParameter(
        "If-Match",
        location=OpenApiParameter.HEADER,
        description="ETag of the only file that is wanted.",
    ),
    OpenApiParameter(
        "ETag",
        location=OpenApiParameter.HEADER,
        response=[200, 206, 304],
        description="Names the bytes of the file.",
    ),
    OpenApiParameter(
        "Content-Range",
        location=OpenApiParameter.HEADER,
        response=[206],
        description="Which bytes of how many: `bytes 0-1023/4096`.",
    ),
]


@extend_schema(tags=["Recordings"])
class AudioViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "read"}

    @extend_schema(
        summary="Play or download the audio",
        description="Byte ranges and conditional requests are honoured.",
        parameters=[in_.AudioQuerySerializer, *HEADERS],
        responses={
            (200, "audio/*"): ALL,
            (206, "audio/*"): PART,
            304: KNOWN,
            **errors(412, 416),
        },
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        recording = self.get_object()
        query = in_.AudioQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        download = bool(query.validated_data.get("download"))
        return audio_response(request, open_audio(recording), download=download)
