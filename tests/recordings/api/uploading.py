"""Bytes and forms for the tests of the API: tiny recordings, multipart bodies written by hand."""

from __future__ import annotations

import io
import struct
import wave
from typing import Any

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.response import Response
from rest_framework.test import APIClient

UPLOAD = "/api/v1/recordings/upload"
BOUNDARY = "a-boundary-of-ours"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
RATE = 8_000


def wav(seconds: float = 0.2, *, level: float = 0.3) -> bytes:
    """Mono 16-bit PCM with a 440 Hz tone; `level` 0 is silence."""
    times = np.arange(round(seconds * RATE)) / RATE
    samples = (level * 32_767 * np.sin(2 * np.pi * 440 * times)).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def wav_of_unknown_codec() -> bytes:
    """A well-formed WAV whose format tag belongs to nobody."""
    data = bytearray(wav())
    data[20:22] = struct.pack("<H", 0x7E57)
    return bytes(data)


def upload(
    client: APIClient, data: bytes | None = None, name: str = "meeting.wav", **fields: Any
) -> Response:
    """Posts a file (a tiny WAV unless given) with form fields; `file` last, as most clients do."""
    file = SimpleUploadedFile(name, wav() if data is None else data)
    return client.post(UPLOAD, {**fields, "file": file}, format="multipart")


def file_part(data: bytes, disposition: str = 'filename="meeting.wav"') -> bytes:
    """One part named `file`; `disposition` is what follows its name in the header, as sent."""
    header = f'Content-Disposition: form-data; name="file"; {disposition}\r\n'
    return header.encode() + b"Content-Type: audio/wav\r\n\r\n" + data


def field_part(name: str, value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value


def form(*parts: bytes, closed: bool = True) -> bytes:
    """A multipart body; `closed` False leaves the final boundary out."""
    line = f"--{BOUNDARY}\r\n".encode()
    body = b"".join(line + part + b"\r\n" for part in parts)
    return body + f"--{BOUNDARY}--\r\n".encode() if closed else body


def post_body(
    client: APIClient,
    body: bytes,
    *,
    announced: int | None = None,
    content_type: str = CONTENT_TYPE,
) -> Response:
    """Posts a body as it is. `announced`: the Content-Length, where it is not the body's."""
    length = len(body) if announced is None else announced
    # Django's own stand-in for a socket fails when more is read than was sent.
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(length)}
    return client.generic("POST", UPLOAD, body, content_type=content_type, **environ)
