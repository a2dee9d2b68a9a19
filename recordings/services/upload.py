"""A new recording: bytes first, then the row, the job and the news of both in one transaction."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from organizing.models import Folder, Tag
from recordings import events, storage
from recordings.audio import media
from recordings.models import Recording
from recordings.models.recording import placeholder_title
from recordings.pipeline.options import Hints, resolve
from recordings.services.filing import attach, target_folder, usable_tags
from recordings.services.processing import new_job
from speakr_site.core import system
from speakr_site.core.errors import (
    Busy,
    DiskFull,
    FeatureDisabled,
    InvalidInput,
    NotAllowed,
    NotFound,
    TooLarge,
)
from speakr_site.core.system import MEGABYTE, SystemSettings

EXTRACT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as it stands on disk, with what came along.

    `sha256`: of the bytes as sent. `tag_ids`, `folder_id`: as the caller named them; `tag_id`
    counts where none of `tag_ids` can be used. `warnings`: hints that were left out, a sentence
    each.
    """

    path: Path
    filename: str
    size_bytes: int
    sha256: str
    title: str | None = None
    notes: str | None = None
    meeting_date: datetime | None = None
    file_last_modified: datetime | None = None
    keep_audio_only: bool = False
    tag_ids: tuple[int, ...] = ()
    tag_id: int | None = None
    folder_id: int | None = None
    hints: Hints = Hints()
    prompt_variables: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreatedRecording:
    """`duplicate_of`: the oldest recording of the same owner with the same bytes. `warnings`: all
    that was left out.
    """

    recording: Recording
    warnings: tuple[str, ...]
    duplicate_of: Recording | None


@dataclass(frozen=True, slots=True)
class _Audio:
    """What will be stored."""

    path: Path
    mime_type: str
    extension: str
    size_bytes: int


def create_recording(*, by: User, upload: Upload) -> CreatedRecording:
    """Keeps the upload and queues its transcription. The file at `upload.path` may be moved away.

    Raises InvalidInput for what cannot be decoded, TooLarge over the limits of the system settings,
    Busy or DiskFull when the server itself cannot take it now. After an error nothing of the upload
    is left.
    """
    policy = system.current()
    info = _probed(upload.path)
    drop_video = info.has_video and (upload.keep_audio_only or not settings.VIDEO_RETENTION)
    _check_size(upload.size_bytes, policy, audio_only=drop_video)
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as folder:
        if drop_video:
            audio = _extracted(upload.path, Path(folder), policy)
        else:
            audio = _Audio(upload.path, info.mime_type, info.extension, upload.size_bytes)
        key = storage.keep(audio.path, storage.new_key(owner_id=by.pk, extension=audio.extension))
    recording = Recording(
        owner=by,
        title=upload.title or placeholder_title(upload.filename),
        notes=upload.notes,
        meeting_date=upload.meeting_date
        or upload.file_last_modified
        or info.created_at
        or timezone.now(),
        prompt_variables=upload.prompt_variables,
        audio_key=key,
        original_filename=upload.filename,
        mime_type=audio.mime_type,
        size_bytes=audio.size_bytes,
        sha256=upload.sha256,
        duration_seconds=info.duration_seconds,
        keep_audio_only=upload.keep_audio_only or drop_video,
    )
    is_written = False
    try:
        with transaction.atomic():
            created = _write(recording, by=by, upload=upload, policy=policy)
            is_written = True
    except BaseException:
        # An error of the commit itself does not tell whether the row stands. A row without its
        # audio would be worse than a stray file, which the sweep finds.
        if not is_written:
            storage.release(key)
        raise
    return created


def body_limit(policy: SystemSettings) -> int:
    """The largest request body worth reading, in bytes: the larger limit, and room for the form's
    other fields.
    """
    megabytes = max(policy.max_file_size_mb, policy.max_audio_only_video_size_mb)
    return megabytes * MEGABYTE + settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def too_large(limit_mb: int, *, audio_only: bool) -> TooLarge:
    return TooLarge(
        f"File too large. Maximum size is {limit_mb} MB.",
        max_size_mb=limit_mb,
        effective_limit_mb=limit_mb,
        audio_only_mode=audio_only,
    )


def _write(
    recording: Recording, *, by: User, upload: Upload, policy: SystemSettings
) -> CreatedRecording:
    """T1: the recording, where it is filed, its work and the news of it."""
    tags, tag_warnings = _tags(upload, by=by)
    folder, folder_warnings = _folder(upload, by=by, policy=policy)
    shelves = [*tags, folder] if folder else tags
    options = resolve(upload.hints, owner=by, system=policy, shelves=shelves)
    duplicate = (
        Recording.objects.filter(owner=by, sha256=recording.sha256)
        .only("id", "title", "created_at")
        .order_by("id")
        .first()
    )
    recording.folder = folder
    recording.save()
    if tags:
        attach(recording, tags, by=by)
    new_job(recording=recording, by=by, hints=upload.hints, options=options)
    events.created(recording)
    warnings = (*upload.warnings, *tag_warnings, *folder_warnings)
    return CreatedRecording(recording, warnings, duplicate)


def _tags(upload: Upload, *, by: User) -> tuple[list[Tag], list[str]]:
    """Those that can be used, and a sentence for each of the others."""
    wanted = list(dict.fromkeys(upload.tag_ids))
    tags = usable_tags(wanted, by=by)
    if not tags and upload.tag_id is not None and upload.tag_id not in wanted:
        wanted.append(upload.tag_id)
        tags = usable_tags([upload.tag_id], by=by)
    usable = {tag.pk for tag in tags}
    return tags, [f"tag {pk} was not found and was left out" for pk in wanted if pk not in usable]


def _folder(upload: Upload, *, by: User, policy: SystemSettings) -> tuple[Folder | None, list[str]]:
    if upload.folder_id is None:
        return None, []
    try:
        return target_folder(upload.folder_id, by=by, policy=policy), []
    except FeatureDisabled as error:
        return None, [f"folder {upload.folder_id} was left out: {error}"]
    except (NotFound, NotAllowed):
        return None, [f"folder {upload.folder_id} was not found and was left out"]


def _probed(path: Path) -> media.MediaInfo:
    with _media_errors_told():
        return media.probe(path)


def _extracted(path: Path, folder: Path, policy: SystemSettings) -> _Audio:
    with _media_errors_told():
        audio = media.extract_audio(path, folder, deadline_seconds=EXTRACT_SECONDS)
    limit_mb = policy.max_file_size_mb
    if audio.size_bytes > limit_mb * MEGABYTE:
        megabytes = round(audio.size_bytes / MEGABYTE, 1)
        raise TooLarge(
            f"The extracted audio is {megabytes} MB. Maximum size is {limit_mb} MB.",
            max_size_mb=limit_mb,
            extracted_audio_mb=megabytes,
            audio_only_mode=True,
        )
    return _Audio(audio.path, audio.mime_type, audio.extension, audio.size_bytes)


def _check_size(size_bytes: int, policy: SystemSettings, *, audio_only: bool) -> None:
    limit_mb = policy.max_audio_only_video_size_mb if audio_only else policy.max_file_size_mb
    if size_bytes > limit_mb * MEGABYTE:
        raise too_large(limit_mb, audio_only=audio_only)


class _media_errors_told:
    """Turns a MediaError into the answer that the uploader gets."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, media.MediaError):
            if error.code == "disk_full":
                raise DiskFull from error
            if error.transient:
                raise Busy(str(error)) from error
            raise InvalidInput(str(error)) from error


def as_utc(milliseconds: int) -> datetime:
    """A browser's `lastModified`. Raises ValueError or OverflowError out of range."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
