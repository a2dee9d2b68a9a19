"""Shapes of people, groups and tokens on the wire (contract 2.3, 7, 13.6, 18). Read only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.models import PREFERENCES, ApiToken, Group, Membership, User
from speakr_site.core.api.fields import UtcDateTimeField


class PreferencesSerializer(serializers.ModelSerializer):
    timezone = serializers.CharField(help_text="IANA name; the server's, where none was chosen.")

    class Meta:
        model = User
        fields = PREFERENCES
        read_only_fields = fields

    def to_representation(self, instance: User) -> dict[str, Any]:
        data = super().to_representation(instance)
        data["timezone"] = data["timezone"] or settings.TIME_ZONE
        return data


# Reads `group`; select it first.
class MembershipSerializer(serializers.ModelSerializer):
    group_id = serializers.IntegerField()
    group_name = serializers.CharField(source="group.name")
    joined_at = UtcDateTimeField()

    class Meta:
        model = Membership
        fields = ["group_id", "group_name", "role", "joined_at"]
        read_only_fields = fields


# Reads `memberships`; prefetch them first.
class UserSerializer(serializers.ModelSerializer):
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


class AutoSummarizationSetSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    auto_summarization = serializers.BooleanField()


# Of a row that is `described_for` the caller.
class GroupSerializer(serializers.ModelSerializer):
    role = serializers.ChoiceField(
        Membership.Role.choices,
        allow_null=True,
        help_text="The caller's own; null for an operator who is not in the group.",
    )
    member_count = serializers.IntegerField()
    created_at = UtcDateTimeField()

    class Meta:
        model = Group
        fields = ["id", "name", "role", "member_count", "created_at"]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class GroupListSerializer(serializers.Serializer):
    groups = GroupSerializer(many=True)


# Reads `user`; select it first.
class MemberSerializer(serializers.ModelSerializer):
    user_id = serializers.IntegerField()
    username = serializers.CharField(source="user.username")
    joined_at = UtcDateTimeField()

    class Meta:
        model = Membership
        fields = ["user_id", "username", "role", "joined_at"]
        read_only_fields = fields


# Of a row `with_members`.
class GroupDetailSerializer(GroupSerializer):
    members = MemberSerializer(source="memberships", many=True)

    class Meta(GroupSerializer.Meta):
        fields = [*GroupSerializer.Meta.fields, "members"]
        read_only_fields = fields


class TokenSerializer(serializers.ModelSerializer):
    created_at = UtcDateTimeField()
    last_used_at = UtcDateTimeField(allow_null=True, help_text="null: never.")
    expires_at = UtcDateTimeField(allow_null=True, help_text="null: never.")
    revoked = serializers.BooleanField(
        source="is_revoked", help_text="Always false here: one that is revoked is gone."
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "created_at", "last_used_at", "expires_at", "revoked"]
        read_only_fields = fields


class TokenMadeSerializer(TokenSerializer):
    token = serializers.CharField(help_text="The secret, 43 characters; shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


@extend_schema_serializer(many=False)
class TokenListSerializer(serializers.Serializer):
    tokens = TokenSerializer(many=True)


class TokenRevokedSerializer(serializers.Serializer):
    message = serializers.CharField()
