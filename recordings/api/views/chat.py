"""Questions about a recording."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from recordings.api.serializers import chat as serializers
from recordings.exports.subtitles import Cue
from recordings.models import Recording
from recordings.models.recording import RecordingQuerySet
from recordings.models.transcript import NAMELESS
from recordings.services.chat import answer, stream_answer
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.viewsets import ScopedViewSet
from speakr_site.core.errors import Busy, InvalidInput, SpeakrError

logger = logging.getLogger(__name__)

EVENTS = OpenApiResponse(
    OpenApiTypes.STR,
    description="With `stream`: server-sent events, each a line `data: ` with a JSON object. "
    '`{"delta": str}` for each piece of the answer, `{"sources": [...]}`, '
    '`{"end_of_stream": true}`; `{"error": str}` as the last one where the model fails midway.',
)


@extend_schema(tags=["Chat"])
class ChatViewSet(ScopedViewSet):
    model = Recording
    scopes = {"create": "read"}
    rate_groups = {"create": "processing"}

    def get_queryset(self) -> RecordingQuerySet:
        return super().get_queryset().for_texts()

    @extend_schema(
        summary="Ask about a recording",
        description="Answered by a language model from the transcript alone, of a long one from "
        "the parts that the question is about. The caller's own notes and the tags that they know "
        "of are told to it. Nothing is stored; the tokens are the caller's.",
        request=serializers.ChatSerializer,
        responses={
            (200, "application/json"): serializers.ChatAnswerSerializer,
            (200, "text/event-stream"): EVENTS,
        },
    )
    def create(self, request: Request, pk: str) -> HttpResponseBase:
        recording = self.get_object()
        if recording.current_transcript is None:
            raise InvalidInput("No transcription available")
        body = serializers.ChatSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        asked = {"recording": recording, "by": request.user, "question": body.question()}
        if body.validated_data["stream"]:
            return _event_stream(stream_answer(**asked))
        given = answer(**asked)
        return Response({"response": given.response, "sources": _sources(given.sources)})


class ServerSentEvents:
    """Events as they are sent. The first is made at once, so that what goes wrong before it is an
    answer with a status; `close` ends what makes them.
    """

    def __init__(self, events: Iterator[dict[str, Any]]) -> None:
        self._events = events
        self._first = [next(events)]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        event = self._first.pop() if self._first else next(self._events)
        # ASCII: every character arrives, and none ends a line.
        return b"data: %s\n\n" % json.dumps(event).encode()

    def close(self) -> None:
        self._events.close()


def _event_stream(parts: Iterator[str | list[Cue]]) -> StreamingHttpResponse:
    # Proxies would keep an answer back until it is whole.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = ServerSentEvents(_events(parts))
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=headers)


def _events(parts: Iterator[str | list[Cue]]) -> Iterator[dict[str, Any]]:
    has_begun = False
    try:
        for part in parts:
            yield {"delta": part} if isinstance(part, str) else {"sources": _sources(part)}
            has_begun = True
        yield {"end_of_stream": True}
    except SpeakrError as error:
        if not has_begun:
            raise
        yield {"error": str(error)}
    except DatabaseError as error:
        if not has_begun:
            raise
        logger.error("chat: database: %s", error)
        yield {"error": Busy.sentence}
    finally:
        parts.close()


def _sources(cues: list[Cue]) -> list[dict[str, Any]]:
    return [
        {
            "start_time": cue.start,
            "end_time": cue.end,
            "speaker": cue.name or NAMELESS,
            "text": cue.text,
        }
        for cue in cues
    ]
