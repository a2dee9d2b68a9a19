"""A WhisperX-style HTTP service: one multipart POST to /asr, JSON segments back.

What goes over the wire, with the audio streamed from disk; asr_reply.py reads the answer.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import logging
import secrets
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

from recordings.audio.wav import wav_duration, wav_slice
from recordings.connectors.asr_reply import transcript
from recordings.connectors.base import (
    Capabilities,
    ConnectorError,
    Limits,
    OnProgress,
    ShouldStop,
    Transcript,
    TranscriptionCancelled,
    TranscriptionRequest,
)

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 15.0
SECONDS_BETWEEN_CHECKS = 0.4
SEND_BYTES = 1 << 18
LONGEST_REPLY_BYTES = 256 * 1024 * 1024
SHARE_OF_MAXIMUM = 0.8
TRY_AGAIN_STATUSES = frozenset({408, 425, 429})
SLACK_SECONDS = 0.05
_FLAG = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class AsrEndpointOptions:
    """`base_url` may hold user:password. `max_duration_seconds` matters with `chunking` only."""

    base_url: str
    timeout_seconds: float = 1800.0
    diarize: bool = True
    return_embeddings: bool = False
    chunking: bool = False
    max_duration_seconds: float = 7200.0
    model: str | None = None


class AsrEndpointConnector:
    """The service behind `base_url`."""

    name = "asr_endpoint"
    is_local = False
    capabilities = Capabilities(
        diarization=True,
        speaker_count_control=True,
        hotwords=True,
        initial_prompt=True,
        timestamps=True,
        language_detection=True,
        chunking=True,
    )

    def __init__(self, options: AsrEndpointOptions) -> None:
        address = urlsplit(options.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConnectorError(
                "The address of the transcription service is not an http(s) address.",
                code="misconfigured",
                permanent=True,
            )
        self._options = options
        self.limits = Limits(
            window_seconds=SHARE_OF_MAXIMUM * options.max_duration_seconds
            if options.chunking
            else None
        )

    def default_model(self) -> str | None:
        return self._options.model

    def close(self) -> None:
        """Nothing is kept open between windows."""

    def transcribe(
        self,
        request: TranscriptionRequest,
        *,
        should_stop: ShouldStop,
        on_progress: OnProgress | None = None,
    ) -> Transcript:
        """One window. Raises ConnectorError or TranscriptionCancelled."""
        model = request.model or self._options.model
        request = replace(request, diarize=request.diarize and self._options.diarize)
        with _window_file(request) as wav:
            exchange = _Exchange(self._options, self._query(request, model), wav)
            reply = exchange.run(should_stop)
        return transcript(reply, request=request, model=model or self.name)

    def _query(self, request: TranscriptionRequest, model: str | None) -> str:
        diarize = request.diarize
        fields = {
            "encode": "true",
            "task": "transcribe",
            "output": "json",
            "language": request.language,
            # Forks of the service disagree about the name; each ignores the other.
            "diarize": _FLAG[diarize],
            "enable_diarization": _FLAG[diarize],
            "return_speaker_embeddings": _FLAG[diarize and self._options.return_embeddings],
            "min_speakers": request.min_speakers if diarize else None,
            "max_speakers": request.max_speakers if diarize else None,
            "hotwords": request.hotwords,
            "initial_prompt": request.initial_prompt,
            "model": model,
        }
        return urlencode({name: value for name, value in fields.items() if value})


class _Exchange:
    """One POST in a thread of its own, so that it can be given up at any moment."""

    def __init__(self, options: AsrEndpointOptions, query: str, wav: Path) -> None:
        self._timeout_seconds = options.timeout_seconds
        self._wav = wav
        self._query = query
        address = urlsplit(options.base_url)
        self._path = address.path.rstrip("/") + "/asr"
        self._headers = {"Accept": "application/json"}
        if address.username is not None:
            pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._connection = _connection(address.scheme, address.hostname or "", address.port)
        self._status = 0
        self._body = b""
        self._failure: Exception | None = None
        self._given_up = threading.Event()

    def run(self, should_stop: ShouldStop) -> bytes:
        """The body of a good answer. Raises ConnectorError or TranscriptionCancelled."""
        give_up_at = time.monotonic() + self._timeout_seconds
        thread = threading.Thread(target=self._post, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                if should_stop():
                    raise TranscriptionCancelled
                if time.monotonic() >= give_up_at:
                    raise _unreachable("did not answer in the time allowed")
                thread.join(SECONDS_BETWEEN_CHECKS)
        finally:
            self._give_up()
        if self._failure is not None:
            logger.warning("transcription service: %s", self._failure)
            raise _unreachable("could not be reached") from self._failure
        self._raise_for_status()
        return self._body

    def _post(self) -> None:
        try:
            self._connection.connect()
            if self._given_up.is_set():
                return
            self._connection.sock.settimeout(self._timeout_seconds)
            with self._wav.open("rb") as audio:
                body = MultipartFile("audio_file", "audio.wav", audio)
                try:
                    self._connection.request(
                        "POST",
                        f"{self._path}?{self._query}",
                        body=body,
                        headers={
                            **self._headers,
                            "Content-Type": body.content_type,
                            "Content-Length": str(body.length),
                        },
                    )
                except (BrokenPipeError, ConnectionResetError):
                    # A service may refuse before it has read everything; its answer says why.
                    logger.info("transcription service stopped reading early")
                response = self._connection.getresponse()
            self._body = response.read(LONGEST_REPLY_BYTES)
            self._status = response.status
        except (OSError, http.client.HTTPException) as error:
            self._failure = error
        finally:
            self._connection.close()

    def _give_up(self) -> None:
        """Ends the exchange from outside; closing instead would not wake a blocked read."""
        self._given_up.set()
        sock = self._connection.sock
        if sock is not None:
            # Past the TLS layer, which is not safe to use from two threads.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _raise_for_status(self) -> None:
        status = self._status
        if status == http.client.OK:
            return
        logger.warning("transcription service answered %s: %.300r", status, self._body)
        temporary = status >= 500 or status in TRY_AGAIN_STATUSES
        raise ConnectorError(
            f"The transcription service answered with status {status}.",
            code="service_failed" if temporary else "service_refused",
            permanent=not temporary,
        )


class MultipartFile:
    """A multipart/form-data body with one file, read piece by piece. `length` is in bytes."""

    def __init__(self, field: str, filename: str, file: io.BufferedReader) -> None:
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; '
            f'filename="{filename}"\r\nContent-Type: audio/wav\r\n\r\n'
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        size_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.length = len(head) + size_bytes + len(tail)
        self._parts = [io.BytesIO(head), file, io.BytesIO(tail)]

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            while piece := part.read(SEND_BYTES):
                yield piece


@contextlib.contextmanager
def _window_file(request: TranscriptionRequest) -> Iterator[Path]:
    """A WAV with just the window: the recording itself where the window is all of it."""
    if request.start <= 0 and request.end >= wav_duration(request.wav) - SLACK_SECONDS:
        yield request.wav
        return
    with tempfile.TemporaryDirectory(prefix="window-") as folder:
        target = Path(folder) / "window.wav"
        wav_slice(request.wav, target, request.start, request.end)
        yield target


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(
            host, port, timeout=CONNECT_SECONDS, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)


def _unreachable(what: str) -> ConnectorError:
    return ConnectorError(
        f"The transcription service {what}.", code="service_unreachable", permanent=False
    )
