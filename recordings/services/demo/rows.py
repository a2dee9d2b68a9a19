"""Unsaved rows of one demo recording: what its number says, dated back from now."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from organizing.models import Folder, Tag
from recordings.models import Recording, RecordingSpeaker, RecordingTag, Transcript
from recordings.services.demo.texts import (
    FOLDERS,
    PEOPLE,
    TAGS,
    Conversation,
    conversation,
)
from speakers.models import Speaker

ENGINE, MODEL = "faster_whisper", "small"
DAYS_BACK = 730
WORKING_HOURS = range(8, 18)
AUDIO_KEPT_DAYS = 30
# extension: (MIME type, bytes a second)
FILES = {
    ".m4a": ("audio/mp4", 8_000),
    ".mp3": ("audio/mpeg", 16_000),
    ".flac": ("audio/flac", 40_000),
}
FAILED_SHARE = 0.04
FAILURES = {
    "undecodable": "This file could not be read as audio.",
    "time_limit": "The work took longer than a job may.",
}


@dataclass(frozen=True, slots=True)
class Shelves:
    """What recordings are filed under, saved and of one owner. `speakers`: by name."""

    tags: list[Tag]
    folders: list[Folder]
    speakers: dict[str, Speaker]


@dataclass(frozen=True, slots=True)
class Draft:
    """Rows that point at one another; `transcript` is None where transcription failed."""

    recording: Recording
    transcript: Transcript | None
    speakers: list[RecordingSpeaker]
    tags: list[RecordingTag]


def fingerprint(number: int) -> str:
    """By which a demo recording is known again: its SHA-256."""
    return hashlib.sha256(f"Speakr demo recording {number}".encode()).hexdigest()


def uploaded_at(number: int, now: datetime) -> datetime:
    """A working hour of the two years before `now`."""
    chance = random.Random(f"date {number}")
    day = now - timedelta(days=chance.randint(1, DAYS_BACK))
    # Nobody meets on a Saturday or a Sunday.
    day -= timedelta(days=max(0, day.weekday() - 4))
    return day.replace(
        hour=chance.choice(WORKING_HOURS),
        minute=chance.randrange(60),
        second=chance.randrange(60),
        microsecond=0,
    )


def draft(number: int, *, owner: User, shelves: Shelves, now: datetime, text_bytes: int) -> Draft:
    """The same for the same number, but for its dates."""
    chance = random.Random(f"recording {number}")
    said = conversation(chance, text_bytes=text_bytes)
    is_failed = chance.random() < FAILED_SHARE
    recording = Recording(
        owner=owner,
        sha256=fingerprint(number),
        created_at=uploaded_at(number, now),
        prompt_variables={},
        **_file(chance, number, said, now),
        **_about(chance, said),
        folder=chance.choice([None, *shelves.folders]),
        **(_failure(chance) if is_failed else _success(chance, said)),
    )
    if recording.status == Recording.Status.COMPLETED:
        recording.completed_at = recording.created_at + timedelta(seconds=said.seconds / 8 + 60)
    tags = [
        RecordingTag(recording=recording, tag=tag, position=position, added_by=owner)
        for position, tag in enumerate(chance.sample(shelves.tags, chance.choice((0, 1, 1, 2, 3))))
    ]
    if is_failed:
        return Draft(recording, None, [], tags)
    transcript = Transcript(
        recording=recording,
        number=1,
        segments=said.segments,
        language=said.language,
        engine=ENGINE,
        model=MODEL,
    )
    speakers = [
        RecordingSpeaker(
            transcript=transcript,
            label=label,
            speaker=shelves.speakers[name] if name else None,
            talk_seconds=round(said.talk_seconds[label], 2),
        )
        for label, name in said.voices.items()
    ]
    return Draft(recording, transcript, speakers, tags)


def unsaved_shelves(owner: User) -> Shelves:
    return Shelves(
        tags=[Tag(owner=owner, name=name, color=color) for name, color in TAGS.items()],
        folders=[Folder(owner=owner, name=name, color=color) for name, color in FOLDERS.items()],
        speakers={name: Speaker(owner=owner, name=name) for name in PEOPLE},
    )


def _file(chance: random.Random, number: int, said: Conversation, now: datetime) -> dict[str, Any]:
    """An upload whose audio was deleted since."""
    extension = chance.choice(list(FILES))
    mime_type, bytes_a_second = FILES[extension]
    kept_until = uploaded_at(number, now) + timedelta(days=AUDIO_KEPT_DAYS)
    return {
        "original_filename": f"meeting-{number:06d}{extension}",
        "mime_type": mime_type,
        "size_bytes": round(said.seconds * bytes_a_second),
        "duration_seconds": said.seconds,
        "audio_key": "",
        "audio_deleted_at": min(kept_until, now),
    }


def _about(chance: random.Random, said: Conversation) -> dict[str, Any]:
    names = [name for name in said.voices.values() if name]
    return {
        "title": said.title,
        "participants": ", ".join(names),
        "notes": "To be sent to everybody." if chance.random() < 0.15 else None,
        "is_inbox": chance.random() < 0.4,
        "is_highlighted": chance.random() < 0.08,
        "deletion_exempt": chance.random() < 0.02,
    }


def _success(chance: random.Random, said: Conversation) -> dict[str, Any]:
    points = chance.sample(said.segments, min(3, len(said.segments)))
    summary = "\n".join(["## What was said", *(f"- {point['text']}" for point in points)])
    transcription_seconds = round(said.seconds / chance.uniform(6, 12), 1)
    return {
        "status": Recording.Status.COMPLETED,
        "summary": summary if chance.random() < 0.9 else None,
        "transcription_seconds": transcription_seconds,
        "summarization_seconds": round(chance.uniform(2, 20), 1),
        "processing_seconds": round(transcription_seconds * 1.3, 1),
    }


def _failure(chance: random.Random) -> dict[str, Any]:
    code = chance.choice(list(FAILURES))
    return {
        "status": Recording.Status.FAILED,
        "error_code": code,
        "error_message": FAILURES[code],
    }
