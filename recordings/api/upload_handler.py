"""The form of an upload on its way in.

The file goes to disk, is hashed as it passes, and does not stay when the body was cut off.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import multipartparser
from rest_framework import parsers

from speakr_site.core.errors import InvalidInput

CUT_OFF = "The upload was cut off before its end"
MALFORMED = "The form is malformed"
# Room for what a client may write after the final boundary.
TAIL_BYTES = 4096
NAMELESS = "recording"
# A name of 500 characters takes 6 KB in percent-encoding, and some clients send it twice; Django
# reads no more than 1 KB of a part's header.
multipartparser.MAX_TOTAL_HEADER_SIZE = 16 * 1024


class HashingUploadHandler(TemporaryFileUploadHandler):
    """Gives files two more attributes: `sha256` (64 hex characters), `full_name` (uncut)."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: bytes, encoding: Any = None
    ) -> None:
        self._body = input_data._stream = _Watched(input_data._stream)
        self._final_boundary = b"--" + boundary + b"--"

    def new_file(self, field_name: str, file_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, file_name, *args, **kwargs)
        self._full_name = file_name
        self._hash = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._hash.update(raw_data)
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile:
        file = super().file_complete(file_size)
        file.sha256 = self._hash.hexdigest()
        file.full_name = self._full_name
        return file

    def upload_interrupted(self) -> None:
        raise InvalidInput(CUT_OFF)

    def upload_complete(self) -> None:
        # Django takes the end of the stream for the end of the form.
        if self._final_boundary not in self._body.tail:
            raise InvalidInput(CUT_OFF)

    def discard(self) -> None:
        """Deletes the file that was on its way, if there is one."""
        # Closing writes what is left in a buffer; on a full disk that fails, and deletes all the
        # same.
        with suppress(OSError):
            super().upload_interrupted()


class _Watched:
    """A stream that remembers the end of what was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.tail = b""

    def read(self, *args: Any) -> bytes:
        return self._seen(self._stream.read(*args))

    def readline(self, *args: Any) -> bytes:
        return self._seen(self._stream.readline(*args))

    def _seen(self, data: bytes) -> bytes:
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        return data


class UploadParser(parsers.MultiPartParser):
    """A form in UTF-8, whatever the client says: some charsets give what no database can hold."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> parsers.DataAndFiles:
        request = parser_context["request"]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        try:
            return parsers.DataAndFiles(
                *_Form(meta, stream, request.upload_handlers, "utf-8").parse()
            )
        except multipartparser.MultiPartParserError:
            raise InvalidInput(MALFORMED) from None


class _Form(multipartparser.MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str:
        """Django's, which drops the whole file when nothing is left of its name."""
        return super().sanitize_file_name(file_name) or NAMELESS
