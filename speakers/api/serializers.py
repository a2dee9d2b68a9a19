"""Speakers on the wire (contract, section 13): what comes in, and what goes out as the OpenAPI
document describes it.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from speakers.models import NAME_MAX_LENGTH, Speaker, validate_one_line
from speakr_site.core.api.fields import RequiredTextField, UtcDateTimeField, utc_text


class SpeakerBodySerializer(serializers.Serializer):
    name = RequiredTextField(
        "Speaker name is required",
        max_length=NAME_MAX_LENGTH,
        validators=[validate_one_line],
        help_text="Spaces around it are cut off. Once among the caller's speakers.",
    )


class SpeakerSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    use_count = serializers.IntegerField(
        help_text="How often it was given to voices of another recording."
    )
    last_used = UtcDateTimeField(allow_null=True)
    confidence_score = serializers.FloatField(
        allow_null=True, help_text="0 to 1; null without a voice profile."
    )
    has_voice_profile = serializers.BooleanField()


class SpeakerCreatedSerializer(SpeakerSerializer):
    created_at = UtcDateTimeField()


@extend_schema_serializer(many=False)
class SpeakerListSerializer(serializers.Serializer):
    speakers = SpeakerSerializer(many=True)


class RenamedFieldsSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    use_count = serializers.IntegerField()


class SpeakerRenamedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    speaker = RenamedFieldsSerializer()


def speaker_shape(speaker: Speaker) -> dict[str, Any]:
    """As `SpeakerSerializer` describes it. No query."""
    return {
        "id": speaker.pk,
        "name": speaker.name,
        "use_count": speaker.use_count,
        "last_used": utc_text(speaker.last_used_at),
        "confidence_score": None,
        "has_voice_profile": False,
    }
