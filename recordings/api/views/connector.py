"""What transcription on this server can do."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import out
from recordings.models import Recording
from recordings.services.connector import describe_connector
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Transcription"])
class ConnectorViewSet(ScopedViewSet):
    model = Recording
    scopes = {"retrieve": "self"}

    @extend_schema(summary="The transcription connector", responses=out.ConnectorSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(describe_connector())
