"""What the doctor says: a sentence with a level, whatever a check ends with, and never a secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import unquote

from django.conf import settings
from django.db import Error

from recordings.connectors.base import ConnectorError
from speakers.diarization.base import DiarizationError

# What a check may end with where a part is missing or broken.
FAILURES = (
    Error,
    OSError,
    ConnectorError,
    DiarizationError,
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


def ok(sentence: str) -> Finding:
    return Finding(Level.OK, sentence)


def warning(sentence: str) -> Finding:
    return Finding(Level.WARNING, sentence)


def problem(sentence: str) -> Finding:
    return Finding(Level.PROBLEM, sentence)


def age(delta: timedelta) -> str:
    """In the largest unit of which there is at least one and a half."""
    seconds = max(0.0, delta.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def guarded(name: str, check: Check) -> Iterator[Finding]:
    """What a check finds; that it failed is one more finding."""
    try:
        yield from check()
    except FAILURES as error:
        yield problem(f"The check of the {name} failed: {told(error)}")


def told(error: BaseException) -> str:
    """The first line of what an error says, without the passwords that it may repeat."""
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    for secret in _secrets():
        line = line.replace(secret, "***")
    return line.rstrip(".") + "."


def _secrets() -> list[str]:
    in_service_address = settings.ASR_BASE_URL.rpartition("@")[0].rpartition(":")[2]
    known = [
        settings.DATABASES["default"].get("PASSWORD"),
        settings.SECRET_KEY,
        *settings.SECRET_KEY_FALLBACKS,
        settings.ADMIN_PASSWORD,
        settings.TEXT_MODEL_API_KEY,
        settings.CHAT_MODEL_API_KEY,
        in_service_address,
        unquote(in_service_address),
    ]
    return [secret for secret in known if secret]
