"""The doctor on settings, bytes and room on this machine."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.core.cache import cache

from recordings import storage
from recordings.services.doctor.findings import Finding, ok, problem, warning
from recordings.services.health import in_time, write_where_uploads_go

SECONDS_TO_WRITE = 20.0
LOW_DISK_BYTES = 5 * 10**9
FULL_DISK_BYTES = 500 * 10**6


def configuration() -> Iterator[Finding]:
    """Django's system checks, but for those that ask the database."""
    messages = checks.run_checks()
    for message in messages:
        kind = problem if message.is_serious() else warning
        yield kind(" ".join(f"{message.msg} {message.hint or ''}".split()))
    if not messages:
        yield ok("The configuration makes sense.")


def counters() -> Iterator[Finding]:
    """Nothing without a Redis: then each web process counts for itself."""
    if not settings.REDIS_URL:
        return
    if cache.answers():
        yield ok("Redis answers: requests are counted there.")
    else:
        yield problem(
            "The Redis of REDIS_URL does not answer: requests are not counted and nobody is "
            "refused."
        )


def stored() -> Iterator[Finding]:
    in_time(write_where_uploads_go, SECONDS_TO_WRITE)
    in_time(_keep_and_read_back, SECONDS_TO_WRITE)
    yield ok("The storage keeps bytes and gives them back.")


def _keep_and_read_back() -> None:
    content = uuid.uuid4().bytes * 4096
    path = settings.FILE_UPLOAD_TEMP_DIR / f"doctor-{uuid.uuid4().hex}"
    try:
        path.write_bytes(content)
        key = storage.keep(path, path.name)
    finally:
        path.unlink(missing_ok=True)
    try:
        with storage.open_stored(key) as file:
            if file.read() != content:
                raise OSError("what was written is not what was read back")
    finally:
        storage.release(key)


def disk_space() -> Iterator[Finding]:
    """Once per file system, of the folders that grow."""
    seen = set()
    for folder in (settings.MEDIA_ROOT, settings.DATA_DIR, settings.SCRATCH_DIR):
        device = folder.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(folder).free
        sentence = f"{free / 10**9:.1f} GB are free in {folder}."
        if free < FULL_DISK_BYTES:
            yield problem(f"Only {sentence}")
        elif free < LOW_DISK_BYTES:
            yield warning(f"Only {sentence}")
        else:
            yield ok(sentence)
