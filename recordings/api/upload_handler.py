"""The file of an upload on its way to disk: hashed as it passes, and refused when the body was cut off."""

from __future__ import annotations

import hashlib
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

from speakr_site.core.errors import InvalidInput

CUT_OFF = "The upload was cut off before its end"


class HashingUploadHandler(TemporaryFileUploadHandler):
    """Gives files two more attributes: `sha256` (64 hex characters) and `full_name` (the base name, uncut)."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: bytes, encoding: Any = None
    ) -> None:
        self._body = input_data
        self._announced = content_length

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
        super().upload_interrupted()
        raise InvalidInput(CUT_OFF)

    def upload_complete(self) -> None:
        # Django takes the end of the stream for the end of the form; only its own counter knows how much came.
        received = getattr(getattr(self._body, "_stream", None), "_pos", self._announced)
        if received < self._announced:
            raise InvalidInput(CUT_OFF)
