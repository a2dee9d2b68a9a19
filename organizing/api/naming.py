"""The caller's naming templates over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from organizing.api.serializers.naming import (
    NamingPreviewedSerializer,
    NamingPreviewSerializer,
    NamingTemplateCreateSerializer,
    NamingTemplateDeletedSerializer,
    NamingTemplateListSerializer,
    NamingTemplateSerializer,
    NamingTemplateUpdateSerializer,
)
from organizing.models import NamingTemplate
from organizing.services import create_template, delete_template, previewed, update_template
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet


@extend_schema(tags=["Naming templates"])
class NamingTemplateViewSet(ScopedViewSet):
    model = NamingTemplate
    scopes = {
        "list": "read",
        "create": "self",
        "preview": "self",
        "retrieve": "read",
        "update": "edit",
        "destroy": "edit",
    }
    # Strictly personal: of somebody else's template not even the existence shows.
    reveals_existence = False
    pagination_class = None

    @extend_schema(
        summary="List the caller's naming templates",
        description="All of them, by name. A recording that nobody named is called by the template "
        "of the first of its tags that has one, else of its folder, else by its owner's default; "
        "without any, by what was said.",
        responses=NamingTemplateListSerializer,
    )
    def list(self, request: Request) -> Response:
        templates = NamingTemplateSerializer(self.get_queryset(), many=True).data
        return Response({"templates": templates})

    @extend_schema(
        summary="Create a naming template",
        description="Makes a template of the caller's own; with `is_default` it takes the place of "
        "the earlier default.",
        request=NamingTemplateCreateSerializer,
        responses={201: NamingTemplateSerializer, **errors(409)},
    )
    def create(self, request: Request) -> Response:
        body = NamingTemplateCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = create_template(owner=request.user, values=body.validated_data)
        return Response(NamingTemplateSerializer(template).data, status=201)

    @extend_schema(
        summary="Try a naming template on a file's name",
        description="Keeps nothing and asks no model: an example stands for the title from what "
        "was said, and now for the recording's date.",
        request=NamingPreviewSerializer,
        responses={200: NamingPreviewedSerializer},
    )
    def preview(self, request: Request) -> Response:
        body = NamingPreviewSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        return Response({"title": previewed(user=request.user, **body.validated_data)})

    @extend_schema(
        summary="Details of a naming template",
        description="One of the caller's own.",
        responses=NamingTemplateSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(NamingTemplateSerializer(self.get_object()).data)

    @extend_schema(
        summary="Change a naming template",
        description="Changes what is given and leaves the rest; titles that were made by it stay. "
        "With `is_default` it takes the place of the earlier default.",
        request=NamingTemplateUpdateSerializer,
        responses=NamingTemplateSerializer,
    )
    def update(self, request: Request, pk: str) -> Response:
        template = self.get_object()
        body = NamingTemplateUpdateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        template = update_template(template=template, changes=body.validated_data)
        return Response(NamingTemplateSerializer(template).data)

    @extend_schema(
        summary="Delete a naming template",
        description="Tags and folders that have it have none then; titles that were made by it "
        "stay.",
        responses={200: NamingTemplateDeletedSerializer},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_template(template=self.get_object())
        return Response({"success": True, "message": "Naming template deleted"})
