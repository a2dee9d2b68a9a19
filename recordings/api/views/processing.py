"""Work on a recording."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import in_, out
from recordings.models import Recording
from recordings.models.recording import RecordingQuerySet
from recordings.services.processing import queue_transcription
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Processing"])
class TranscribeViewSet(ScopedViewSet):
    model = Recording
    scopes = {"create": "edit"}
    rate_groups = {"create": "processing"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().select_related("owner")

    @extend_schema(
        summary="Transcribe again",
        description="Whoever may edit the recording: what the body leaves out is as its owner "
        "prefers it, and the minutes are the caller's.",
        request=in_.TranscribeSerializer,
        responses={200: out.QueuedSerializer, **errors(409)},
    )
    def create(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = in_.TranscribeSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        job = queue_transcription(recording=recording, by=request.user, hints=body.hints())
        return Response(
            {
                "success": True,
                "job_id": job.pk,
                "status": "QUEUED",
                "message": "Transcription queued",
            }
        )
