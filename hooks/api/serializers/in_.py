"""What the API takes for webhooks. Serializers check shapes and types and never write."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

from rest_framework import serializers

from hooks.event_types import EventType
from hooks.models import NAME_LENGTH, URL_LENGTH
from hooks.services import OVERLAP_MAX_SECONDS
from speakr_site.core.api.fields import (
    OptionalTextField,
    RequiredTextField,
    StrictBooleanField,
    StrictIntegerField,
)
from speakr_site.core.errors import InvalidInput

NO_EVENTS = "events must be a non-empty list"
NAME_HELP = "For the caller alone; without the spaces around it."
URL_HELP = (
    "Where events are sent to. The host must lead to public addresses alone, unless the operator "
    "opened private ones."
)
ALLOW_HTTP_HELP = "Must be true for an `http://` URL: its events can be read on the way."
ENABLED_HELP = (
    "Whether events are sent. true also takes back a pause and sets `consecutive_failures` to 0; "
    "false also ends the deliveries that wait."
)

# A sentence stays one, however much was sent.
_shown = Repr()
_shown.maxlevel, _shown.maxlist, _shown.maxstring = 1, 4, 60


class EventTypesField(serializers.ListField):
    """Any values: which of them are known is asked once every field has the right shape."""

    child = serializers.ChoiceField(choices=EventType.choices)

    def __init__(self, **kwargs: Any) -> None:
        refusals = dict.fromkeys(("required", "null", "not_a_list", "min_length"), NO_EVENTS)
        super().__init__(
            min_length=1,
            error_messages=refusals,
            help_text="What it is told of; each counts once.",
            **kwargs,
        )

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list")
        return data


class WebhookCreateSerializer(serializers.Serializer):
    """Name, URL and events are required."""

    name = RequiredTextField(max_length=NAME_LENGTH, help_text=NAME_HELP)
    url = RequiredTextField(max_length=URL_LENGTH, help_text=URL_HELP)
    events = EventTypesField()
    allow_http = StrictBooleanField(default=False, help_text=ALLOW_HTTP_HELP)
    enabled = StrictBooleanField(default=True, help_text=ENABLED_HELP)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "events" in given:
            given["events"] = _known(given["events"])
        return given


class WebhookUpdateSerializer(WebhookCreateSerializer):
    """Any of the fields; what is not given stays."""

    name = RequiredTextField(
        "name cannot be empty", required=False, max_length=NAME_LENGTH, help_text=NAME_HELP
    )
    url = OptionalTextField(max_length=URL_LENGTH, help_text=f"{URL_HELP} Empty or null: as it is.")
    events = EventTypesField(required=False)
    allow_http = StrictBooleanField(required=False, help_text=ALLOW_HTTP_HELP)
    enabled = StrictBooleanField(required=False, help_text=ENABLED_HELP)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        given = super().validate(given)
        if given.get("url", "") is None:
            del given["url"]
        return given


class RotateSecretSerializer(serializers.Serializer):
    """Nothing is required."""

    overlap_seconds = StrictIntegerField(
        default=0,
        min_value=0,
        max_value=OVERLAP_MAX_SECONDS,
        help_text="For how long the earlier secret signs too: `webhook-signature` has a value for "
        "each then, `Speakr-Signature` one of the new secret. 0: it ends at once.",
    )


def _known(values: list[Any]) -> tuple[str, ...]:
    """Each once, in their order. Raises InvalidInput for what is no event type."""
    unknown = [value for value in values if value not in EventType.values]
    if unknown:
        sentence = f"unknown event types: {_shown.repr(unknown)}"
        raise InvalidInput(sentence, allowed=EventType.values)
    return tuple(dict.fromkeys(values))
