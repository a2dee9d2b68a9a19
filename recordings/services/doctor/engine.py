"""The doctor on the engines: model files, the child, and a second of silence through all of it."""

from __future__ import annotations

import socket
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from recordings import engines
from recordings.connectors.base import TranscriptionCancelled, TranscriptionRequest
from recordings.connectors.faster_whisper import local_model
from recordings.connectors.weights import DEFAULT_MODEL, verify_default
from recordings.services.doctor.findings import Finding, guarded, ok, problem, told, warning
from speakers.diarization.embedder import verify_packaged
from speakr_site.core.system import SystemSettings

# Loading a large model from a slow disk is within it; downloading one may not be.
SECONDS_TO_LISTEN = 300.0
SECONDS_TO_CONNECT = 5.0
SILENCE_SECONDS = 1.0
SAMPLE_RATE = 16_000


def speech_model() -> Iterator[Finding]:
    if not _is_local():
        return
    if (local_model(settings.WHISPER_MODEL) or DEFAULT_MODEL) != DEFAULT_MODEL:
        yield ok("The speech model is the operator's choice; no checksum of it is known.")
        return
    try:
        verify_default(settings.MODELS_DIR)
    except FileNotFoundError:
        yield warning("The speech model is not put together yet: the next start does that.")
    else:
        yield ok("The speech model's checksum is right.")


def voice_model() -> Iterator[Finding]:
    if settings.DIARIZER != "embedded":
        return
    verify_packaged()
    yield ok("The voice model's checksum is right.")


def service() -> Iterator[Finding]:
    """Whether anything listens where the remote service should; it is asked nothing."""
    if _is_local():
        return
    try:
        address = urlsplit(settings.ASR_BASE_URL)
        host, port = address.hostname or "", address.port
    except ValueError:
        # What such an address is quoted with may be a part of its password.
        yield problem("The address of the transcription service (ASR_BASE_URL) is not one.")
        return
    port = port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), timeout=SECONDS_TO_CONNECT).close()
    except OSError as error:
        yield problem(f"The transcription service at {host}, port {port}: {told(error)}")
    else:
        yield ok(f"The transcription service listens at {host}, port {port}.")


def round_trip(system: SystemSettings) -> Iterator[Finding]:
    """A second of silence through the engine child, in this process's own one."""
    if not _is_local() and settings.DIARIZER == "none":
        return
    try:
        engines.ping()
        yield ok("The engine child starts and answers.")
        with tempfile.TemporaryDirectory(dir=settings.SCRATCH_DIR) as folder:
            wav = _silence(Path(folder) / "silence.wav")
            if _is_local():
                yield from guarded("speech engine", lambda: _transcribed(wav, system))
            if settings.DIARIZER != "none":
                yield from guarded("diarizer", lambda: _diarized(wav))
    finally:
        engines.close()


def _transcribed(wav: Path, system: SystemSettings) -> Iterator[Finding]:
    model = system.transcription_default_model or None
    request = TranscriptionRequest(wav, 0.0, SILENCE_SECONDS, model=model)
    started = time.monotonic()
    try:
        heard = engines.connector(system).transcribe(request, should_stop=_deadline())
    except TranscriptionCancelled:
        yield problem(f"The engine did not transcribe silence within {SECONDS_TO_LISTEN:.0f} s.")
        return
    took = time.monotonic() - started
    yield ok(f"The engine transcribed a second of silence with {heard.model} in {took:.1f} s.")


def _diarized(wav: Path) -> Iterator[Finding]:
    diarizer = engines.diarizer()
    assert diarizer is not None
    try:
        diarizer.diarize(wav, min_speakers=None, max_speakers=None, should_stop=_deadline())
    except TranscriptionCancelled:
        yield problem(f"The diarizer did not answer within {SECONDS_TO_LISTEN:.0f} s.")
        return
    yield ok(f"The diarizer ({diarizer.name}) listened to it too.")


def _deadline() -> Callable[[], bool]:
    give_up_at = time.monotonic() + SECONDS_TO_LISTEN
    return lambda: time.monotonic() > give_up_at


def _silence(path: Path) -> Path:
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(bytes(2 * int(SILENCE_SECONDS * SAMPLE_RATE)))
    return path


def _is_local() -> bool:
    return settings.TRANSCRIPTION_CONNECTOR == "faster_whisper"
