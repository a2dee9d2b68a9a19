"""Reading a JSON body, within limits; nothing here knows what the body means."""

from __future__ import annotations

import json
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from speakr_site.core.errors import InvalidInput, TooLarge


class LengthRequired(APIException):
    status_code = 411
    default_detail = "Send the body with a Content-Length; chunked bodies are not supported"
    default_code = "length_required"


class BoundedJSONParser(BaseParser):
    """JSON of a bounded size. DRF's own parser reads a body of any size into memory."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge("Request body is too large")
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise InvalidInput("Invalid JSON") from None


def _refuse_constant(name: str) -> None:
    """NaN and the infinities: Python reads them, JSON does not have them."""
    raise ValueError(name)


def json_object(request: Request, *, optional: bool = False) -> dict[str, Any]:
    """The body as a JSON object; no body equals {} when it is `optional`.

    Raises InvalidInput for anything but an object, DRF's UnsupportedMediaType for other media.
    """
    body = request.data
    absent = not request.META.get("CONTENT_LENGTH", "").strip("0 ")
    if absent and not optional:
        raise InvalidInput("A JSON object is expected")
    if absent:
        return {}
    if not isinstance(body, dict):
        raise InvalidInput("A JSON object is expected")
    return body


def refuse_chunked(request: Request) -> None:
    """Without a length, Django reads an empty body and would ignore what was asked for."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        raise LengthRequired
