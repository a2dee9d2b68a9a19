"""The caller's transcript templates over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers.templates import (
    TemplateCreateSerializer,
    TemplateDeletedSerializer,
    TemplateListSerializer,
    TemplateSerializer,
    TemplateUpdateSerializer,
)
from recordings.models import TranscriptTemplate
from recordings.services.templates import create_template, delete_template, update_template
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Transcript templates"])
class TranscriptTemplateViewSet(ScopedViewSet):
    model = TranscriptTemplate
    scopes = {
        "list": "read",
        "create": "self",
        "retrieve": "read",
        "update": "edit",
        "destroy": "edit",
    }
    # Strictly personal: of somebody else's template not even the existence shows.
    reveals_existence = False
    pagination_class = None

    @extend_schema(
        summary="List the caller's transcript templates",
        description="All of them, by name. None is needed: without a default template, a "
        "transcript is `Speaker: text`, a line for each segment.",
        responses=TemplateListSerializer,
    )
    def list(self, request: Request) -> Response:
        return Response({"templates": TemplateSerializer(self.get_queryset(), many=True).data})

    @extend_schema(
        summary="Create a transcript template",
        description="Makes a template of the caller's own; with `is_default` it takes the place of "
        "the earlier default.",
        request=TemplateCreateSerializer,
        responses={201: TemplateSerializer, **errors(409)},
    )
    def create(self, request: Request) -> Response:
        body = TemplateCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = create_template(owner=request.user, values=body.validated_data)
        return Response(TemplateSerializer(template).data, status=201)

    @extend_schema(
        summary="Details of a transcript template",
        description="One of the caller's own.",
        responses=TemplateSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(TemplateSerializer(self.get_object()).data)

    @extend_schema(
        summary="Change a transcript template",
        description="Changes what is given and leaves the rest. With `is_default` it takes the "
        "place of the earlier default.",
        request=TemplateUpdateSerializer,
        responses=TemplateSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        template = self.get_object()
        body = TemplateUpdateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = update_template(template=template, changes=body.validated_data)
        return Response(TemplateSerializer(template).data)

    @extend_schema(
        summary="Delete a transcript template",
        description="Without a default template, transcripts are `Speaker: text` again.",
        responses={200: TemplateDeletedSerializer},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_template(template=self.get_object())
        return Response({"success": True, "message": "Transcript template deleted"})
