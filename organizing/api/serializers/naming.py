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
from organizing.services import EXAMPLE_FILENAME
from speakr_site.core.api.fields import OptionalTextField, RequiredTextField, StrictBooleanField
from speakr_site.core.api.serializers import ChangesSerializer
from speakr_site.core.api.templates import DESCRIPTION_HELP, NAME_HELP, TemplateShapeSerializer

VARIABLES_HELP = (
    "Filled in are "
    + ", ".join(f"`{{{{{name}}}}}`" for name in VARIABLES)
    + " and the named groups of `pattern`; anything else between such braces is empty. A language "
    f"model is asked only for `{{{{{FROM_CONTENT}}}}}`. Dates are those of the recording, in its "
    f"owner's time zone. A title is one line of at most {TITLE_MAX_LENGTH} characters."
)


class TemplateField(RequiredTextField):
    def __init__(self) -> None:
        super().__init__(max_length=NAMING_MAX_LENGTH, help_text=VARIABLES_HELP)


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

    name = RequiredTextField(max_length=NAMING_NAME_MAX_LENGTH, help_text=NAME_HELP)
    template = TemplateField()
    pattern = PatternField()
    description = OptionalTextField(max_length=DESCRIPTION_MAX_LENGTH, help_text=DESCRIPTION_HELP)
    is_default = StrictBooleanField(
        required=False,
        help_text="Whether the caller's recordings are called by it where neither tag nor folder "
        "has another. Then no other template is.",
    )


class NamingTemplateUpdateSerializer(ChangesSerializer, NamingTemplateCreateSerializer):
    """Any of the fields; what is not given stays."""


class NamingPreviewSerializer(serializers.Serializer):
    """The template is required."""

    template = TemplateField()
    pattern = PatternField()
    filename = OptionalTextField(
        max_length=FILENAME_MAX_LENGTH,
        trim_whitespace=False,
        help_text=f"Such as `{EXAMPLE_FILENAME}`, which stands for one that is not given.",
    )


class NamingPreviewedSerializer(serializers.Serializer):
    title = serializers.CharField(allow_null=True, help_text="null: nothing is left of it.")


class NamingTemplateSerializer(TemplateShapeSerializer):
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
