"""What a run over the texts of a recording is told to do, and whose prompt counts.

Order of precedence (incumbent-behaviour.md, 3.3): the request; the prompts of the recording's tags,
in their order and together; its folder's; its owner's; the operator's; the built-in one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from organizing.models import Shelf, Tag
from recordings.llm import client
from recordings.llm.prompts import Context, fill
from recordings.models import Recording
from recordings.pipeline.options import shelves_of
from speakr_site.core.system import SystemSettings

# In this order: a title is made with the help of the summary where the transcript is long.
WORK = ("summary", "title", "events")


@dataclass(frozen=True, slots=True)
class TextOptions:
    """`prompt`: what the summary should look at, its variables filled in; None: the built-in one.
    `is_request`: somebody asked for the summary. `replaces`: digest of the summary that a person
    had written when it was asked for; no other of theirs may be replaced. `done`: what need not be
    done again, with the warnings of each. Two jobs with the same prompt for a summary are the same
    work.
    """

    title: bool
    summary: bool
    events: bool
    prompt: str | None
    is_request: bool
    replaces: str | None = None
    done: Mapping[str, list[str]] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        return asdict(self)

    def warnings(self) -> list[str]:
        # A database may keep the keys in another order.
        return [sentence for work in WORK for sentence in self.done.get(work, ())]

    @property
    def owes_summary(self) -> bool:
        """Whether one is wanted of which it is not known yet what came of it."""
        return self.summary and "summary" not in self.done

    def joined(self, other: TextOptions) -> TextOptions:
        """What both want of a new transcript, of which nothing is done; the prompt of a request
        that still waits wins.
        """
        waits = self.is_request and self.owes_summary
        leading = self if waits else other
        return TextOptions(
            title=self.title or other.title,
            summary=leading.summary,
            events=self.events or other.events,
            prompt=leading.prompt,
            is_request=leading.is_request,
            replaces=leading.replaces,
        )

    def may_replace_summary(self, recording: Recording) -> bool:
        """What a person wrote goes only where somebody saw it and asked for another."""
        if not recording.has_hand_written_summary:
            return True
        return self.is_request and self.replaces == _digest(recording.summary)


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
        replaces=_digest(recording.summary) if recording.has_hand_written_summary else None,
    )


def context_of(recording: Recording) -> Context:
    """What a model is told about a recording besides its transcript. Reads `owner`."""
    return Context(
        title=None if recording.has_placeholder_title else recording.title,
        recorded_on=recorded_at(recording).date(),
        participants=recording.participants,
        owner_name=recording.owner.name,
        language=recording.owner.output_language,
    )


def zone_of(recording: Recording) -> ZoneInfo:
    """Reads `owner`."""
    return ZoneInfo(recording.owner.timezone or settings.TIME_ZONE)


def recorded_at(recording: Recording) -> datetime:
    """In its owner's zone. Reads `owner`."""
    moment = recording.meeting_date or recording.created_at
    try:
        return moment.astimezone(zone_of(recording))
    except OverflowError:
        # Of the first or the last day that there is, the other zone's is none.
        return moment


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


def _digest(text: str | None) -> str:
    return hashlib.sha256((text or "").encode()).hexdigest()


def _given(text: str | None) -> str | None:
    return text.strip() if text and text.strip() else None
