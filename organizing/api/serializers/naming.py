"""Naming templates on the wire (incumbent-behaviour.md, 3.4)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.fields import empty

from organizing.models import (
    DESCRIPTION_MAX_LENGTH,
    NAMING_MAX_LENGTH,
    NAMING_NAME_MAX_LENGTH,
    NamingTemplate,
)
from organizing.naming import (
    FILENAME_MAX_LENGTH,
    FROM_CONTENT,
    TITLE_MAX_LENGTH,
    VARIABLES,
    group_names,
)
from speakr_site.core.api.fields import (
    OptionalTextField,
    StrictBooleanField,
    TextField,
    UtcDateTimeField,
)
from speakr_site.core.errors import InvalidInput

VARIABLES_HELP = (
    "Filled in are "
    + ", ".join(f"`{{{{{name}}}}}`" for name in VARIABLES)
    + " and the named groups of `pattern`; anything else between such braces is empty. A language "
    f"model is asked only for `{{{{{FROM_CONTENT}}}}}`. Dates are those of the recording, in its "
    f"owner's time zone. A title is one line of at most {TITLE_MAX_LENGTH} characters."
)


def _required(name: str) -> dict[str, str]:
    return dict.fromkeys(("required", "null", "blank"), f"{name} is required")


def _name_field(**kwargs: Any) -> TextField:
    return TextField(
        max_length=NAMING_NAME_MAX_LENGTH,
        error_messages=_required("name"),
        help_text="Spaces around it are cut off.",
        **kwargs,
    )


def _template_field(**kwargs: Any) -> TextField:
    return TextField(
        max_length=NAMING_MAX_LENGTH,
        error_messages=_required("template"),
        help_text=VARIABLES_HELP,
        **kwargs,
    )


class PatternField(OptionalTextField):
    """A regular expression or null; a blank one is null."""

    def __init__(self) -> None:
        super().__init__(
            max_length=NAMING_MAX_LENGTH,
            help_text="A regular expression in RE2's syntax, looked for in the file's name without "
            "its extension. Its named groups, as in `(?P<client>\\w+)`, are variables of the "
            "template; none may have the name of one that is there anyway.",
        )

    def run_validation(self, data: Any = empty) -> str | None:
        pattern = super().run_validation(data)
        if pattern is not None:
            try:
                group_names(pattern)
            except ValueError as error:
                raise serializers.ValidationError(str(error)) from None
        return pattern


class NamingTemplateCreateSerializer(serializers.Serializer):
    """Name and template are required."""

    name = _name_field()
    template = _template_field()
    pattern = PatternField()
    description = OptionalTextField(
        max_length=DESCRIPTION_MAX_LENGTH, help_text="For the caller alone."
    )
    is_default = StrictBooleanField(
        required=False,
        help_text="Whether the caller's recordings are called by it where neither tag nor folder "
        "has another. Then no other template is.",
    )


class NamingTemplateUpdateSerializer(NamingTemplateCreateSerializer):
    """Any of the fields; what is not given stays."""

    name = _name_field(required=False)
    template = _template_field(required=False)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        return super().to_internal_value(data)


class NamingPreviewSerializer(serializers.Serializer):
    """Template and file name are required."""

    template = _template_field()
    pattern = PatternField()
    filename = TextField(
        max_length=FILENAME_MAX_LENGTH,
        trim_whitespace=False,
        error_messages=_required("filename"),
        help_text="Such as `2026-03-02 Acme.mp3`.",
    )


class NamingPreviewedSerializer(serializers.Serializer):
    title = serializers.CharField(allow_null=True, help_text="null: nothing is left of it.")


class NamingTemplateSerializer(serializers.ModelSerializer):
    created_at = UtcDateTimeField()
    updated_at = UtcDateTimeField(help_text="Also when another template became the default.")

    class Meta:
        model = NamingTemplate
        fields = [
            "id",
            "name",
            "template",
            "pattern",
            "description",
            "is_default",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class NamingTemplateListSerializer(serializers.Serializer):
    templates = NamingTemplateSerializer(many=True)


class NamingTemplateDeletedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
