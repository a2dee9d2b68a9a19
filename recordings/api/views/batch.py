"""The same for many recordings at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import batch as shapes
from recordings.models import Recording
from recordings.services import batch
from recordings.services.batch import ItemResult
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Batch"])
class BatchViewSet(ScopedViewSet):
    """The services limit the rows: what the caller may not touch becomes a result, not a 403."""

    model = Recording
    scopes = {"partial_update": "edit", "destroy": "edit", "transcribe": "edit"}
    rate_groups = dict.fromkeys(scopes, "batch")

    @extend_schema(
        summary="Change many recordings",
        description="One result for each distinct id. Flags are the caller's own and need the "
        "right to read; everything else needs the right to edit. Only the owner of a recording "
        "changes its folder and attaches tags of groups.",
        request=shapes.BatchUpdateSerializer,
        responses={200: shapes.BatchUpdatedSerializer, **errors(403, 404)},
    )
    def partial_update(self, request: Request) -> Response:
        body = shapes.BatchUpdateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        ids = body.validated_data["recording_ids"]
        results = batch.update_recordings(by=request.user, ids=ids, changes=body.changes())
        return _answer("updated", results)

    @extend_schema(
        summary="Delete many recordings",
        description="Only one's own recordings are deleted.",
        responses={200: shapes.BatchDeletedSerializer, **errors(400, 403, 415)},
    )
    def destroy(self, request: Request) -> Response:
        results = batch.delete_recordings(by=request.user, ids=_ids(request))
        return _answer("deleted", results)

    @extend_schema(
        summary="Transcribe many recordings again",
        description="Each with its own defaults. One of which the same work is queued already "
        "gives the job that does it; one of which other work is queued fails.",
        request=shapes.BatchSerializer,
        responses={200: shapes.BatchQueuedSerializer},
    )
    def transcribe(self, request: Request) -> Response:
        results = batch.transcribe_recordings(by=request.user, ids=_ids(request))
        return _answer("queued", results)


def _ids(request: Request) -> list[int]:
    body = shapes.BatchSerializer(data=json_object(request, optional=True))
    body.is_valid(raise_exception=True)
    return body.validated_data["recording_ids"]


def _answer(done: str, results: Iterable[ItemResult]) -> Response:
    items = [_item(result) for result in results]
    failed = sum(not item["success"] for item in items)
    return Response(
        {"success": True, done: len(items) - failed, "failed": failed, "results": items}
    )


def _item(result: ItemResult) -> dict[str, Any]:
    item: dict[str, Any] = {"id": result.recording_id, "success": result.error is None}
    if result.error is not None:
        item["error"] = result.error
    if result.job_id is not None:
        item["job_id"] = result.job_id
    return item
