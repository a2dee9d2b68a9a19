"""What the system checks notice about openings for private receivers."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.checks import run_checks


def problems() -> list[str | None]:
    return [problem.id for problem in run_checks()]


def opened(settings: Any, pattern: str | None, *ranges: str) -> None:
    compiled = re.compile(pattern, re.IGNORECASE) if pattern else None
    settings.WEBHOOK_INTRANET_HOST_ALLOWLIST = compiled
    settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = [ip_network(network) for network in ranges]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\.local$",
        r"\.(lan|local)$",
        r"\.internal",
        r"^192\.168\.",
        r"^10\.",
        "intranet",
        "n8n",
        "n8n|flows",
        r".*\.lan|intranet",
        r"(n8n|flows)\.lan|\.local$",
        "INTRANET",
        r"\.home\.arpa$",
        "corp-",
    ],
)
def test_a_pattern_that_was_written_for_searching_is_a_warning(settings: Any, pattern: str) -> None:
    opened(settings, pattern)
    assert problems() == ["hooks.W001"]


@pytest.mark.parametrize(
    "pattern",
    [
        None,
        ".*",
        r".*\.local",
        r".+\.(lan|local)",
        r"(.+\.)?lan",
        r"n8n\.lan",
        r"n8n\.lan$",
        r"^n8n$",
        r"^(n8n|flows)$",
        r"(n8n|flows)\.lan",
        ".*intranet.*",
        r"[a-z0-9-]+\.home\.arpa",
        r"\w+\.internal",
        r"192\.168\.\d{1,3}\.\d{1,3}",
        r"(?:n8n|flows)\.corp\.example",
        r"10\.0\.0\.5",
        r"(?i).*\.LAN",
        r"[a-z0-9-]+",
        r"\w{2,9}",
        r"node-[0-9]+\.lan",
    ],
)
def test_a_pattern_of_whole_names_is_none(settings: Any, pattern: str | None) -> None:
    opened(settings, pattern)
    assert problems() == []


@pytest.mark.parametrize(
    ("pattern", "network", "expected"),
    [
        (None, "127.0.0.0/8", ["hooks.W002"]),
        (None, "::1/128", ["hooks.W002"]),
        (None, "169.254.7.0/24", ["hooks.W002"]),
        (None, "fe80::/64", ["hooks.W002"]),
        (".*", "127.0.0.0/8", []),
        (None, "192.168.0.0/16", []),
        (None, "fd00::/8", []),
        (None, "0.0.0.0/0", []),
    ],
)
def test_a_local_range_without_a_name_is_a_warning(
    settings: Any, pattern: str | None, network: str, expected: list[str]
) -> None:
    opened(settings, pattern, network)
    assert problems() == expected


def test_the_warning_shows_what_it_means(settings: Any) -> None:
    opened(settings, r"\.local$")
    (warning,) = run_checks()
    assert "'.local' in host.local" in warning.msg
    assert r".*\.local" in (warning.hint or "")
