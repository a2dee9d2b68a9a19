"""What filing a recording takes and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from speakr_site.core.api.fields import StrictIntegerField
from speakr_site.core.errors import InvalidInput

IDS_MAX = 100


class IdListField(serializers.ListField):
    """A JSON list of ids, at most IDS_MAX of them."""

    child = serializers.IntegerField()
    default_error_messages = {"ids": "{name} must be a list of at most {most} whole numbers"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=IDS_MAX, **kwargs)

    def to_internal_value(self, data: Any) -> list[int]:
        if not isinstance(data, list) or len(data) > IDS_MAX:
            self.fail("ids", name=self.field_name, most=IDS_MAX)
        whole = StrictIntegerField()
        try:
            return [whole.run_validation(value) for value in data]
        except serializers.ValidationError:
            return self.fail("ids", name=self.field_name, most=IDS_MAX)


class AddTagsSerializer(serializers.Serializer):
    tag_ids = IdListField(
        required=False, allow_null=True, help_text="Attached in this order, after those there are."
    )
    tag_id = StrictIntegerField(
        required=False, allow_null=True, help_text="One tag; read only where tag_ids is empty."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given.get("tag_ids") and given.get("tag_id") is None:
            raise InvalidInput("tag_ids or tag_id required")
        return given

    def wanted(self) -> list[int]:
        given = self.validated_data
        return given.get("tag_ids") or [given["tag_id"]]


class AddedTagSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class TagsAddedSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    added_tags = AddedTagSerializer(
        many=True, help_text="Those that were not on the recording before."
    )
    errors = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="A sentence for each tag that could not be attached; null when there is none.",
    )
