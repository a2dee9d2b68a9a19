"""What the API takes for tags and folders. Serializers check shapes and types and never write."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from organizing.models import (
    FOLDER_COLOR,
    KEEP_FOR_EVER,
    MODEL_MAX_LENGTH,
    NAME_MAX_LENGTH,
    RETENTION_MAX_DAYS,
    RETENTION_OUT_OF_RANGE,
    SPEAKERS_OUT_OF_ORDER,
    TAG_COLOR,
    Shelf,
    are_in_order,
    validate_color,
    validate_language,
    validate_retention,
)
from speakr_site.core.api.fields import (
    OptionalTextField,
    RequiredTextField,
    SpeakerCountField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
)
from speakr_site.core.api.serializers import ChangesSerializer
from speakr_site.core.errors import NotFound
from speakr_site.core.languages import language_code
from speakr_site.core.limits import HINTS_MAX_LENGTH

EXPORT_TEMPLATE_NOT_FOUND = "Export template not found"


def _name_field(kind: str, **kwargs: Any) -> TextField:
    return RequiredTextField(
        f"{kind} name is required",
        max_length=NAME_MAX_LENGTH,
        help_text="Without the spaces around it; once per person or group, case-sensitive.",
        **kwargs,
    )


def _color_field(default: str) -> TextField:
    return TextField(
        required=False,
        allow_null=True,
        validators=[validate_color],
        help_text=f"#RRGGBB; null means {default}.",
    )


class _ShelfBodySerializer(serializers.Serializer):
    """What the body of a tag and that of a folder share. `instance`: the row that is changed."""

    default_color: str

    custom_prompt = OptionalTextField(
        max_length=HINTS_MAX_LENGTH, help_text="What summaries of these recordings should look at."
    )
    default_language = OptionalTextField(
        help_text="ISO 639-1; null leaves it to the caller's preference."
    )
    default_min_speakers = SpeakerCountField(help_text="How many voices there are at least.")
    default_max_speakers = SpeakerCountField(help_text="How many voices there are at most.")
    default_hotwords = OptionalTextField(
        max_length=HINTS_MAX_LENGTH, help_text="Words to listen for, comma-separated."
    )
    default_initial_prompt = OptionalTextField(
        max_length=HINTS_MAX_LENGTH, help_text="What these recordings are about, in a sentence."
    )
    default_transcription_model = OptionalTextField(
        max_length=MODEL_MAX_LENGTH, help_text="One of `models` in GET /transcription."
    )
    retention_days = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=KEEP_FOR_EVER,
        max_value=RETENTION_MAX_DAYS,
        error_messages=dict.fromkeys(("min_value", "max_value"), RETENTION_OUT_OF_RANGE),
        help_text="Days until these recordings are deleted; -1 protects them from automatic "
        "deletion, null leaves it to the server, 0 is refused. Effective only where automatic "
        "deletion is on.",
    )
    auto_share_on_apply = StrictBooleanField(
        required=False,
        help_text="Of a group, on unless it is switched off: its members may read what is filed "
        "here, its admins change it. "
        "Ignored on one's own.",
    )
    share_with_group_lead = StrictBooleanField(
        required=False,
        help_text="Of a group: its admins may read and change what is filed here. "
        "Ignored on one's own.",
    )

    naming_template_id = StrictIntegerField(
        required=False,
        allow_null=True,
        help_text="One of the caller's naming templates, which says what recordings filed here are "
        "called; null leaves it to their owner's default.",
    )

    def validate_color(self, value: str | None) -> str:
        return value or self.default_color

    def validate_default_language(self, value: str | None) -> str | None:
        if value is None:
            return None
        code = language_code(value)
        # The given one is what a refusal is about.
        validate_language(code or value)
        return code

    def validate_retention_days(self, value: int | None) -> int | None:
        if value is not None:
            validate_retention(value)
        return value

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        stored: Shelf | None = self.instance
        minimum, maximum = (
            given.get(name, getattr(stored, name, None))
            for name in ("default_min_speakers", "default_max_speakers")
        )
        if not are_in_order(minimum, maximum):
            raise serializers.ValidationError({"default_min_speakers": SPEAKERS_OUT_OF_ORDER})
        return given


class _TagBodySerializer(_ShelfBodySerializer):
    default_color = TAG_COLOR

    color = _color_field(TAG_COLOR)
    protect_from_deletion = StrictBooleanField(
        required=False, help_text="Recordings with this tag are not deleted automatically."
    )


class TagCreateSerializer(_TagBodySerializer):
    """Only the name is required."""

    name = _name_field("Tag")
    group_id = StrictIntegerField(
        required=False,
        allow_null=True,
        help_text="Makes it the tag of this group, whose admin the caller must be.",
    )


class TagUpdateSerializer(ChangesSerializer, _TagBodySerializer):
    """Any of the fields; what is not given stays."""

    name = _name_field("Tag")


class FolderUpdateSerializer(_ShelfBodySerializer):
    """Any of the fields; what is not given stays."""

    default_color = FOLDER_COLOR

    name = _name_field("Folder", required=False)
    color = _color_field(FOLDER_COLOR)
    group_id = StrictIntegerField(
        required=False,
        allow_null=True,
        help_text="Gives the folder to this group, whose admin the caller must be; null or 0 makes "
        "it the caller's own.",
    )
    export_template_id = StrictIntegerField(
        required=False, allow_null=True, help_text="null: none. There are no export templates yet."
    )

    def validate_group_id(self, value: int | None) -> int | None:
        return value or None

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        given = super().validate(given)
        # Nobody can own one yet.
        if given.pop("export_template_id", None) is not None:
            raise NotFound(EXPORT_TEMPLATE_NOT_FOUND)
        return given


class FolderCreateSerializer(FolderUpdateSerializer):
    """Only the name is required."""

    name = _name_field("Folder")
