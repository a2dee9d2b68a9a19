"""Work on a recording."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import in_, out
from recordings.models import Job, Recording
from recordings.models.recording import RecordingQuerySet
from recordings.services.processing import queue_summary, queue_transcription
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet


class _Queues:
    """What the views share that queue work on a recording."""

    model = Recording
    scopes = {"create": "edit"}
    rate_groups = {"create": "processing"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().select_related("owner")

    @staticmethod
    def queued(job: Job, message: str) -> Response:
        body = {"success": True, "job_id": job.pk, "status": "QUEUED", "message": message}
        return Response(body)


@extend_schema(tags=["Processing"])
class TranscribeViewSet(_Queues, ScopedViewSet):
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
        return self.queued(job, "Transcription queued")


@extend_schema(tags=["Processing"])
class SummarizeViewSet(_Queues, ScopedViewSet):
    @extend_schema(
        summary="Summarize again",
        description="The summary there is stays until the new one replaces it. Without a language "
        "model it is made of key sentences of the transcript.",
        request=in_.SummarizeSerializer,
        responses={200: out.QueuedSerializer, **errors(409)},
    )
    def create(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = in_.SummarizeSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        prompt = body.validated_data.get("custom_prompt")
        job = queue_summary(recording=recording, by=request.user, custom_prompt=prompt)
        return self.queued(job, "Summarization queued")
