"""The shapes that answers are asked for, as JSON schemas that servers take in strict mode. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_TIME = {"type": "string", "description": "ISO 8601, for example 2026-11-24T14:00"}
_TIME_OR_NONE = {"type": ["string", "null"]}
_TEXT_OR_NONE = {"type": ["string", "null"]}
EVENTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "start_datetime": _TIME,
                    "end_datetime": _TIME_OR_NONE,
                    "description": _TEXT_OR_NONE,
                    "location": _TEXT_OR_NONE,
                    "attendees": {"type": "array", "items": {"type": "string"}},
                    "reminder_minutes": {"type": ["integer", "null"]},
                },
                "required": [
                    "title", "start_datetime", "end_datetime", "description", "location",
                    "attendees", "reminder_minutes",
                ],
                "additionalProperties": False,
            },
        }
    },
    "required": ["events"],
    "additionalProperties": False,
}  # fmt: skip


def speakers(labels: Sequence[str]) -> dict[str, Any]:
    """A JSON schema of one name for each label."""
    names = [label.encode("utf-8", "replace").decode("utf-8") for label in labels]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }
