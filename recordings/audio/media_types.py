"""What `media.py` gives and raises. Import these from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from recordings.audio import formats
from speakr_site.core.limits import LAST_YEAR

SENTENCES = {
    "empty": "The file is empty.",
    "undecodable": "The file is damaged, or not audio or video of a known format.",
    "no_audio": "The file contains no audio.",
    "unknown_codec": "The audio in the file is of a kind that cannot be decoded.",
    "too_complex": "Reading the file takes more memory or computing time than is allowed.",
    "too_long": "The recording is longer than 24 hours.",
    "cannot_extract": "The audio of this video cannot be stored on its own.",
    "timeout": "Reading the file took too long.",
    "disk_full": "There is no space left to work on the file.",
    "interrupted": "Reading the file was interrupted.",
    "helper_failed": "The media reader could not be started.",
}
_TRANSIENT = {"timeout", "disk_full", "interrupted", "helper_failed"}


class MediaError(Exception):
    """A file cannot be used, or (`transient`) the machine could not do the work just now.

    `code` is a key of `SENTENCES`; the message is its sentence, fit for the owner of the file.
    """

    def __init__(self, code: str) -> None:
        super().__init__(SENTENCES[code])
        self.code = code
        self.transient = code in _TRANSIENT


class MediaCancelled(Exception):
    """`should_stop()` said so; the child is gone."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file is, judged by its bytes. A cover picture is not video.

    `duration_seconds`: as the container says, None where it does not. `created_at`: aware, UTC.
    `mime_type` and `extension` (with the dot) come from our own table, never from the upload.
    """

    container: str
    audio_codec: str
    duration_seconds: float | None
    sample_rate: int
    channels: int
    has_video: bool
    created_at: datetime | None
    mime_type: str
    extension: str


@dataclass(frozen=True, slots=True)
class ExtractedAudio:
    """The audio stream of a video in a file of its own."""

    path: Path
    mime_type: str
    extension: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WavInfo:
    """What decoding gave.

    `loudness`: float32, shape (n,), the root mean square of each 10 ms, in [0, 1].
    `truncated`: the file ends earlier than it says, or breaks off in a packet that does not decode.
    `skipped_packets`: how many packets did not decode.
    """

    duration_seconds: float
    truncated: bool
    skipped_packets: int
    loudness: np.ndarray = field(repr=False)


def media_info(result: dict[str, Any]) -> MediaInfo:
    """Builds it from what the child said, which is not to be trusted further than its types."""
    has_video = bool(result["has_video"])
    naming = formats.CONTAINERS[result["container"]].naming(has_video=has_video)
    duration = result["duration_seconds"]
    return MediaInfo(
        container=result["container"],
        audio_codec=str(result["audio_codec"]),
        duration_seconds=None if duration is None else float(duration),
        sample_rate=int(result["sample_rate"]),
        channels=int(result["channels"]),
        has_video=has_video,
        created_at=_created_at(result["created_at"]),
        mime_type=naming.mime_type,
        extension=naming.extension,
    )


def _created_at(text: str | None) -> datetime | None:
    """The container's creation tag, if it is a whole time stamp of a clock that was ever set."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if len(text or "") < len("2024-05-01T12:30") or not 1971 <= moment.year <= LAST_YEAR:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
