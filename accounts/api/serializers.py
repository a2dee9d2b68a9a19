"""Shapes of people on the wire (contract 7). Read only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.models import Membership, User
from speakr_site.core.api.fields import UtcDateTimeField


class PreferencesSerializer(serializers.ModelSerializer):
    timezone = serializers.CharField(help_text="IANA name; the server's, where none was chosen.")

    class Meta:
        model = User
        fields = [
            "ui_language",
            "timezone",
            "transcription_language",
            "output_language",
            "extract_events",
            "auto_speaker_labelling",
            "auto_speaker_labelling_threshold",
            "auto_summarization",
            "show_timestamps_simple_view",
            "editor_autosave",
            "diarize",
        ]
        read_only_fields = fields

    def to_representation(self, instance: User) -> dict[str, Any]:
        data = super().to_representation(instance)
        data["timezone"] = data["timezone"] or settings.TIME_ZONE
        return data


class MembershipSerializer(serializers.ModelSerializer):
    """Reads `group`; select it first."""

    group_id = serializers.IntegerField()
    group_name = serializers.CharField(source="group.name")
    joined_at = UtcDateTimeField()

    class Meta:
        model = Membership
        fields = ["group_id", "group_name", "role", "joined_at"]
        read_only_fields = fields


class UserSerializer(serializers.ModelSerializer):
    """Reads `memberships`; prefetch them first."""

    is_admin = serializers.BooleanField()
    preferences = PreferencesSerializer(source="*")
    group_memberships = MembershipSerializer(source="memberships", many=True)

    class Meta:
        model = User
        fields = [
            "id",
            "username",
            "email",
            "name",
            "job_title",
            "company",
            "is_admin",
            "email_verified",
            "sso_provider",
            "can_share_publicly",
            "preferences",
            "group_memberships",
        ]
        read_only_fields = fields
