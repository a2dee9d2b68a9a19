"""The OpenAPI document, as views help to describe it, and the two pages that show it all."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase, JsonResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import get_lib_doc_excludes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from speakr_site.core.api.openapi import ERROR, ERRORS
from speakr_site.core.api.ratelimits import RateLimited
from speakr_site.core.api.viewsets import LenientNegotiation, ScopedViewSet


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """For `extend_schema(responses={200: ..., **errors(409)})`; what goes without saying is added
    to every operation (api/openapi.py).
    """
    return {status: OpenApiResponse(ERROR, ERRORS[status][1]) for status in statuses}


def library_docs() -> list[type]:
    """Classes whose docstrings are for us and describe no operation."""
    return [*get_lib_doc_excludes(), ScopedViewSet]


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, the same for everybody. Built once in each process."""
    return SchemaGenerator().get_schema(request=None, public=True)


class DocsAreOpen(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.API_DOCS_PUBLIC or bool(request.user and request.user.is_authenticated)


class OpenApiView(RateLimited, APIView):
    """GET /api/v1/openapi.json"""

    permission_classes = [DocsAreOpen]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = LenientNegotiation

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(document())


class DocsView(RateLimited, SpectacularSwaggerView):
    """GET /api/v1/docs: Swagger UI, all of it served from here; a refusal is JSON all the same."""

    permission_classes = [DocsAreOpen]
    content_negotiation_class = LenientNegotiation
    url_name = "openapi"

    def handle_exception(self, exc: Exception) -> HttpResponseBase:
        refusal = super().handle_exception(exc)
        answer = JsonResponse(refusal.data, status=refusal.status_code)
        for name in refusal.headers.keys() - {"Content-Type"}:
            answer[name] = refusal[name]
        return answer
