"""What a run over the texts of a recording is told to do, and whose prompt counts.

Order of precedence (incumbent-behaviour.md, 3.3): the request; the prompts of the recording's tags,
in their order and together; its folder's; its owner's; the operator's; the built-in one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from organizing.models import Shelf, Tag
from recordings.llm import client
from recordings.llm.prompts import fill
from recordings.models import Recording
from recordings.pipeline.options import shelves_of
from speakr_site.core.system import SystemSettings


@dataclass(frozen=True, slots=True)
class TextOptions:
    """`prompt`: what the summary should look at, its variables filled in; None: the built-in one.
    `is_request`: somebody asked for it, so it may replace what a person wrote. Two jobs with equal
    options are the same work.
    """

    title: bool
    summary: bool
    events: bool
    prompt: str | None
    is_request: bool

    def as_document(self) -> dict[str, Any]:
        return asdict(self)

    def joined(self, other: TextOptions) -> TextOptions:
        """What both want; a request's prompt wins."""
        return TextOptions(
            title=self.title or other.title,
            summary=self.summary or other.summary,
            events=self.events or other.events,
            prompt=self.prompt if self.is_request else other.prompt,
            is_request=self.is_request or other.is_request,
        )


def after_transcription(recording: Recording, *, system: SystemSettings) -> TextOptions | None:
    """What the owner has done with every new transcript; None when it is nothing.

    A summary that a person wrote stays until somebody asks for another. Reads `owner`.
    """
    owner = recording.owner
    wants_summary = owner.auto_summarization and not system.disable_auto_summarization
    options = TextOptions(
        title=recording.has_placeholder_title,
        summary=wants_summary and not recording.has_hand_written_summary,
        events=owner.extract_events and client.text_model() is not None,
        prompt=resolved_prompt(recording, system=system) if wants_summary else None,
        is_request=False,
    )
    return options if options.title or options.summary or options.events else None


def requested_summary(
    recording: Recording, *, custom_prompt: str | None, system: SystemSettings
) -> TextOptions:
    """Reads `owner`."""
    return TextOptions(
        title=False,
        summary=True,
        events=recording.owner.extract_events and client.text_model() is not None,
        prompt=resolved_prompt(recording, system=system, custom=custom_prompt),
        is_request=True,
    )


def resolved_prompt(
    recording: Recording, *, system: SystemSettings, custom: str | None = None
) -> str | None:
    """Two queries at most. Reads `owner`."""
    prompt = _given(custom)
    if prompt is None:
        shelves = shelves_of(recording, system=system)
        prompt = (
            _joined(shelf for shelf in shelves if isinstance(shelf, Tag))
            or _joined(shelf for shelf in shelves if not isinstance(shelf, Tag))
            or _given(recording.owner.summary_prompt)
            or _given(system.admin_default_summary_prompt)
        )
    return fill(prompt, recording.prompt_variables) if prompt else None


def _joined(shelves: Iterable[Shelf]) -> str | None:
    prompts = (_given(shelf.custom_prompt) for shelf in shelves)
    return "\n\n".join(prompt for prompt in prompts if prompt) or None


def _given(text: str | None) -> str | None:
    return text.strip() if text and text.strip() else None
