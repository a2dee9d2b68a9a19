"""The caller's naming templates over the API."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from organizing.api.serializers.naming import (
    NamingPreviewedSerializer,
    NamingPreviewSerializer,
    NamingTemplateCreateSerializer,
    NamingTemplateListSerializer,
    NamingTemplateSerializer,
    NamingTemplateUpdateSerializer,
)
from organizing.models import NamingTemplate
from organizing.services import naming_templates, previewed
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.templates import TemplateActions, described
from speakr_site.core.api.viewsets import ScopedViewSet


@described(
    listed="A recording that nobody named is called by the template of the first of its tags that "
    "has one, else of its folder, else by its owner's default; without any, by what was said.",
    changed="Changes what is given and leaves the rest; titles that were made by it stay.",
    deleted="Tags and folders that have it have none then; titles that were made by it stay.",
)
@extend_schema(tags=["Naming templates"])
class NamingTemplateViewSet(TemplateActions, ScopedViewSet):
    model = NamingTemplate
    templates = naming_templates
    to_create, to_change = NamingTemplateCreateSerializer, NamingTemplateUpdateSerializer
    shape, listing = NamingTemplateSerializer, NamingTemplateListSerializer
    scopes = {**TemplateActions.scopes, "preview": "self"}

    @extend_schema(
        summary="Try a naming template on a file's name",
        description="Keeps nothing and asks no model: an example stands for the title from what "
        "was said, and for the file's name where none is given; now for the recording's date.",
        request=NamingPreviewSerializer,
        responses={200: NamingPreviewedSerializer},
    )
    def preview(self, request: Request) -> Response:
        body = NamingPreviewSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        return Response({"title": previewed(user=request.user, **body.validated_data)})
