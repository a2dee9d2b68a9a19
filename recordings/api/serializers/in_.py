"""What the API takes. Serializers check shapes and types and never write."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from recordings.languages import language_code
from recordings.models.recording import SORT_COLUMNS, Recording, RecordingFilter
from recordings.pipeline.options import HINTS_MAX_LENGTH, SPEAKERS_MAX, Hints
from speakr_site.core.api.fields import (
    QueryBooleanField,
    QueryIntegerField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
    UtcDateTimeField,
)
from speakr_site.core.errors import FeatureDisabled, InvalidInput

STATUS_GROUPS = {
    "all": (),
    "pending": (Recording.Status.PENDING,),
    "processing": (Recording.Status.PROCESSING, Recording.Status.SUMMARIZING),
    "completed": (Recording.Status.COMPLETED,),
    "failed": (Recording.Status.FAILED,),
}
KEEP_AUDIO_ONLY_FIXED = "keep_audio_only is set at upload time and cannot be changed afterwards."
FOLDERS_DISABLED = "Folders feature is not enabled"


class QueryChoiceField(serializers.ChoiceField):
    """One of a list of words in a query string, in any case."""

    def to_internal_value(self, data: Any) -> str:
        word = str(data).strip().lower()
        if word not in self.choices:
            raise serializers.ValidationError(
                f"{self.field_name} must be one of {', '.join(self.choices)}"
            )
        return word


class UploadSerializer(serializers.Serializer):
    """The form of an upload, for the OpenAPI document; api/upload_form.py reads it."""

    file = serializers.FileField()
    title = serializers.CharField(required=False, max_length=200)
    notes = serializers.CharField(required=False)
    meeting_date = serializers.DateTimeField(required=False)
    file_last_modified = serializers.CharField(
        required=False, help_text="Milliseconds since 1970, as a browser tells them."
    )
    language = serializers.CharField(required=False, help_text="ISO 639-1.")
    min_speakers = serializers.IntegerField(required=False)
    max_speakers = serializers.IntegerField(required=False)
    hotwords = serializers.CharField(required=False)
    initial_prompt = serializers.CharField(required=False)
    transcription_model = serializers.CharField(required=False)
    keep_audio_only = serializers.BooleanField(required=False)
    prompt_variables = serializers.CharField(
        required=False, help_text="A JSON object of texts, by name."
    )


class RecordingFilterSerializer(serializers.Serializer):
    """The query string of a list; an empty value counts as not given."""

    status = QueryChoiceField(choices=list(STATUS_GROUPS), required=False)
    sort_by = QueryChoiceField(choices=list(SORT_COLUMNS), required=False)
    sort_order = QueryChoiceField(choices=["asc", "desc"], required=False)
    date_from = UtcDateTimeField(required=False)
    date_to = UtcDateTimeField(required=False, end_of_day=True)
    # SQLite refuses a pattern of 50,000 bytes; no title and no list of participants is longer.
    q = serializers.CharField(
        required=False, max_length=500, help_text="Part of the title or the participants."
    )
    inbox = QueryBooleanField(required=False)
    starred = QueryBooleanField(required=False)
    tag_id = QueryIntegerField(required=False)
    folder_id = serializers.CharField(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return super().to_internal_value({name: data[name] for name in data if data[name].strip()})

    def validate_folder_id(self, value: str) -> None:
        if not re.fullmatch(r"none|\d{1,18}", value, re.IGNORECASE | re.ASCII):
            raise serializers.ValidationError("folder_id must be a whole number or none")
        raise FeatureDisabled(FOLDERS_DISABLED)

    def wanted(self) -> RecordingFilter:
        given = self.validated_data
        return RecordingFilter(
            statuses=STATUS_GROUPS[given.get("status", "all")],
            sort_by=given.get("sort_by", "created_at"),
            descending=given.get("sort_order", "desc") == "desc",
            created_from=given.get("date_from"),
            created_to=given.get("date_to"),
            text=given.get("q", ""),
            inbox=given.get("inbox"),
            starred=given.get("starred"),
            tag_id=given.get("tag_id"),
        )


class DetailQuerySerializer(serializers.Serializer):
    format = QueryChoiceField(choices=["full", "minimal"], required=False)
    include = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Comma-separated: transcription, summary, notes. Absent: all of them.",
    )


class RecordingPatchSerializer(serializers.Serializer):
    title = TextField(required=False, allow_null=True, allow_blank=True, max_length=200)
    participants = TextField(required=False, allow_null=True, allow_blank=True, max_length=500)
    notes = TextField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)
    summary = TextField(required=False, allow_null=True, allow_blank=True, trim_whitespace=False)
    meeting_date = UtcDateTimeField(required=False, allow_null=True)
    is_inbox = StrictBooleanField(required=False)
    is_highlighted = StrictBooleanField(required=False)
    folder_id = StrictIntegerField(required=False, allow_null=True)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        if "keep_audio_only" in data:
            raise InvalidInput(KEEP_AUDIO_ONLY_FIXED)
        if data.get("meeting_date") == "":
            data = {**data, "meeting_date": None}
        changes = super().to_internal_value(data)
        if "folder_id" in changes:
            raise FeatureDisabled(FOLDERS_DISABLED)
        return changes


class NotesBodySerializer(serializers.Serializer):
    notes = TextField(allow_null=True, allow_blank=True, trim_whitespace=False)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if "notes" not in data:
            raise InvalidInput("notes field required")
        return super().to_internal_value(data)


class SummaryBodySerializer(serializers.Serializer):
    summary = TextField(allow_null=True, allow_blank=True, trim_whitespace=False)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if "summary" not in data:
            raise InvalidInput("summary field required")
        return super().to_internal_value(data)


class TranscribeSerializer(serializers.Serializer):
    language = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text='ISO 639-1; "" detects the language, absent means the owner\'s default.',
    )
    min_speakers = StrictIntegerField(
        required=False, allow_null=True, min_value=1, max_value=SPEAKERS_MAX
    )
    max_speakers = StrictIntegerField(
        required=False, allow_null=True, min_value=1, max_value=SPEAKERS_MAX
    )
    hotwords = TextField(
        required=False, allow_null=True, allow_blank=True, max_length=HINTS_MAX_LENGTH
    )
    initial_prompt = TextField(
        required=False, allow_null=True, allow_blank=True, max_length=HINTS_MAX_LENGTH
    )
    transcription_model = TextField(
        required=False, allow_null=True, allow_blank=True, max_length=120
    )

    def validate_language(self, value: str | None) -> str | None:
        if not value:
            return value
        code = language_code(value)
        if code is None:
            raise serializers.ValidationError("language must be an ISO 639-1 code such as en")
        return code

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        minimum, maximum = given.get("min_speakers"), given.get("max_speakers")
        if minimum is not None and maximum is not None and minimum > maximum:
            raise serializers.ValidationError(
                {"min_speakers": "min_speakers must not be greater than max_speakers"}
            )
        return given

    def hints(self) -> Hints:
        return Hints(**self.validated_data)


class TranscriptQuerySerializer(serializers.Serializer):
    format = serializers.ChoiceField(choices=["json", "text", "srt", "vtt"], required=False)


class AudioQuerySerializer(serializers.Serializer):
    download = QueryBooleanField(
        required=False, help_text="true: as a download; otherwise to be played."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return super().to_internal_value({name: data[name] for name in data if data[name].strip()})
