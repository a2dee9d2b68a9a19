"""Any error as `{"error": "<one sentence>"}`: in DRF views (`handle`) and outside of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from speakr_site.core.errors import (
    Busy,
    Conflict,
    DiskFull,
    SpeakrError,
    is_disk_full,
    is_reference_gone,
)
from speakr_site.core.pages import CONTENT_POLICY

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"
BUSY_RETRY_SECONDS = 10
GONE = "Something that this needs has just been deleted"
INTERNAL_ERROR = "Internal server error"

SENTENCES = {
    exceptions.NotAuthenticated: "Authentication required",
    exceptions.PermissionDenied: "Permission denied",
    exceptions.NotFound: "Not found",
    exceptions.MethodNotAllowed: "Method not allowed",
    exceptions.Throttled: "Rate limit exceeded",
}


def handle(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. What nobody foresaw is logged and answered without details."""
    set_rollback()
    if is_disk_full(exc):
        logger.error("%s: the disk is full: %s", _place(context), exc)
        exc = DiskFull()
    elif isinstance(exc, OperationalError):
        logger.error("%s: database: %s", _place(context), exc)
        exc = Busy()
    elif is_reference_gone(exc):
        logger.warning("%s: %s", _place(context), exc)
        exc = Conflict(GONE)
    if isinstance(exc, SpeakrError):
        return _speakr_error(exc)
    exc = _as_api_exception(exc)
    if isinstance(exc, exceptions.ValidationError):
        return Response(_invalid(exc.detail), status=exc.status_code)
    if isinstance(exc, exceptions.APIException):
        return Response({"error": _sentence(exc)}, status=exc.status_code, headers=_headers(exc))
    logger.error("%s failed", _place(context), exc_info=exc)
    return Response({"error": INTERNAL_ERROR}, status=500)


def _speakr_error(exc: SpeakrError) -> Response:
    headers, extra = {}, dict(exc.extra)
    if exc.status == Busy.status:
        headers["Retry-After"] = str(extra.pop("retry_after", BUSY_RETRY_SECONDS))
    return Response({"error": str(exc), **extra}, status=exc.status, headers=headers)


def _as_api_exception(exc: Exception) -> Exception:
    """Django's own ways to say 400, 403, 404 and 413, in DRF's words; anything else as it came."""
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, RequestDataTooBig):
        too_big = exceptions.APIException("Request body is too large")
        too_big.status_code = 413
        return too_big
    if isinstance(exc, UnreadablePostError):
        return exceptions.ParseError("Request body was cut off")
    if isinstance(exc, MultiPartParserError):
        return exceptions.ParseError("Malformed form data")
    if isinstance(exc, SuspiciousOperation):
        return exceptions.ParseError("Bad request")
    return exc


def _sentence(exc: exceptions.APIException) -> str:
    if isinstance(exc, exceptions.ParseError) and str(exc.detail).startswith("JSON"):
        return "Invalid JSON"
    standard = SENTENCES.get(type(exc))
    # What was said on purpose is kept: CSRF refusals explain themselves.
    if standard and str(exc.detail).startswith(_default_detail(exc)):
        return standard
    return str(exc.detail)


def _default_detail(exc: exceptions.APIException) -> str:
    """What DRF says by itself, up to its first placeholder."""
    return str(exc.default_detail).partition("{")[0]


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, int(wait)))
    return headers


def _invalid(detail: Any) -> dict[str, Any]:
    """The body of a 400: the first complaint as a sentence naming its field, and all of them."""
    path, message = _first(detail)
    body: dict[str, Any] = {"error": _complaint(path, message)}
    if isinstance(detail, Mapping):
        body["fields"] = detail
    return body


def _first(detail: Any, path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], str]:
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            if value:
                here = () if key == api_settings.NON_FIELD_ERRORS_KEY else (str(key),)
                return _first(value, path + here)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for index, value in enumerate(detail):
            if value:
                here = (str(index),) if isinstance(value, Mapping) else ()
                return _first(value, path + here)
    else:
        return path, str(detail)
    return path, "Invalid input"


def _complaint(path: tuple[str, ...], message: str) -> str:
    if not path:
        return message
    name = ".".join(path)
    if message.startswith("This field "):
        return f"{name} {message.removeprefix('This field ')}"
    if path[-1] in message:
        return message
    return f"{name}: {message}"


def _place(context: Mapping[str, Any]) -> str:
    # The path only: a query string may hold a token.
    request = context.get("request")
    return f"{request.method} {request.path}" if request is not None else "request"


def _error(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIX)


def _unkept(page: HttpResponse) -> HttpResponse:
    """As pages are that a view answers: under /s/ an address is a secret."""
    page["Content-Security-Policy"] = CONTENT_POLICY
    page["Cache-Control"] = "no-store"
    page["X-Robots-Tag"] = "noindex"
    return page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _error(400, "Bad request")
    return _unkept(defaults.bad_request(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _error(403, "Permission denied")
    return _unkept(defaults.permission_denied(request, exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _error(404, "Not found")
    return _unkept(defaults.page_not_found(request, exception))


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_api(request):
        return _error(500, INTERNAL_ERROR)
    return _unkept(defaults.server_error(request))


@csrf_exempt
def unknown_path(request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
    """The last route under the API: 404 for any method, also with a trailing slash; no redirect."""
    return _error(404, "Not found")
