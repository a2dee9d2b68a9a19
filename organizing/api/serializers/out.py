"""What the API answers about tags and folders, from rows of `ShelfQuerySet.described_for`."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from accounts.models import Membership
from organizing.models import Folder, Tag
from speakr_site.core.api.fields import UtcDateTimeField

DEFAULTS = [
    "default_language",
    "default_min_speakers",
    "default_max_speakers",
    "default_hotwords",
    "default_initial_prompt",
    "default_transcription_model",
]
KEEPING = [
    "protect_from_deletion",
    "retention_days",
    "auto_share_on_apply",
    "share_with_group_lead",
]


class TagSerializer(serializers.ModelSerializer):
    """A label; a recording may carry many."""

    is_group_tag = serializers.BooleanField(source="is_of_group")
    group_id = serializers.IntegerField(
        allow_null=True, help_text="The group that it belongs to; null for a person's own."
    )
    naming_template_id = serializers.IntegerField(allow_null=True)
    naming_template_name = serializers.CharField(source="naming_template.name", allow_null=True)
    can_edit = serializers.BooleanField(help_text="Whether the caller may change it.")

    class Meta:
        model = Tag
        fields = [
            "id",
            "name",
            "color",
            "is_group_tag",
            "group_id",
            "custom_prompt",
            *DEFAULTS,
            *KEEPING,
            "naming_template_id",
            "naming_template_name",
            "can_edit",
        ]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class TagListSerializer(serializers.Serializer):
    tags = TagSerializer(many=True)


class TagUpdatedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    tag = TagSerializer()


class FolderSerializer(serializers.ModelSerializer):
    """A place for recordings; each is in one at most."""

    group_id = serializers.IntegerField(
        allow_null=True, help_text="The group that it belongs to; null for a person's own."
    )
    is_group_folder = serializers.BooleanField(source="is_of_group")
    group_name = serializers.CharField(source="group.name", allow_null=True)
    protect_from_deletion = serializers.BooleanField(
        help_text="Whether retention_days is -1: recordings in it are not deleted automatically."
    )
    naming_template_id = serializers.IntegerField(allow_null=True)
    naming_template_name = serializers.CharField(source="naming_template.name", allow_null=True)
    # There are none yet: what may be null is null where a row has no such attribute.
    export_template_id = serializers.IntegerField(allow_null=True)
    export_template_name = serializers.CharField(allow_null=True)
    created_at = UtcDateTimeField()
    recording_count = serializers.IntegerField(
        help_text="All recordings in the folder, whoever owns them."
    )
    can_edit = serializers.BooleanField(help_text="Whether the caller may change it.")
    user_role = serializers.ChoiceField(
        choices=Membership.Role.choices,
        allow_null=True,
        help_text="What the caller is in the folder's group; null for a personal folder.",
    )

    class Meta:
        model = Folder
        fields = [
            "id",
            "name",
            "color",
            "group_id",
            "is_group_folder",
            "group_name",
            "custom_prompt",
            *DEFAULTS,
            *KEEPING,
            "naming_template_id",
            "naming_template_name",
            "export_template_id",
            "export_template_name",
            "created_at",
            "recording_count",
            "can_edit",
            "user_role",
        ]
        read_only_fields = fields


class FolderDeletedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
