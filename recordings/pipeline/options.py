"""What a run of the pipeline is told to do, and the only place that knows whose word counts.

Order of precedence (incumbent-behaviour.md, 5.3): the request; the recording's tags in their order,
the first that has a value; its folder; its owner's preferences; the operator's defaults; the
server's environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from accounts.models import User
from organizing.models import Folder, Shelf, Tag
from recordings.models import Recording
from speakr_site.core.languages import language_code
from speakr_site.core.system import SystemSettings


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


def shelves_of(recording: Recording, *, system: SystemSettings) -> list[Shelf]:
    """The tags in their order, then the folder: those whose defaults count for the recording.

    They are the owner's and those of the owner's groups, whoever attached them or asks; the folder
    only while folders are enabled. Two queries, one without a folder. Reads `recording.owner`.
    """
    tags = Tag.objects.visible_to(recording.owner).filter(recording_links__recording=recording)
    shelves: list[Shelf] = list(tags.order_by("recording_links__position"))
    if system.enable_folders and recording.folder_id is not None:
        shelves += Folder.objects.visible_to(recording.owner).filter(pk=recording.folder_id)
    return shelves


def resolve(
    hints: Hints, *, owner: User, system: SystemSettings, shelves: Sequence[Shelf] = ()
) -> TranscriptionOptions:
    """`shelves`: what the recording is filed under, in order (`shelves_of`). No query."""
    minimum, maximum = _speakers(
        (hints.min_speakers, hints.max_speakers),
        *((shelf.default_min_speakers, shelf.default_max_speakers) for shelf in shelves),
        (settings.ASR_MIN_SPEAKERS, settings.ASR_MAX_SPEAKERS),
    )
    # A model that nobody listed is as good as none: the next in order is taken.
    models = [hints.transcription_model, *(s.default_transcription_model for s in shelves)]
    return TranscriptionOptions(
        language=_language(hints, owner, shelves),
        min_speakers=minimum,
        max_speakers=maximum,
        hotwords=_first(
            hints.hotwords,
            *(shelf.default_hotwords for shelf in shelves),
            owner.transcription_hotwords,
            system.admin_default_hotwords,
        ),
        initial_prompt=_first(
            hints.initial_prompt,
            *(shelf.default_initial_prompt for shelf in shelves),
            owner.transcription_initial_prompt,
            system.admin_default_initial_prompt,
        ),
        model=_first(
            *(model for model in models if model and is_selectable(model.strip(), system)),
            system.transcription_default_model,
        ),
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
    """Whether a request, a tag or a folder may name `model`.

    Without any list a remote service gets what it is named; a local engine would fetch any name
    from a hub, so there the operator must have listed it.
    """
    choices = selectable_models(system)
    if choices:
        return model in {choice["value"] for choice in choices}
    return settings.TRANSCRIPTION_CONNECTOR != "faster_whisper"


def _language(hints: Hints, owner: User, shelves: Iterable[Shelf]) -> str | None:
    """None: to be detected. What no engine knows is passed over."""
    if hints.language is not None:
        return hints.language or None
    defaults = (*(shelf.default_language for shelf in shelves), owner.transcription_language)
    return _first(*(language_code(language) for language in defaults if language))


def _speakers(*bounds: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    """Each bound from the first that has it, unless that contradicts the other, which came
    earlier. `bounds`: (least, most), in order of precedence.
    """
    minimum = maximum = None
    for least, most in bounds:
        if minimum is None and least is not None and (maximum is None or least <= maximum):
            minimum = least
        if maximum is None and most is not None and (minimum is None or minimum <= most):
            maximum = most
    return minimum, maximum


def _first(*texts: str | None) -> str | None:
    return next((text.strip() for text in texts if text and text.strip()), None)
