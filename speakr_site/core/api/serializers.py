"""Bodies and answers that several rooms have."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from speakr_site.core.errors import InvalidInput


class ChangesSerializer(serializers.Serializer):
    """A first base that makes of what creates something what changes it: any of the fields, but
    not none.
    """

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data:
            raise InvalidInput("No data provided")
        return super().to_internal_value(data)


class DoneSerializer(serializers.Serializer):
    success = serializers.BooleanField()
    message = serializers.CharField()
