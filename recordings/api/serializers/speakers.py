"""The speakers of a recording on the wire (contract 13.5 and 13.6): what comes in, and what goes
out as the OpenAPI document describes it.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from recordings.models import Recording
from speakers.models import MORE_THAN_ONE_LINE, NAME_MAX_LENGTH
from speakr_site.core.api.fields import StrictBooleanField, is_storable
from speakr_site.core.errors import InvalidInput

UNSTORABLE = "speaker_map has characters that cannot be stored"
LABEL_SHOWN = 100
NAME = {"type": "string", "maxLength": NAME_MAX_LENGTH}


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [
                NAME,
                {
                    "type": "object",
                    "properties": {
                        "name": {**NAME, "nullable": True},
                        "isMe": {"type": "boolean"},
                    },
                },
            ]
        },
        "description": "A label, or the name that its voice is shown with, and its new name. "
        "Spaces around a name are cut off; a blank one leaves the voice as it is, or is the "
        "caller's own with `isMe`. What is no voice of the transcript changes nothing.",
    }
)
class SpeakerMapField(serializers.Field):
    """label -> name, trimmed; "" where the caller's own is meant. Blank names are left out."""

    default_error_messages = {
        "required": "speaker_map is required",
        "null": "speaker_map must be an object",
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            raise InvalidInput("speaker_map must be an object")
        names = {}
        for label, value in data.items():
            name, is_me = _name(label, value)
            if name or is_me:
                names[label] = name
        return names

    def to_representation(self, value: Any) -> Any:
        return value


class AssignSerializer(serializers.Serializer):
    speaker_map = SpeakerMapField()
    regenerate_summary = StrictBooleanField(
        required=False,
        help_text="true: the summary is made again; `summary_queued` says whether it will be.",
    )

    def names(self, *, me: str | None) -> dict[str, str]:
        """label -> name. `me`: the caller's name as they show it, if they do."""
        mine = (me or "").strip() or "Me"
        return {label: name or mine for label, name in self.validated_data["speaker_map"].items()}


class RecordingSpeakerSerializer(serializers.Serializer):
    label = serializers.CharField(help_text="As the transcript's engine numbered the voices.")
    identified_name = serializers.CharField(
        allow_null=True, help_text="The name it was given; null until then."
    )
    speaker_id = serializers.IntegerField(
        allow_null=True, help_text="The caller's speaker of that name."
    )
    segment_count = serializers.IntegerField()


class SuggestionSerializer(serializers.Serializer):
    speaker_id = serializers.IntegerField()
    name = serializers.CharField()
    similarity = serializers.FloatField(help_text="Percent.")


class RecordingSpeakersSerializer(serializers.Serializer):
    speakers = RecordingSpeakerSerializer(many=True, help_text="By first appearance.")
    suggestions = serializers.DictField(
        child=SuggestionSerializer(many=True), help_text="By label, the most alike first."
    )


class AssignedRecordingSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField(allow_null=True)
    participants = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=Recording.Status.choices)


class AssignedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
    recording = AssignedRecordingSerializer()
    summary_queued = serializers.BooleanField()
    embeddings_updated = serializers.IntegerField()
    snippets_created = serializers.IntegerField()


class IdentifiedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    speaker_map = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        help_text="The name of each label, or an empty text where the conversation tells none.",
    )


def _name(label: str, value: Any) -> tuple[str, bool]:
    """A name, and whether it is the caller's own where it is blank."""
    if not is_storable(label):
        raise InvalidInput(UNSTORABLE)
    given, is_me = (
        (value.get("name"), value.get("isMe", False)) if isinstance(value, dict) else (value, False)
    )
    # Some clients send null for a name that was not filled in.
    if given is None and isinstance(value, dict):
        given = ""
    if not isinstance(given, str) or not isinstance(is_me, bool):
        raise InvalidInput(f'Invalid value type for speaker "{label[:LABEL_SHOWN]}"')
    if not is_storable(given):
        raise InvalidInput(UNSTORABLE)
    name = given.strip()
    if len(name) > NAME_MAX_LENGTH:
        raise InvalidInput(
            f'The name for speaker "{label[:LABEL_SHOWN]}" has more than '
            f"{NAME_MAX_LENGTH} characters"
        )
    if MORE_THAN_ONE_LINE.search(name):
        raise InvalidInput(
            f'The name for speaker "{label[:LABEL_SHOWN]}" must be one line, without control '
            "characters"
        )
    return name, is_me
