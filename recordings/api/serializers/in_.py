"""What the API takes. Serializers check shapes and types and never write."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from organizing.services import require_folders_enabled
from recordings.models.recording import (
    SORT_COLUMNS,
    Recording,
    RecordingFilter,
    RecordingScope,
)
from recordings.pipeline.options import Hints
from speakr_site.core.api.fields import (
    KeptMomentField,
    OptionalTextField,
    QueryBooleanField,
    QueryIntegerField,
    SpeakerCountField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
    UtcDateTimeField,
)
from speakr_site.core.errors import InvalidInput
from speakr_site.core.languages import language_code
from speakr_site.core.limits import HINTS_MAX_LENGTH

STATUS_GROUPS = {
    "all": (),
    "pending": (Recording.Status.PENDING,),
    "processing": (Recording.Status.PROCESSING, Recording.Status.SUMMARIZING),
    "completed": (Recording.Status.COMPLETED,),
    "failed": (Recording.Status.FAILED,),
}
KEEP_AUDIO_ONLY_FIXED = "keep_audio_only is set at upload time and cannot be changed afterwards."


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
    """What cannot be used is left out and named in `warnings`; it never costs the upload."""

    # For the OpenAPI document alone: api/upload_form.py reads the form.
    file = serializers.FileField(help_text="Audio, or a video with sound.")
    title = serializers.CharField(
        required=False, max_length=200, help_text="Absent: `Recording - ` and the name of the file."
    )
    notes = serializers.CharField(required=False, help_text="The caller's own, in Markdown.")
    meeting_date = serializers.DateTimeField(
        required=False, help_text="Absent: when the file was last changed, as far as it is known."
    )
    file_last_modified = serializers.CharField(
        required=False, help_text="Milliseconds since 1970, as a browser tells them."
    )
    language = serializers.CharField(required=False, help_text="ISO 639-1.")
    min_speakers = serializers.IntegerField(
        required=False, help_text="How many voices there are at least, from 1."
    )
    max_speakers = serializers.IntegerField(
        required=False, help_text="How many voices there are at most, to 100."
    )
    hotwords = serializers.CharField(
        required=False, help_text="Words to listen for, comma-separated."
    )
    initial_prompt = serializers.CharField(
        required=False, help_text="What the recording is about, in a sentence."
    )
    transcription_model = serializers.CharField(
        required=False, help_text="One of `models` in GET /transcription."
    )
    tag_ids = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        help_text="Sent as `tag_ids[0]`, `tag_ids[1]` and so on, or as `tag_ids` once for each. "
        "Attached in this order; their defaults count where the form says nothing.",
    )
    tag_id = serializers.IntegerField(
        required=False, help_text="One tag; read only where none of tag_ids can be used."
    )
    folder_id = serializers.IntegerField(
        required=False, help_text="Needs folders to be enabled; its defaults count after the tags'."
    )
    keep_audio_only = serializers.BooleanField(
        required=False, help_text="Of a video, keep the sound alone; without effect on audio."
    )
    prompt_variables = serializers.CharField(
        required=False, help_text="A JSON object of texts, by name."
    )


class RecordingFilterSerializer(serializers.Serializer):
    """The query string of a list; an empty value counts as not given, but for scope. Context:
    `policy`.
    """

    scope = QueryChoiceField(
        choices=RecordingScope.values,
        required=False,
        help_text="`own`: the caller's; `shared`: those that others share with the caller; `all`: "
        "both. Absent: own.",
    )
    status = QueryChoiceField(
        choices=list(STATUS_GROUPS),
        required=False,
        help_text="`processing` is PROCESSING or SUMMARIZING. Absent: all.",
    )
    sort_by = QueryChoiceField(
        choices=list(SORT_COLUMNS), required=False, help_text="Absent: created_at."
    )
    sort_order = QueryChoiceField(
        choices=["asc", "desc"], required=False, help_text="Absent: desc."
    )
    date_from = UtcDateTimeField(
        required=False, help_text="Uploaded at this time or later; a date means its first moment."
    )
    date_to = UtcDateTimeField(
        required=False,
        end_of_day=True,
        help_text="Uploaded at this time or earlier; a date means its last moment.",
    )
    # SQLite refuses a pattern of 50,000 bytes; no title and no list of participants is longer.
    q = serializers.CharField(
        required=False, max_length=500, help_text="Part of the title or the participants."
    )
    inbox = QueryBooleanField(required=False, help_text="In the caller's inbox, or not.")
    starred = QueryBooleanField(required=False, help_text="Highlighted by the caller, or not.")
    tag_id = QueryIntegerField(
        required=False, help_text="Recordings that carry this tag, which the caller may use."
    )
    folder_id = serializers.CharField(
        required=False,
        help_text="Id of a folder, or `none`: in no folder that the caller may know of. Needs "
        "folders to be enabled.",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = {name: data[name] for name in data if data[name].strip() or name == "scope"}
        return super().to_internal_value(given)

    def validate_folder_id(self, value: str) -> int | None:
        """None: in no folder."""
        if not re.fullmatch(r"none|\d{1,18}", value, re.IGNORECASE | re.ASCII):
            raise serializers.ValidationError("folder_id must be a whole number or none")
        require_folders_enabled(self.context["policy"])
        return None if value.lower() == "none" else int(value)

    def wanted(self) -> RecordingFilter:
        given = self.validated_data
        return RecordingFilter(
            scope=RecordingScope(given.get("scope", RecordingScope.OWN)),
            statuses=STATUS_GROUPS[given.get("status", "all")],
            sort_by=given.get("sort_by", "created_at"),
            descending=given.get("sort_order", "desc") == "desc",
            created_from=given.get("date_from"),
            created_to=given.get("date_to"),
            text=given.get("q", ""),
            inbox=given.get("inbox"),
            starred=given.get("starred"),
            tag_id=given.get("tag_id"),
            folder_id=given.get("folder_id"),
            is_unfiled="folder_id" in given and given["folder_id"] is None,
        )


class DetailQuerySerializer(serializers.Serializer):
    format = QueryChoiceField(
        choices=["full", "minimal"],
        required=False,
        help_text="`minimal` leaves transcription, summary and notes out. Absent: full.",
    )
    include = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Comma-separated: transcription, summary, notes. Absent: all of them.",
    )


class RecordingPatchSerializer(serializers.Serializer):
    title = TextField(
        required=False, allow_null=True, allow_blank=True, max_length=200, help_text="null: none."
    )
    participants = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=500,
        help_text="Names, separated by a comma and a space.",
    )
    notes = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="The caller's own, in Markdown.",
    )
    summary = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Markdown.",
    )
    meeting_date = KeptMomentField(
        required=False, allow_null=True, help_text='null or "": not known.'
    )
    is_inbox = StrictBooleanField(
        required=False, help_text="Whether the caller has still to look at it."
    )
    is_highlighted = StrictBooleanField(
        required=False, help_text="Whether the caller has starred it."
    )
    folder_id = StrictIntegerField(
        required=False,
        allow_null=True,
        help_text="The owner's alone; null takes it out of its folder. Needs folders to be "
        "enabled.",
    )
    deletion_exempt = StrictBooleanField(
        required=False, help_text="The owner's alone; true: retention leaves the recording alone."
    )

    def known_names(self) -> set[str]:
        """Those in the body that mean something, whatever their values."""
        return set(self.initial_data) & {*self.fields, "keep_audio_only"}

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        if "keep_audio_only" in data:
            raise InvalidInput(KEEP_AUDIO_ONLY_FIXED)
        if data.get("meeting_date") == "":
            data = {**data, "meeting_date": None}
        return super().to_internal_value(data)


class NotesBodySerializer(serializers.Serializer):
    notes = TextField(
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Markdown; kept as it is. null: none.",
    )

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if "notes" not in data:
            raise InvalidInput("notes field required")
        return super().to_internal_value(data)


class SummaryBodySerializer(serializers.Serializer):
    summary = TextField(
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="Markdown; kept as it is. null: none.",
    )

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if "summary" not in data:
            raise InvalidInput("summary field required")
        return super().to_internal_value(data)


class TranscribeSerializer(serializers.Serializer):
    language = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text='ISO 639-1; "" detects the language. Absent: what tags, folder or owner prefer.',
    )
    min_speakers = SpeakerCountField(help_text="How many voices there are at least.")
    max_speakers = SpeakerCountField(help_text="How many voices there are at most.")
    hotwords = OptionalTextField(
        max_length=HINTS_MAX_LENGTH,
        help_text="Words to listen for, comma-separated.",
    )
    initial_prompt = OptionalTextField(
        max_length=HINTS_MAX_LENGTH,
        help_text="What the recording is about, in a sentence.",
    )
    transcription_model = OptionalTextField(
        max_length=120,
        help_text="One of `models` in GET /transcription; any other means the default.",
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


class SummarizeSerializer(serializers.Serializer):
    custom_prompt = OptionalTextField(
        max_length=HINTS_MAX_LENGTH,
        help_text="What the summary should look at, instead of what tags, folder, owner and "
        "operator say. {{ name }} is filled in from the recording's prompt_variables.",
    )


class TranscriptQuerySerializer(serializers.Serializer):
    format = serializers.ChoiceField(
        choices=["json", "text", "srt", "vtt"],
        required=False,
        help_text="`json` has `segments`, the others have `content`. Absent: json.",
    )


class AudioQuerySerializer(serializers.Serializer):
    download = QueryBooleanField(
        required=False, help_text="true: as a download; otherwise to be played."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return super().to_internal_value({name: data[name] for name in data if data[name].strip()})
