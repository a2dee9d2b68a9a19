"""The only reader of the process environment: typed, and refusing nonsense at start.

An empty variable counts as not given, so that a compose file may list every name. `NAME_FILE` may
hold the path of a file with the value, for every name read by `secret` (Docker and systemd hand
secrets over as files).
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off"}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(
    name: str, default: int | None, *, minimum: int = 0, maximum: int = 2**31
) -> int | None:
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(f"{name} must be between {minimum} and {maximum}, not {number}.")
    return number


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = text(name, default).lower()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def zone(name: str, default: str) -> str:
    """The IANA name of a time zone."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"{name} (or TZ) must be a time zone such as Europe/Berlin, not {value!r}."
        ) from None
    return value


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def integers(name: str, default: str, *, maximum: int = 2**31) -> list[int]:
    """A comma-separated list of whole numbers of 0 or more, at least one."""
    try:
        numbers = [int(item) for item in items(name, default)]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or max(numbers) > maximum:
        raise ImproperlyConfigured(
            f"{name} must be whole numbers of at most {maximum} with commas between them, "
            f"such as {default}."
        )
    return numbers


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """A comma-separated list of address ranges, such as 192.168.1.0/24."""
    try:
        return [ip_network(item) for item in items(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}.") from None


def pattern(name: str) -> re.Pattern[str] | None:
    """A regular expression; None when it is not given."""
    value = text(name)
    try:
        return re.compile(value, re.IGNORECASE) if value else None
    except re.error as error:
        raise ImproperlyConfigured(f"{name} is no regular expression: {error}.") from None


def rate(name: str, default: str) -> tuple[int, int]:
    """How many in how many seconds, written as 60/minute, 60/m, 1000/h or 5/10s."""
    value = text(name, default).lower()
    found = re.fullmatch(r"(\d{1,9})/(\d{0,5})(s|m|h|d|sec|second|min|minute|hour|day)", value)
    count, times, unit = found.groups() if found else ("", "", "")
    seconds = int(times or 1) * SECONDS.get(unit[:1], 0)
    if not seconds or not int(count):
        raise ImproperlyConfigured(f"{name} must be a rate such as {default}, not {value!r}.")
    return int(count), seconds


def secret(name: str) -> str:
    """The value of NAME, or the content of the file that NAME_FILE names."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE cannot be read: {error.strerror or error}."
        ) from None


def kept_secret(path: Path) -> str:
    """The secret kept in a file of mode 0600, made on first use.

    Several processes may start at once: the file is linked into place whole, so all of them read
    the same one.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def everything() -> dict[str, str]:
    """A copy of the environment, for a child process that filters what it passes on."""
    return dict(os.environ)


def name_settings() -> None:
    """Tells Django where its settings are, where neither manage.py nor wsgi.py did."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "speakr_site.settings")
