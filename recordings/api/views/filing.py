"""The tags of one recording."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import filing
from recordings.models import Recording
from recordings.models.recording import RecordingQuerySet
from recordings.services.filing import add_tags, remove_tag
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.serializers import DoneSerializer
from speakr_site.core.api.viewsets import ScopedViewSet, is_storable_id
from speakr_site.core.errors import NotFound


@extend_schema(tags=["Recordings"])
class RecordingTagViewSet(ScopedViewSet):
    """Who may read a recording may put tags of their own on it; the services know the rest."""

    model = Recording
    scopes = {"create": "read", "destroy": "read"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().defer("notes", "summary")

    @extend_schema(
        summary="Attach tags to a recording",
        description="A tag that cannot be attached is named in `errors` and does not stop the "
        "others; one that is there already is passed over. Whoever may read the recording attaches "
        "their own tags, for their own eyes; only its owner attaches tags of groups.",
        request=filing.AddTagsSerializer,
        responses={200: filing.TagsAddedSerializer},
    )
    def create(self, request: Request, pk: str) -> Response:
        recording = self.get_object()
        body = filing.AddTagsSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        result = add_tags(recording=recording, by=request.user, tag_ids=body.wanted())
        added = [{"id": tag.pk, "name": tag.name} for tag in result.added]
        return Response({"success": True, "added_tags": added, "errors": result.errors or None})

    @extend_schema(
        summary="Take a tag off a recording",
        description="One's own tag; a group's tag as the recording's owner or an admin of the "
        "group.",
        responses={200: DoneSerializer},
    )
    def destroy(self, request: Request, pk: str, tag_id: str) -> Response:
        recording = self.get_object()
        if not is_storable_id(tag_id):
            raise NotFound("Tag not on this recording")
        remove_tag(recording=recording, by=request.user, tag_id=int(tag_id))
        return Response({"success": True, "message": "Tag removed"})
