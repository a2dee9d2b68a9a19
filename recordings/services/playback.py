"""The stored audio of a recording as something to send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO

from recordings import storage
from recordings.models import Recording
from speakr_site.core.errors import NotFound

FALLBACK_TYPE = "audio/mpeg"


@dataclass(frozen=True, slots=True)
class StoredAudio:
    """`etag`: quoted. Stored bytes never change under their key, so the key makes the tag."""

    file: IO[bytes]
    size_bytes: int
    modified: datetime
    etag: str
    mime_type: str
    filename: str


def open_audio(recording: Recording) -> StoredAudio:
    """Raises NotFound with the reason: deleted, never stored, or gone from storage."""
    key = recording.audio_key
    if not key:
        raise NotFound("Audio has been deleted" if recording.audio_deleted_at else "No audio file")
    try:
        file = storage.open_stored(key)
        return StoredAudio(
            file=file,
            size_bytes=storage.stored_size(key),
            modified=storage.stored_at(key),
            etag=f'"{PurePosixPath(key).stem}"',
            mime_type=recording.mime_type or FALLBACK_TYPE,
            filename=_filename(recording),
        )
    except FileNotFoundError:
        raise NotFound("Audio file not found") from None


def _filename(recording: Recording) -> str:
    """The uploaded name, with the extension of what is stored: of a video, that may be audio."""
    name = recording.original_filename or f"recording-{recording.pk}"
    stored = PurePosixPath(recording.audio_key).suffix
    if recording.keep_audio_only and stored and not name.lower().endswith(stored):
        name = f"{PurePosixPath(name).stem}{stored}"
    return name
