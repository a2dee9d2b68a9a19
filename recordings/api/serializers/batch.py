"""What the batch calls take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from recordings.api.serializers.filing import IdListField
from recordings.services.batch import BatchChanges
from speakr_site.core.api.fields import StrictBooleanField, StrictIntegerField
from speakr_site.core.errors import InvalidInput


class BatchSerializer(serializers.Serializer):
    recording_ids = IdListField(
        min_length=1, help_text="A repeated id counts once, at its first position."
    )

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        if data.get("recording_ids") in (None, []):
            raise InvalidInput("recording_ids required")
        return super().to_internal_value(data)


class BatchChangesSerializer(serializers.Serializer):
    is_inbox = StrictBooleanField(
        required=False, help_text="Whether the caller has still to look at them."
    )
    is_highlighted = StrictBooleanField(
        required=False, help_text="Whether the caller has starred them."
    )
    add_tag_ids = IdListField(
        required=False, help_text="Tags that the caller may not use are passed over."
    )
    remove_tag_ids = IdListField(required=False, help_text="Taken off after others were added.")
    folder_id = StrictIntegerField(
        required=False,
        allow_null=True,
        help_text="null takes the recordings out of their folders. Needs folders to be enabled.",
    )


class BatchUpdateSerializer(BatchSerializer):
    updates = BatchChangesSerializer(required=False, allow_null=True)

    def changes(self) -> BatchChanges:
        columns = dict(self.validated_data.get("updates") or {})
        return BatchChanges(
            add_tag_ids=tuple(columns.pop("add_tag_ids", ())),
            remove_tag_ids=tuple(columns.pop("remove_tag_ids", ())),
            columns=columns,
        )


class BatchItemSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    success = serializers.BooleanField()
    error = serializers.CharField(required=False, help_text="Why it failed.")


class QueuedItemSerializer(BatchItemSerializer):
    job_id = serializers.IntegerField(required=False, help_text="Of one that succeeded.")


class _BatchDoneSerializer(serializers.Serializer):
    success = serializers.BooleanField(help_text="Always true: see the results.")
    failed = serializers.IntegerField()
    results = BatchItemSerializer(many=True)


class BatchUpdatedSerializer(_BatchDoneSerializer):
    updated = serializers.IntegerField()


class BatchDeletedSerializer(_BatchDoneSerializer):
    deleted = serializers.IntegerField()


class BatchQueuedSerializer(_BatchDoneSerializer):
    queued = serializers.IntegerField()
    results = QueuedItemSerializer(many=True)
