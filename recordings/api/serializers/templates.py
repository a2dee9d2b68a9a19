"""Transcript templates on the wire (contract 8.5)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.fields import empty

from recordings.models import TranscriptTemplate
from recordings.models.template import (
    DESCRIPTION_MAX_LENGTH,
    NAME_MAX_LENGTH,
    TEMPLATE_MAX_LENGTH,
)
from recordings.services.templates import PLACEHOLDERS_MAX
from speakr_site.core.api.fields import StrictBooleanField, TextField, UtcDateTimeField
from speakr_site.core.errors import InvalidInput

PLACEHOLDERS_HELP = (
    "What each segment looks like; segments are joined with one line break. Filled in are "
    "`{{index}}` (from 1), `{{speaker}}`, `{{text}}`, `{{start_time}}` and `{{end_time}}` "
    "(HH:MM:SS), with these filters, in any order: `|upper` on each of them, `|srt` on times "
    "(HH:MM:SS,mmm). Everything else stays as it is. "
    f"At most {PLACEHOLDERS_MAX} placeholders."
)


class DescriptionField(TextField):
    """A text or null; a blank one is null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = empty) -> str | None:
        return super().run_validation(data) or None


def _required(name: str) -> dict[str, str]:
    sentence = f"{name} is required"
    return {"required": sentence, "null": sentence, "blank": sentence}


def _name_field(**kwargs: Any) -> TextField:
    return TextField(
        max_length=NAME_MAX_LENGTH,
        error_messages=_required("name"),
        help_text="Spaces around it are cut off.",
        **kwargs,
    )


def _template_field(**kwargs: Any) -> TextField:
    return TextField(
        max_length=TEMPLATE_MAX_LENGTH,
        trim_whitespace=False,
        error_messages=_required("template"),
        help_text=PLACEHOLDERS_HELP,
        **kwargs,
    )


class TemplateCreateSerializer(serializers.Serializer):
    """Name and template are required."""

    name = _name_field()
    template = _template_field()
    description = DescriptionField(
        max_length=DESCRIPTION_MAX_LENGTH, help_text="For the caller alone."
    )
    is_default = StrictBooleanField(
        required=False,
        help_text="Whether the caller's transcripts are shown by it: `format=text`, and "
        "`transcription` in the details of a recording. Then no other template is.",
    )

    def validate_template(self, value: str) -> str:
        if not value.strip():
            raise InvalidInput("template is required")
        return value


class TemplateUpdateSerializer(TemplateCreateSerializer):
    """Any of the fields; what is not given stays."""

    name = _name_field(required=False)
    template = _template_field(required=False)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        return super().to_internal_value(data)


class TemplateSerializer(serializers.ModelSerializer):
    created_at = UtcDateTimeField()
    updated_at = UtcDateTimeField(help_text="Also when another template became the default.")

    class Meta:
        model = TranscriptTemplate
        fields = [
            "id",
            "name",
            "template",
            "description",
            "is_default",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class TemplateListSerializer(serializers.Serializer):
    templates = TemplateSerializer(many=True)


class TemplateDeletedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
