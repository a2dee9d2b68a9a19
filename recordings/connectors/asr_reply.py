"""Reads what a WhisperX-style service answers. Pure; forgiving, as such services differ."""

from __future__ import annotations

import json
import math
from typing import Any

from recordings.connectors.base import (
    ConnectorError,
    SpokenSegment,
    Transcript,
    TranscriptionRequest,
    Word,
)


def transcript(reply: bytes, *, request: TranscriptionRequest, model: str) -> Transcript:
    """The answer on the clock of the whole recording, labels numbered in order of appearance.

    A segment without a speaker has the one before it. Raises ConnectorError for anything that is
    not a JSON object with segments or a text.
    """
    try:
        document = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise _unreadable() from error
    if not isinstance(document, dict):
        raise _unreadable()
    items = document.get("segments")
    if not isinstance(items, list):
        if not isinstance(document.get("text"), str):
            raise _unreadable()
        items = [{"text": document["text"]}]
    segments, labels = _segments(items, request)
    language = document.get("language")
    return Transcript(
        segments=segments,
        language=language if isinstance(language, str) and language else request.language,
        model=model,
        embeddings=_embeddings(document.get("speaker_embeddings"), labels),
    )


def _segments(
    items: list[Any], request: TranscriptionRequest
) -> tuple[tuple[SpokenSegment, ...], dict[str, str]]:
    """The segments, and the service's speaker names with the labels they became."""
    segments: list[SpokenSegment] = []
    labels: dict[str, str] = {}
    speaker: str | None = None
    reached, length = 0.0, request.end - request.start
    for item in items:
        text = _text(item, "text")
        if not text:
            continue
        start = min(_seconds(item.get("start"), reached), length)
        end = max(start, min(_seconds(item.get("end"), length), length))
        reached = end
        named = item.get("speaker")
        if request.diarize and named is not None and str(named).strip():
            speaker = str(named)
            labels.setdefault(speaker, f"SPEAKER_{len(labels):02d}")
        segments.append(
            SpokenSegment(
                start=request.start + start,
                end=request.start + end,
                text=text,
                label=labels.get(speaker) if speaker else None,
                words=_words(item.get("words"), start, end, request.start),
            )
        )
    return tuple(segments), labels


def _words(items: Any, start: float, end: float, offset: float) -> tuple[Word, ...]:
    """Words with every time filled in: WhisperX gives none to what it could not align ("2024")."""
    if not isinstance(items, list):
        return ()
    words = []
    reached = start
    for item in items:
        text = _text(item, "word") or _text(item, "text")
        if not text:
            continue
        word_start = min(_seconds(item.get("start"), reached), end)
        reached = max(word_start, min(_seconds(item.get("end"), word_start), end))
        words.append(Word(offset + word_start, offset + reached, text))
    return tuple(words)


def _embeddings(found: Any, labels: dict[str, str]) -> dict[str, list[float]]:
    if not isinstance(found, dict):
        return {}
    return {
        labels[name]: [float(value) for value in vector]
        for name, vector in found.items()
        if name in labels and isinstance(vector, list) and vector and all(map(_is_number, vector))
    }


def _text(item: Any, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    return value.strip() if isinstance(value, str) else ""


def _seconds(value: Any, otherwise: float) -> float:
    return max(0.0, float(value)) if _is_number(value) else otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _unreadable() -> ConnectorError:
    return ConnectorError(
        "The transcription service gave an answer that is not a transcript.",
        code="service_failed",
        permanent=False,
    )
