"""What the API takes about people, groups and tokens. Serializers check and never write."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import TOKEN_MAX_DAYS, TOKEN_NAME, Membership
from accounts.validators import (
    validate_output_language,
    validate_timezone,
    validate_transcription_language,
    validate_ui_language,
)
from speakr_site.core.api.fields import (
    OptionalTextField,
    RequiredTextField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
)
from speakr_site.core.errors import InvalidInput
from speakr_site.core.languages import language_code

NAME_MAX_LENGTH = 100
# Of an e-mail address; no user name is as long.
USER_MAX_LENGTH = 254
THRESHOLDS = {"low": 0.3, "medium": 0.6, "high": 0.8}
NO_EXPIRY_DAYS = "expires_in_days must be a non-negative integer"


def _name_field(missing: str) -> TextField:
    return RequiredTextField(
        missing, max_length=NAME_MAX_LENGTH, help_text="Without the spaces around it."
    )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "enum": list(THRESHOLDS)},
        ]
    }
)
class ThresholdField(serializers.Field):
    """A number from 0 to 1, or the name of one."""

    default_error_messages = {
        "invalid": f"{{name}} must be a number from 0 to 1, or one of {', '.join(THRESHOLDS)}"
    }

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, str) and data in THRESHOLDS:
            return THRESHOLDS[data]
        if type(data) not in (int, float) or not 0 <= data <= 1:
            self.fail("invalid", name=self.field_name)
        return float(data)


class PreferencesBodySerializer(serializers.Serializer):
    """Any of them; what is not given stays."""

    ui_language = OptionalTextField(
        max_length=10, validators=[validate_ui_language], help_text="As in en or pt-BR."
    )
    timezone = OptionalTextField(
        validators=[validate_timezone], help_text="IANA name; null means the server's."
    )
    transcription_language = OptionalTextField(
        help_text="ISO 639-1, spoken in the caller's recordings; null means detect it."
    )
    output_language = OptionalTextField(
        max_length=50,
        validators=[validate_output_language],
        help_text="Code or name of the language that titles and summaries are written in.",
    )
    extract_events = StrictBooleanField(
        required=False, help_text="Whether to look for dates in what is transcribed later."
    )
    auto_speaker_labelling = StrictBooleanField(
        required=False, help_text="Whether voices that are known get their names by themselves."
    )
    auto_speaker_labelling_threshold = ThresholdField(
        required=False,
        help_text="Similarity from which a known voice is named by itself; "
        + ", ".join(f"{name} is {value}" for name, value in THRESHOLDS.items())
        + ".",
    )
    auto_summarization = StrictBooleanField(
        required=False, help_text="Whether recordings are summarized when transcribed."
    )
    show_timestamps_simple_view = StrictBooleanField(
        required=False, help_text="For clients: times in the plain view of a transcript."
    )
    editor_autosave = StrictBooleanField(
        required=False, help_text="For clients: whether their editors save by themselves."
    )
    diarize = StrictBooleanField(
        required=False, help_text="For clients: voices are told apart whenever the engine can."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and data.keys() - self.fields.keys():
            raise InvalidInput(f"Unknown preference; known are {', '.join(self.fields)}")
        return super().to_internal_value(data)

    def validate_transcription_language(self, value: str | None) -> str | None:
        if value is None:
            return None
        code = language_code(value)
        # The given one is what a refusal is about.
        validate_transcription_language(code or value)
        return code


class CurrentUserBodySerializer(serializers.Serializer):
    """Any of the fields; what is not given stays."""

    name = OptionalTextField(max_length=NAME_MAX_LENGTH, help_text="What to call the caller.")
    job_title = OptionalTextField(max_length=NAME_MAX_LENGTH, help_text="What they work as.")
    company = OptionalTextField(max_length=NAME_MAX_LENGTH, help_text="Who they work for.")
    preferences = PreferencesBodySerializer(
        required=False, help_text="Any of them; one that is unknown is refused."
    )

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        """The columns to write. Who holds a token must not be able to take the account over."""
        for kept in ("username", "email", "password"):
            if kept in data and data[kept] != getattr(self.instance, kept, None):
                raise InvalidInput(f"{kept} cannot be changed here")
        given = super().to_internal_value(data)
        preferences = given.pop("preferences", {})
        return {**given, **preferences}


class AutoSummarizationSerializer(serializers.Serializer):
    enabled = StrictBooleanField(help_text="Whether recordings are summarized when transcribed.")

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if "enabled" not in data:
            raise InvalidInput("enabled field is required")
        return super().to_internal_value(data)


class GroupBodySerializer(serializers.Serializer):
    name = _name_field("Group name is required")


class RoleField(serializers.ChoiceField):
    """One of the roles, in these letters."""

    def __init__(self, **kwargs: Any) -> None:
        missing = f"role must be one of {', '.join(Membership.Role.values)}"
        messages = dict.fromkeys(("required", "null", "invalid_choice"), missing)
        super().__init__(Membership.Role.choices, error_messages=messages, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class MemberCreateSerializer(serializers.Serializer):
    user = TextField(
        max_length=USER_MAX_LENGTH, help_text="User name or e-mail, exact; an e-mail in any case."
    )
    role = RoleField(default=Membership.Role.MEMBER, help_text="What they may do in the group.")


class MemberUpdateSerializer(serializers.Serializer):
    role = RoleField(help_text="An admin manages members, tags and folders of the group.")


class TokenCreateSerializer(serializers.Serializer):
    name = OptionalTextField(
        max_length=NAME_MAX_LENGTH, help_text=f"What the token is for; without, {TOKEN_NAME}."
    )
    expires_in_days = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        error_messages=dict.fromkeys(("invalid", "min_value"), NO_EXPIRY_DAYS),
        validators=[
            MaxValueValidator(
                TOKEN_MAX_DAYS, f"expires_in_days must not be more than {TOKEN_MAX_DAYS}"
            )
        ],
        help_text="Days until it can no longer be used; 0 or null: no end of its own. A token that "
        "is made with a token ends with that one at the latest.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """`{"name": str, "days": int | None}`"""
        return {
            "name": given.get("name") or TOKEN_NAME,
            "days": given.get("expires_in_days") or None,
        }


class TokenUpdateSerializer(serializers.Serializer):
    name = _name_field("name is required")
