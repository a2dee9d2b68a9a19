"""Transcript templates on the wire (contract 8.5)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from recordings.models import TranscriptTemplate
from recordings.models.template import (
    DESCRIPTION_MAX_LENGTH,
    NAME_MAX_LENGTH,
    TEMPLATE_MAX_LENGTH,
)
from recordings.services.templates import PLACEHOLDERS_MAX
from speakr_site.core.api.fields import OptionalTextField, RequiredTextField, StrictBooleanField
from speakr_site.core.api.serializers import ChangesSerializer
from speakr_site.core.api.templates import DESCRIPTION_HELP, NAME_HELP, TemplateShapeSerializer

PLACEHOLDERS_HELP = (
    "What each segment looks like; segments are joined with one line break. Filled in are "
    "`{{index}}` (from 1), `{{speaker}}`, `{{text}}`, `{{start_time}}` and `{{end_time}}` "
    "(HH:MM:SS), with these filters, in any order: `|upper` on each of them, `|srt` on times "
    "(HH:MM:SS,mmm). Everything else stays as it is. "
    f"At most {PLACEHOLDERS_MAX} placeholders."
)


class TemplateCreateSerializer(serializers.Serializer):
    """Name and template are required."""

    name = RequiredTextField(max_length=NAME_MAX_LENGTH, help_text=NAME_HELP)
    template = RequiredTextField(
        max_length=TEMPLATE_MAX_LENGTH, trim_whitespace=False, help_text=PLACEHOLDERS_HELP
    )
    description = OptionalTextField(max_length=DESCRIPTION_MAX_LENGTH, help_text=DESCRIPTION_HELP)
    is_default = StrictBooleanField(
        required=False,
        help_text="Whether the caller's transcripts are shown by it: `format=text`, and "
        "`transcription` in the details of a recording. Then no other template is.",
    )


class TemplateUpdateSerializer(ChangesSerializer, TemplateCreateSerializer):
    """Any of the fields; what is not given stays."""


class TemplateSerializer(TemplateShapeSerializer):
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
