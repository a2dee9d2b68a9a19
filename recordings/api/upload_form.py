"""The form of an upload, read so that a bad hint never costs a recording.

What cannot be used is left out and named in a warning (http-contract.md, 0.1.16).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from recordings.api.upload_handler import NAMELESS
from recordings.pipeline.options import Hints, is_selectable
from recordings.services.upload import Upload, as_utc
from speakr_site.core.api.fields import is_storable, parsed_moment
from speakr_site.core.api.viewsets import is_storable_id
from speakr_site.core.errors import InvalidInput
from speakr_site.core.languages import language_code
from speakr_site.core.limits import (
    FIRST_YEAR,
    HINTS_MAX_LENGTH,
    LAST_YEAR,
    SPEAKERS_MAX,
    may_be_kept,
)
from speakr_site.core.system import SystemSettings

FILENAME_MAX_LENGTH = 500
TITLE_MAX_LENGTH = 200
NOTES_MAX_LENGTH = 1_000_000
VARIABLES_MAX = 50
VARIABLE_MAX_LENGTH = 8_000
VARIABLES_MAX_LENGTH = 32_000
INDEXED_TAG = re.compile(r"tag_ids\[([0-9]{1,4})\]")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


class UploadForm:
    """One reading of one form. `warnings` fills while it is read."""

    def __init__(self, data: QueryDict, system: SystemSettings) -> None:
        self._data = data
        self._system = system
        self.warnings: list[str] = []

    def read(self, file: UploadedFile | None) -> Upload:
        """Raises InvalidInput when there is no file worth looking at."""
        if file is None:
            raise InvalidInput("No file selected" if "file" in self._data else "No file provided")
        if not file.size:
            raise InvalidInput("The file is empty")
        upload = Upload(
            path=Path(file.temporary_file_path()),
            filename=clean_filename(file.full_name),
            size_bytes=file.size,
            sha256=file.sha256,
            title=self._text("title", TITLE_MAX_LENGTH),
            notes=self._notes(),
            meeting_date=self._moment("meeting_date", parsed_moment, "is not an ISO 8601 date"),
            file_last_modified=self._moment(
                "file_last_modified",
                lambda text: as_utc(int(text)),
                "is not a number of milliseconds",
            ),
            keep_audio_only=self._flag("keep_audio_only"),
            tag_ids=self._tag_ids(),
            tag_id=self._id("tag_id", "tag"),
            folder_id=self._id("folder_id", "folder"),
            hints=self._hints(),
            prompt_variables=self._variables(),
        )
        return replace(upload, warnings=tuple(self.warnings))

    def _hints(self) -> Hints:
        minimum = self._count("min_speakers")
        maximum = self._count("max_speakers")
        if minimum is not None and maximum is not None and minimum > maximum:
            self._warn("min_speakers is greater than max_speakers; both were left out")
            minimum = maximum = None
        return Hints(
            language=self._language(),
            min_speakers=minimum,
            max_speakers=maximum,
            hotwords=self._text("hotwords", HINTS_MAX_LENGTH),
            initial_prompt=self._text("initial_prompt", HINTS_MAX_LENGTH),
            transcription_model=self._model(),
        )

    def _language(self) -> str | None:
        given = self._given("language")
        if given is None:
            return None
        code = language_code(given)
        if code is None:
            self._warn(f"language {shown(given)} is not known and was left out")
        return code

    def _model(self) -> str | None:
        given = self._given("transcription_model")
        if given is None or is_selectable(given, self._system):
            return given
        self._warn(f"transcription_model {shown(given)} is not available and was left out")
        return None

    def _count(self, name: str) -> int | None:
        def count(text: str) -> int:
            number = int(text)
            if not 1 <= number <= SPEAKERS_MAX:
                raise ValueError
            return number

        return self._parsed(name, count, f"is not a whole number from 1 to {SPEAKERS_MAX}")

    def _flag(self, name: str) -> bool:
        given = (self._given(name) or "false").lower()
        if given not in TRUE | FALSE:
            self._warn(f"{name} {shown(given)} is neither true nor false and was left out")
        return given in TRUE

    def _notes(self) -> str | None:
        notes = self._data.get("notes", "").replace("\x00", "")
        if len(notes) > NOTES_MAX_LENGTH:
            self._warn(f"notes are longer than {NOTES_MAX_LENGTH} characters and were left out")
            return None
        return notes or None

    def _variables(self) -> dict[str, str]:
        given = self._given("prompt_variables")
        if given is None:
            return {}
        try:
            document = json.loads(given)
        except (ValueError, RecursionError):
            document = None
        if not is_variables(document):
            self._warn("prompt_variables is no JSON object of texts within limits and was left out")
            return {}
        return document

    def _tag_ids(self) -> tuple[int, ...]:
        """`tag_ids[0]`, `tag_ids[1]` and so on up to the first gap; then `tag_ids`, any number."""
        indexed = {
            int(index[1]): self._data[name]
            for name in self._data
            if (index := INDEXED_TAG.fullmatch(name))
        }
        given = []
        while len(given) in indexed:
            given.append(indexed.pop(len(given)))
        for index in sorted(index for index, text in indexed.items() if text.strip()):
            self._warn(f"tag_ids[{index}] comes after a gap and was left out")
        ids = (self._as_id(text, "tag") for text in given + self._repeated_tags())
        return tuple(pk for pk in ids if pk is not None)

    def _repeated_tags(self) -> list[str]:
        """As forms and their libraries repeat a field."""
        return self._data.getlist("tag_ids") + self._data.getlist("tag_ids[]")

    def _id(self, name: str, what: str) -> int | None:
        return self._as_id(self._data.get(name, ""), what)

    def _as_id(self, given: str, what: str) -> int | None:
        text = CONTROL.sub("", given).strip()
        if is_storable_id(text):
            return int(text)
        if text:
            self._warn(f"{what} {shown(text)} was not found and was left out")
        return None

    def _parsed(self, name: str, parse: Callable[[str], Any], complaint: str) -> Any:
        given = self._given(name)
        if given is None:
            return None
        try:
            return parse(given)
        except (ValueError, OverflowError, OSError):
            self._warn(f"{name} {shown(given)} {complaint} and was left out")
            return None

    def _moment(
        self, name: str, parse: Callable[[str], datetime], complaint: str
    ) -> datetime | None:
        moment = self._parsed(name, parse, complaint)
        if moment is None or may_be_kept(moment):
            return moment
        self._warn(f"{name} is not in the years {FIRST_YEAR} to {LAST_YEAR} and was left out")
        return None

    def _text(self, name: str, limit: int) -> str | None:
        given = self._given(name)
        if given is not None and len(given) > limit:
            self._warn(f"{name} is longer than {limit} characters and was left out")
            return None
        return given

    def _given(self, name: str) -> str | None:
        """The trimmed value; None when it is absent or blank."""
        return CONTROL.sub("", self._data.get(name, "")).strip() or None

    def _warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


def clean_filename(name: str) -> str:
    """The base name, without control characters, cut in the middle of nothing but its stem."""
    name = CONTROL.sub("", name.replace("\\", "/").rpartition("/")[2]).strip() or NAMELESS
    if len(name) <= FILENAME_MAX_LENGTH:
        return name
    suffix = Path(name).suffix[:20]
    return name[: FILENAME_MAX_LENGTH - len(suffix)] + suffix


def is_variables(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and len(document) <= VARIABLES_MAX
        and all(VARIABLE_NAME.fullmatch(name) for name in document)
        and all(
            isinstance(value, str) and len(value) <= VARIABLE_MAX_LENGTH
            for value in document.values()
        )
        and sum(map(len, document.values())) <= VARIABLES_MAX_LENGTH
        and is_storable(document)
    )


def shown(value: str) -> str:
    """A value as a warning quotes it."""
    return repr(value[:60])
