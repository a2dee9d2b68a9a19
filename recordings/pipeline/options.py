"""What a run of the pipeline is told to do, and the only place that knows whose word counts.

Order of precedence (http-contract.md, 8.1): the request; the server's environment for speaker
counts; the owner's preferences; the operator's defaults. Tags and folders come between the request
and the environment once they exist.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from accounts.models import User
from speakr_site.core.system import SystemSettings

HINTS_MAX_LENGTH = 10_000
SPEAKERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Hints:
    """What a caller asks for. None: not given. `language` "": detect it, whatever the default."""

    language: str | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    hotwords: str | None = None
    initial_prompt: str | None = None
    transcription_model: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """What the hints resolved to. Two jobs with equal options are the same work."""

    language: str | None
    min_speakers: int | None
    max_speakers: int | None
    hotwords: str | None
    initial_prompt: str | None
    model: str | None

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


def resolve(hints: Hints, *, owner: User, system: SystemSettings) -> TranscriptionOptions:
    language = hints.language
    if language is None:
        language = owner.transcription_language
    min_speakers, max_speakers = hints.min_speakers, hints.max_speakers
    if min_speakers is None and max_speakers is None:
        min_speakers, max_speakers = settings.ASR_MIN_SPEAKERS, settings.ASR_MAX_SPEAKERS
    # A model that nobody listed is as good as none: the default is taken.
    model = hints.transcription_model
    if model and not is_selectable(model, system):
        model = None
    return TranscriptionOptions(
        language=language or None,
        min_speakers=min_speakers,
        max_speakers=max_speakers,
        hotwords=_first(
            hints.hotwords, owner.transcription_hotwords, system.admin_default_hotwords
        ),
        initial_prompt=_first(
            hints.initial_prompt,
            owner.transcription_initial_prompt,
            system.admin_default_initial_prompt,
        ),
        model=_first(model, system.transcription_default_model),
    )


def selectable_models(system: SystemSettings) -> list[dict[str, str]]:
    """[{value, label}] that a request may name: the operator's list, else the environment's."""
    if system.visible_models:
        return system.visible_models
    labels = settings.TRANSCRIPTION_MODEL_LABELS
    return [
        {"value": value, "label": labels[index] if index < len(labels) else value}
        for index, value in enumerate(settings.TRANSCRIPTION_MODELS_AVAILABLE)
    ]


def is_selectable(model: str, system: SystemSettings) -> bool:
    """Whether a request may name `model`.

    Without any list a remote service gets what it is named; a local engine would fetch any name
    from a hub, so there the operator must have listed it.
    """
    choices = selectable_models(system)
    if choices:
        return model in {choice["value"] for choice in choices}
    return settings.TRANSCRIPTION_CONNECTOR != "faster_whisper"


def _first(*texts: str | None) -> str | None:
    return next((text.strip() for text in texts if text and text.strip()), None)
