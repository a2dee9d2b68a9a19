"""Stored bytes behind Django's default storage: one door for keys, keeping, opening and releasing.

Keys hold no text of the user's. Bytes are kept before their row exists; a row goes before its bytes
do.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

PREFIX = "audio"


class _LocalFile(File):
    """A file that Django's file system storage may rename instead of copying."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def new_key(*, owner_id: int, extension: str) -> str:
    """`extension` with its dot, chosen by us and not taken from the upload's name."""
    now = timezone.now()
    return f"{PREFIX}/{owner_id}/{now:%Y}/{now:%m}/{uuid.uuid4().hex}{extension}"


def keep(path: Path, key: str) -> str:
    """Moves a local file into storage; gives its key there. On disk when this returns."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        kept = default_storage.save(key, _LocalFile(file, name=str(path)))
    local = local_path(kept)
    if local is not None:
        _sync_folder(local.parent)
    return kept


def release(key: str) -> None:
    """Deletes the bytes; without effect when they are gone."""
    default_storage.delete(key)


def exists(key: str) -> bool:
    return default_storage.exists(key)


def open_stored(key: str) -> IO[bytes]:
    """Raises FileNotFoundError when the bytes are gone."""
    return default_storage.open(key, "rb")


def stored_at(key: str) -> datetime:
    """When the bytes were last written. Raises FileNotFoundError when they are gone."""
    return default_storage.get_modified_time(key)


def stored_size(key: str) -> int:
    return default_storage.size(key)


def local_path(key: str) -> Path | None:
    """Where the bytes are on this machine's disk, or None for a remote storage."""
    try:
        return Path(default_storage.path(key))
    except NotImplementedError:
        return None


def materialize(key: str, scratch: Path) -> Path:
    """A local file with the bytes: the stored one where storage is local, else a copy in `scratch`.

    Raises FileNotFoundError when the bytes are gone.
    """
    path = local_path(key)
    if path is None:
        path = scratch / Path(key).name
        with default_storage.open(key, "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1024 * 1024)
    if not path.exists():
        raise FileNotFoundError(key)
    return path


def scratch_folder(claim: uuid.UUID) -> Path:
    """Where the worker that holds this claim keeps local files while it works."""
    return Path(settings.SCRATCH_DIR) / f"job-{claim}"


def stored_keys(folder: str = PREFIX) -> Iterator[str]:
    """Every key in storage, one folder listing at a time."""
    if not default_storage.exists(folder):
        return
    folders, files = default_storage.listdir(folder)
    for name in files:
        yield f"{folder}/{name}"
    for name in folders:
        yield from stored_keys(f"{folder}/{name}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
