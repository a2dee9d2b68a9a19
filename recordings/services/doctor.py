"""Looks at every part of an installation and says in sentences how it is; repairs nothing.

For the operator at the machine: names folders and hosts, but no secret.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
import uuid
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core import checks
from django.db import Error, connection
from django.db.migrations.exceptions import BadMigrationError, InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from recordings import engines, storage
from recordings.connectors.base import (
    ConnectorError,
    TranscriptionCancelled,
    TranscriptionRequest,
)
from recordings.connectors.faster_whisper import local_model
from recordings.connectors.weights import DEFAULT_MODEL, verify_default
from recordings.services.health import in_time, lane_names, write_where_uploads_go
from recordings.services.lanes import healthy_lanes
from speakers.diarization import embedder
from speakers.diarization.base import DiarizationError
from speakr_site.core import queue, system
from speakr_site.core.models import Canary

DATABASE_SECONDS = 5.0
STORAGE_SECONDS = 20.0
SERVICE_SECONDS = 5.0
# Loading a large model from a slow disk is within it, downloading one may not be.
ENGINE_SECONDS = 300.0
LOW_DISK_BYTES = 5 * 10**9
FULL_DISK_BYTES = 500 * 10**6
CLOCK_SECONDS = 5.0
SILENCE_SECONDS = 1.0
SAMPLE_RATE = 16_000
# Seconds since 1970, as the database's machine counts them.
DATABASE_CLOCK = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
}
# What a check may end with where a part is missing or broken.
FAILURES = (
    Error,
    OSError,
    ConnectorError,
    DiarizationError,
    TranscriptionCancelled,
    BadMigrationError,
    InconsistentMigrationHistory,
    ImportError,
    ValueError,
    RuntimeError,
)


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence`: one line without secrets."""

    level: Level
    sentence: str


Check = Callable[[], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Every finding as soon as it is known. A failed check is a finding and ends none after it."""
    yield from _guarded("configuration", configuration)
    database = list(_guarded("database", database_answers))
    yield from database
    has_database = all(finding.level is Level.OK for finding in database)
    if has_database:
        for name, check in DATABASE_CHECKS.items():
            yield from _guarded(name, check)
    else:
        yield _warning(f"Without the database not looked at: {', '.join(DATABASE_CHECKS)}.")
    for name, check in OTHER_CHECKS.items():
        yield from _guarded(name, check)
    values = _system_settings(from_database=has_database)
    yield from _guarded("engine", lambda: engine(values))


def _guarded(name: str, check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except FAILURES as error:
        yield _problem(f"The check of the {name} failed: {told(error)}")


def told(error: BaseException) -> str:
    """The first line of what an error says, without the passwords that it may repeat."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    for secret in _secrets():
        line = line.replace(secret, "***")
    return line.rstrip(".") + "."


def _secrets() -> list[str]:
    in_service_address = urlsplit(settings.ASR_BASE_URL).password or ""
    known = [
        settings.DATABASES["default"].get("PASSWORD"),
        settings.SECRET_KEY,
        *settings.SECRET_KEY_FALLBACKS,
        settings.ADMIN_PASSWORD,
        in_service_address,
        unquote(in_service_address),
    ]
    return [secret for secret in known if secret]


def configuration() -> Iterator[Finding]:
    """Django's system checks, but for those that ask the database."""
    messages = checks.run_checks()
    for message in messages:
        is_problem = message.is_serious()
        sentence = " ".join(filter(None, [message.msg, message.hint]))
        yield Finding(Level.PROBLEM if is_problem else Level.WARNING, sentence)
    if not messages:
        yield _ok("The configuration makes sense.")


def database_answers() -> Iterator[Finding]:
    in_time(_ask_for_one, DATABASE_SECONDS)
    yield _ok(f"The database answers ({connection.vendor}).")


def _ask_for_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        yield _problem(f"Of the migrations {missing} are not applied: run manage.py migrate.")
    else:
        yield _ok("Every migration is applied.")


def journal() -> Iterator[Finding]:
    """SQLite lets people read while somebody writes only with a write-ahead log."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        (mode,) = cursor.fetchone()
    if mode == "wal":
        yield _ok("SQLite keeps a write-ahead log.")
    else:
        yield _problem(
            f"SQLite's journal mode is {mode} and not WAL: is the database on a network share?"
        )


def broker() -> Iterator[Finding]:
    waiting = queue.waiting_messages()
    now = timezone.now()
    lanes = [
        f"{count} for {lane} (the oldest for {_age(now - oldest)})"
        for lane, (count, oldest) in waiting.items()
    ]
    yield _ok(f"The broker's table answers; messages that wait: {', '.join(lanes) or 'none'}.")


def lanes() -> Iterator[Finding]:
    healthy = healthy_lanes()
    stamped = dict(Canary.objects.values_list("lane", "stamped_at"))
    for lane in lane_names():
        at = stamped.get(lane)
        seen = f"its canary is {_age(timezone.now() - at)} old" if at else "it has no canary yet"
        if lane in healthy:
            yield _ok(f"The lane {lane} is alive; {seen}.")
        else:
            yield _problem(f"The lane {lane} takes no messages; {seen}. Is the server running?")


def clock() -> Iterator[Finding]:
    """Leases and canaries compare times that several machines wrote."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute(DATABASE_CLOCK[connection.vendor])
        (database,) = cursor.fetchone()
    ahead = float(database) - (before + time.time()) / 2
    if abs(ahead) <= CLOCK_SECONDS:
        yield _ok("The database's clock and this machine's agree.")
    else:
        yield _problem(
            f"The database's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
            "this machine's: set both by a time server."
        )


def stored_bytes() -> Iterator[Finding]:
    in_time(write_where_uploads_go, STORAGE_SECONDS)
    in_time(_keep_and_read_back, STORAGE_SECONDS)
    yield _ok("The storage keeps bytes and gives them back.")


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
            yield _problem(f"Only {sentence}")
        elif free < LOW_DISK_BYTES:
            yield _warning(f"Only {sentence}")
        else:
            yield _ok(sentence)


def speech_model() -> Iterator[Finding]:
    if settings.TRANSCRIPTION_CONNECTOR != "faster_whisper":
        return
    if (local_model(settings.WHISPER_MODEL) or DEFAULT_MODEL) != DEFAULT_MODEL:
        yield _ok("The speech model is the operator's choice; no checksum of it is known.")
        return
    try:
        verify_default(settings.MODELS_DIR)
    except FileNotFoundError:
        yield _warning("The speech model is not put together yet: the next start does that.")
    else:
        yield _ok("The speech model's checksum is right.")


def voice_model() -> Iterator[Finding]:
    if settings.DIARIZER != "embedded":
        return
    embedder.verify_packaged()
    yield _ok("The voice model's checksum is right.")


def engine(values: system.SystemSettings) -> Iterator[Finding]:
    """A second of silence through what transcribes and through what tells speakers apart."""
    try:
        if settings.TRANSCRIPTION_CONNECTOR == "asr_endpoint":
            yield from _guarded("transcription service", service_listens)
        if engines.needs_child():
            engines.ping()
            yield _ok("The engine child starts and answers.")
        with tempfile.TemporaryDirectory(dir=settings.SCRATCH_DIR) as folder:
            wav = _silence(Path(folder) / "silence.wav")
            yield from _guarded("speech engine", lambda: transcription(wav, values))
            yield from _guarded("diarizer", lambda: diarization(wav))
    finally:
        engines.close()


def service_listens() -> Iterator[Finding]:
    address = urlsplit(settings.ASR_BASE_URL)
    port = address.port or (443 if address.scheme == "https" else 80)
    with socket.create_connection((address.hostname or "", port), timeout=SERVICE_SECONDS):
        yield _ok(f"The transcription service listens at {address.hostname}, port {port}.")


def transcription(wav: Path, values: system.SystemSettings) -> Iterator[Finding]:
    if settings.TRANSCRIPTION_CONNECTOR != "faster_whisper":
        return
    started = time.monotonic()
    request = TranscriptionRequest(
        wav, 0.0, SILENCE_SECONDS, model=values.transcription_default_model or None
    )
    try:
        heard = engines.connector(values).transcribe(request, should_stop=_too_late())
    except TranscriptionCancelled:
        yield _problem(f"The engine did not transcribe silence within {ENGINE_SECONDS:.0f} s.")
        return
    took = time.monotonic() - started
    yield _ok(f"The engine listened to a second of silence with {heard.model} in {took:.1f} s.")


def diarization(wav: Path) -> Iterator[Finding]:
    diarizer = engines.diarizer()
    if diarizer is None:
        return
    try:
        diarizer.diarize(wav, min_speakers=None, max_speakers=None, should_stop=_too_late())
    except TranscriptionCancelled:
        yield _problem(f"The diarizer did not answer within {ENGINE_SECONDS:.0f} s.")
        return
    yield _ok(f"The diarizer ({diarizer.name}) listened to it too.")
