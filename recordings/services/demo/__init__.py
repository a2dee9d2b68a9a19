"""Fills an account with recordings of a made-up firm, to try things out and to measure speed.

All of them are at rest, COMPLETED or FAILED: a running server has nothing to do with them.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts.models import User
from organizing.models import Folder, Tag
from recordings import storage
from recordings.models import Recording, RecordingSpeaker, RecordingTag, Transcript
from recordings.services.demo import rows
from recordings.services.demo.rows import Draft, Shelves
from recordings.services.demo.webhooks import add_webhooks
from speakers.models import Speaker

# One transaction: a running server waits no longer than a moment for its turn to write.
BATCH = 200
SAMPLE_RATE, SAMPLE_BYTES = 8_000, 2
WAV_HEADER = struct.Struct("<4sI8sIHHIIHH4sI")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`recordings`: how many the owner shall have. `with_audio`: of how many of the new ones, the
    latest first, audio is stored: silence as long as the conversation.
    """

    recordings: int
    text_bytes: int
    with_audio: int


def seed_demo(*, owner: User, wanted: Wanted, on_progress: Callable[[int, int], None]) -> int:
    """Makes those that are missing of the first `wanted.recordings` demo recordings; how many.

    A demo recording is known by its SHA-256, so a second run makes only what was deleted since or
    is asked for on top; so it is with the webhooks. `on_progress` gets (made, to be made).
    """
    now = timezone.now()
    missing = missing_numbers(owner, wanted.recordings)
    dates = {number: rows.uploaded_at(number, now) for number in missing}
    audible = set(heapq.nlargest(wanted.with_audio, dates, key=dates.__getitem__))
    shelves = _shelves(owner)
    for start in range(0, len(missing), BATCH):
        on_progress(start, len(missing))
        numbers = missing[start : start + BATCH]
        drafts = [
            rows.draft(number, owner=owner, shelves=shelves, now=now, text_bytes=wanted.text_bytes)
            for number in numbers
        ]
        with_audio = [
            draft.recording
            for number, draft in zip(numbers, drafts, strict=True)
            if number in audible
        ]
        with _stored_silence(with_audio), transaction.atomic():
            _write(drafts)
    add_webhooks(owner, now)
    on_progress(len(missing), len(missing))
    return len(missing)


def missing_numbers(owner: User, recordings: int) -> list[int]:
    """Numbers of the demo recordings that the owner does not have. One query."""
    there = set(Recording.objects.filter(owner=owner).values_list("sha256", flat=True))
    return [number for number in range(recordings) if rows.fingerprint(number) not in there]


def _shelves(owner: User) -> Shelves:
    """Tags, folders and speakers of the demo's names; those that the owner has are left as they
    are.
    """
    unsaved = rows.unsaved_shelves(owner)
    tags, folders = {tag.name for tag in unsaved.tags}, {folder.name for folder in unsaved.folders}
    Tag.objects.bulk_create(unsaved.tags, ignore_conflicts=True)
    Folder.objects.bulk_create(unsaved.folders, ignore_conflicts=True)
    Speaker.objects.bulk_create(unsaved.speakers.values(), ignore_conflicts=True)
    speakers = Speaker.objects.filter(owner=owner, name__in=unsaved.speakers)
    return Shelves(
        tags=list(Tag.objects.filter(owner=owner, name__in=tags).order_by("name")),
        folders=list(Folder.objects.filter(owner=owner, name__in=folders).order_by("name")),
        speakers={speaker.name: speaker for speaker in speakers},
    )


def _write(drafts: list[Draft]) -> None:
    recordings = Recording.objects.bulk_create(draft.recording for draft in drafts)
    Transcript.objects.bulk_create(draft.transcript for draft in drafts if draft.transcript)
    RecordingSpeaker.objects.bulk_create(row for draft in drafts for row in draft.speakers)
    RecordingTag.objects.bulk_create(row for draft in drafts for row in draft.tags)
    only_one = Transcript.objects.filter(recording=OuterRef("pk")).values("pk")
    Recording.objects.filter(pk__in=[recording.pk for recording in recordings]).update(
        current_transcript=Subquery(only_one)
    )
    _count_uses(drafts)


def _count_uses(drafts: list[Draft]) -> None:
    uses: Counter[int] = Counter()
    last: dict[int, datetime] = {}
    for draft in drafts:
        for row in draft.speakers:
            if row.speaker_id is not None:
                uses[row.speaker_id] += 1
                at = draft.recording.created_at
                last[row.speaker_id] = max(last.get(row.speaker_id, at), at)
    for speaker_id, count in uses.items():
        at = last[speaker_id]
        Speaker.objects.filter(pk=speaker_id).update(
            use_count=F("use_count") + count,
            last_used_at=Greatest(Coalesce("last_used_at", at), at),
        )


@contextmanager
def _stored_silence(recordings: list[Recording]) -> Iterator[None]:
    """Audio for these unsaved recordings; taken back if writing them fails."""
    try:
        for recording in recordings:
            _store_silence(recording)
        yield
    except BaseException:
        for recording in recordings:
            storage.release(recording.audio_key)
        raise


def _store_silence(recording: Recording) -> None:
    """On a local disk a hole, which takes no room."""
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        path = Path(folder) / "silence.wav"
        data_bytes = round((recording.duration_seconds or 0) * SAMPLE_RATE) * SAMPLE_BYTES
        header = WAV_HEADER.pack(
            b"RIFF", WAV_HEADER.size - 8 + data_bytes, b"WAVEfmt ", 16, 1, 1, SAMPLE_RATE,
            SAMPLE_RATE * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES, b"data", data_bytes,
        )  # fmt: skip
        with path.open("wb") as file:
            file.write(header)
            file.truncate(WAV_HEADER.size + data_bytes)
        key = storage.new_key(owner_id=recording.owner_id, extension=".wav")
        recording.audio_key = storage.keep(path, key)
    recording.audio_deleted_at = None
    recording.mime_type = "audio/wav"
    recording.original_filename = f"{Path(recording.original_filename or '').stem}.wav"
    recording.size_bytes = WAV_HEADER.size + data_bytes
