"""OpenAPI: how errors are described, and the two pages that show it all."""

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

from speakr_site.core.api.viewsets import LenientNegotiation, ScopedViewSet

ERROR = {"$ref": "#/components/schemas/Error"}
ERROR_COMPONENT = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "What went wrong, in one sentence."},
        "fields": {
            "type": "object",
            "additionalProperties": {},
            "description": "The complaints by field, where values were refused.",
        },
    },
}
DESCRIPTIONS = {
    400: "A value was refused.",
    401: "No token, or one that is invalid, expired or revoked.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    409: "Something else stands in the way.",
    413: "The body is too large.",
    415: "Another media type is expected.",
    416: "The range lies outside the file.",
    429: "Too many requests; Retry-After says when to come back.",
    503: "The server is busy; Retry-After says when to come back.",
    507: "The server's disk is full.",
}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """For `extend_schema(responses={200: ..., **errors(409)})`; `add_errors` adds the rest."""
    return {status: OpenApiResponse(ERROR, DESCRIPTIONS[status]) for status in statuses}


def add_errors(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A POSTPROCESSING_HOOK: the refusals that follow from what an operation takes."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR_COMPONENT
    for path, item in result["paths"].items():
        for operation in item.values():
            for status in _implied(path, operation):
                operation["responses"].setdefault(str(status), _error_response(status))
    return result


def library_docs() -> list[type]:
    """Classes whose docstrings are for us and describe no operation."""
    return [*get_lib_doc_excludes(), ScopedViewSet]


def _implied(path: str, operation: dict[str, Any]) -> list[int]:
    statuses = [401, 429]
    if "{" in path:
        statuses += [403, 404]
    if "requestBody" in operation:
        statuses += [400, 415]
    elif any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
        statuses.append(400)
    return sorted(statuses)


def _error_response(status: int) -> dict[str, Any]:
    return {
        "description": DESCRIPTIONS[status],
        "content": {"application/json": {"schema": ERROR}},
    }


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, the same for everybody. Built once in each process."""
    return SchemaGenerator().get_schema(request=None, public=True)


class DocsAreOpen(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return settings.API_DOCS_PUBLIC or bool(request.user and request.user.is_authenticated)


class OpenApiView(APIView):
    """GET /api/v1/openapi.json"""

    permission_classes = [DocsAreOpen]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = LenientNegotiation

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(document())


class DocsView(SpectacularSwaggerView):
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
