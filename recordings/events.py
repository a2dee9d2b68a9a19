"""What webhooks are told of recordings: a function for each event (http-contract.md, 15.6). Call it
in the transaction of the change, after it; before it, of a deletion.

Told are the webhooks of the recording's owner, whoever changed it. What somebody else keeps on it
for themselves is no event. Neither is a change to what many recordings have in common: a tag, a
folder, a known speaker or a group that is renamed or deleted would be one event for each of them,
thousands at once, and none of them would be about the recording.

Of what a recording says nothing is told but its title, as it stands when all that the transaction
wrote until then is counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from hooks import outbox
from hooks.event_types import EventType
from recordings.models import Recording

ERROR_LENGTH = 500
# What `updated` may name, in the order in which it does: fields as the API calls them.
FIELDS = (
    "title",
    "participants",
    "notes",
    "summary",
    "meeting_date",
    "is_inbox",
    "is_highlighted",
    "folder_id",
    "deletion_exempt",
    "tags",
    "speakers",
    "audio_available",
)

Facts = Mapping[str, Any]


def created(recording: Recording) -> None:
    facts = {
        "file_size": recording.size_bytes,
        "original_filename": recording.original_filename,
    }
    _tell(EventType.CREATED, [(recording, facts)])


def transcription_started(recording: Recording) -> None:
    """Each time that a worker begins."""
    _tell(EventType.TRANSCRIPTION_STARTED, [(recording, {})])


def transcription_completed(
    recording: Recording,
    *,
    language: str | None,
    audio_seconds: float | None,
    transcription_seconds: float | None,
) -> None:
    facts = {
        "language": language,
        "audio_duration_seconds": audio_seconds,
        "transcription_duration_seconds": transcription_seconds,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    _tell(EventType.TRANSCRIPTION_COMPLETED, [(recording, known)])


def transcription_failed(recording: Recording, error: str) -> None:
    """For good: it is not tried again by itself. `error`: a sentence for the owner."""
    _tell(EventType.TRANSCRIPTION_FAILED, [(recording, {"error": error[:ERROR_LENGTH]})])


def summary_completed(recording: Recording, *, seconds: float) -> None:
    _tell(EventType.SUMMARY_COMPLETED, [(recording, {"summarization_duration_seconds": seconds})])


def summary_failed(recording: Recording, error: str) -> None:
    """As `transcription_failed`."""
    _tell(EventType.SUMMARY_FAILED, [(recording, {"error": error[:ERROR_LENGTH]})])


def events_extracted(recording: Recording, count: int) -> None:
    """Nothing is told of none."""
    if count:
        _tell(EventType.EVENTS_EXTRACTED, [(recording, {"events_count": count})])


def updated(recording: Recording, fields: Collection[str]) -> None:
    """`fields`: those that were given, out of FIELDS, whether or not their values differ
    (http-contract.md, 8.8). Nothing is told of none.
    """
    updated_all([(recording, fields)])


def updated_all(changes: Iterable[tuple[Recording, Collection[str]]]) -> None:
    """As `updated`, an event for each; queries do not grow with their number."""
    _tell(
        EventType.UPDATED,
        [
            (recording, {"fields_changed": sorted(fields, key=FIELDS.index)})
            for recording, fields in changes
            if fields
        ],
    )


def deleted(recordings: Iterable[Recording]) -> None:
    """Call while they still stand. An event for each; queries do not grow with their number."""
    _tell(EventType.DELETED, [(recording, {}) for recording in recordings])


def _tell(event_type: EventType, about: Iterable[tuple[Recording, Facts]]) -> None:
    """A recording at most once in `about`, of which only id and owner are read."""
    by_owner: dict[int, dict[int, Facts]] = {}
    for recording, facts in about:
        by_owner.setdefault(recording.owner_id, {})[recording.pk] = facts
    for owner_id, each in by_owner.items():
        data = partial(_with_titles, each)
        outbox.publish_many(owner_id=owner_id, event_type=event_type, data=data)


def _with_titles(facts: Mapping[int, Facts]) -> list[Facts]:
    """Nothing for those that are gone. One query."""
    titles = dict(Recording.objects.filter(pk__in=facts).values_list("pk", "title"))
    return [
        {"recording_id": pk, "title": titles[pk], **more}
        for pk, more in facts.items()
        if pk in titles
    ]
