"""Questions about a recording on the wire (contract 9.3, 0.1.13, 0.1.35): what comes in, and what
goes out as the OpenAPI document describes it.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from recordings.llm.chatting import Question
from speakr_site.core.api.fields import RequiredTextField, StrictBooleanField
from speakr_site.core.errors import InvalidInput

MESSAGE_MAX_LENGTH = 10_000
TURNS_MAX = 50
# Characters of all turns together.
HISTORY_MAX_LENGTH = 200_000
ROLES = ("user", "assistant")


@extend_schema_field(
    {
        "type": "array",
        "maxItems": TURNS_MAX,
        "nullable": True,
        "items": {
            "type": "object",
            "required": ["role"],
            "properties": {
                "role": {"type": "string", "enum": list(ROLES)},
                "content": {"type": "string"},
                "text": {"type": "string", "description": "Read where there is no content."},
            },
        },
        "description": "Earlier turns, oldest first. The oldest are left out where the model has "
        "no room for them.",
    }
)
class HistoryField(serializers.Field):
    """Turns with their text as `content`; empty ones are left out."""

    def to_internal_value(self, data: Any) -> tuple[dict[str, str], ...]:
        if not isinstance(data, list):
            raise InvalidInput("conversation_history must be an array")
        if len(data) > TURNS_MAX:
            raise InvalidInput(f"conversation_history has more than {TURNS_MAX} items")
        turns = [_turn(item, f"conversation_history[{index}]") for index, item in enumerate(data)]
        if sum(len(turn["content"]) for turn in turns) > HISTORY_MAX_LENGTH:
            raise InvalidInput(
                f"conversation_history has more than {HISTORY_MAX_LENGTH} characters"
            )
        return tuple(turn for turn in turns if turn["content"].strip())

    def to_representation(self, value: Any) -> Any:
        return value


class ChatSerializer(serializers.Serializer):
    message = RequiredTextField(max_length=MESSAGE_MAX_LENGTH, help_text="The question.")
    conversation_history = HistoryField(required=False, allow_null=True)
    stream = StrictBooleanField(
        required=False, default=False, help_text="Answer with server-sent events, as text comes."
    )

    def question(self) -> Question:
        given = self.validated_data
        return Question(given["message"], given.get("conversation_history") or ())


class SourceSerializer(serializers.Serializer):
    start_time = serializers.FloatField(help_text="Seconds from the start of the recording.")
    end_time = serializers.FloatField()
    speaker = serializers.CharField(help_text="The name, or the label of a voice without one.")
    text = serializers.CharField()


class ChatAnswerSerializer(serializers.Serializer):
    response = serializers.CharField(help_text="Markdown.")
    sources = SourceSerializer(
        many=True,
        help_text="The segments that the answer cites, or else those most alike question and "
        "answer.",
    )


def _turn(item: Any, name: str) -> dict[str, str]:
    if not isinstance(item, dict):
        raise InvalidInput(f"{name} must be an object")
    role = item.get("role")
    if role not in ROLES:
        raise InvalidInput(f"{name}.role must be one of {', '.join(ROLES)}")
    content = item.get("content")
    if content is None:
        content = item.get("text")
    if not isinstance(content, str):
        raise InvalidInput(f"{name}.content must be a string")
    return {"role": role, "content": content}
