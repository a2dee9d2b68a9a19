"""Answers with a stored file, for API and console: byte ranges, conditional requests, HEAD.

RFC 9110, sections 13 and 14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

from recordings.services.playback import StoredAudio

CHUNK_BYTES = 64 * 1024
ONE_RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


class UnsatisfiableRange(Exception):
    """The range lies outside the file."""


def audio_response(
    request: HttpRequest, audio: StoredAudio, *, download: bool = False
) -> HttpResponse:
    """The audio under the name it was uploaded with: to play, or to keep with `download`."""
    response = file_response(
        request, audio.file, size=audio.size_bytes, etag=audio.etag, modified=audio.modified
    )
    if not response.streaming:
        return response
    response["Content-Type"] = audio.mime_type
    response["Content-Disposition"] = (
        content_disposition_header(download, audio.filename) or "inline"
    )
    return response


def file_response(
    request: HttpRequest, file: IO[bytes], *, size: int, etag: str, modified: datetime
) -> HttpResponse:
    """200, 206, 304, 412 or 416, with their headers; the file is closed with the response.

    The caller adds type and disposition. Several ranges at once are answered with the whole file,
    as a server may.
    """
    stamp = int(modified.timestamp())
    conditional = get_conditional_response(request, etag=etag, last_modified=stamp)
    if conditional is not None:
        file.close()
        if conditional.status_code == 412:
            conditional = JsonResponse({"error": "The file is not the one you know"}, status=412)
        return _with_validators(conditional, etag, stamp)
    try:
        bounds = _wanted(request, size, etag, stamp)
    except UnsatisfiableRange:
        file.close()
        response = JsonResponse({"error": "The range lies outside the file"}, status=416)
        response["Content-Range"] = f"bytes */{size}"
        return _with_validators(response, etag, stamp)
    first, last = bounds or (0, size - 1)
    response = StreamingHttpResponse(
        _chunks(file, first, last - first + 1) if request.method != "HEAD" else (),
        status=206 if bounds else 200,
    )
    response._resource_closers.append(file.close)
    response["Content-Length"] = last - first + 1
    if bounds:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return _with_validators(response, etag, stamp)


def _wanted(request: HttpRequest, size: int, etag: str, stamp: int) -> tuple[int, int] | None:
    """First and last byte, both included, of the one range asked for; None for the whole file."""
    if request.method != "GET":
        return None
    match = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or not _is_current(request.headers.get("If-Range"), etag, stamp):
        return None
    start, end = match.groups()
    if not start and not end:
        return None
    if not start:
        if int(end) == 0 or size == 0:
            raise UnsatisfiableRange
        return max(size - int(end), 0), size - 1
    if end and int(end) < int(start):
        return None
    if int(start) >= size:
        raise UnsatisfiableRange
    return int(start), min(int(end or size), size - 1)


def _is_current(if_range: str | None, etag: str, stamp: int) -> bool:
    if if_range is None:
        return True
    return if_range == etag or parse_http_date_safe(if_range) == stamp


def _chunks(file: IO[bytes], start: int, length: int) -> Iterator[bytes]:
    file.seek(start)
    while length > 0:
        data = file.read(min(CHUNK_BYTES, length))
        if not data:
            return
        length -= len(data)
        yield data


def _with_validators(response: HttpResponse, etag: str, stamp: int) -> HttpResponse:
    response["ETag"] = etag
    response["Last-Modified"] = http_date(stamp)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    return response
