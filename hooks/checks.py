"""System checks: openings for private receivers that open nothing (http-contract.md, 0.1.39)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from hooks.addresses import LOCAL, Network

# What of a regular expression is no text: classes, counts, escapes that stand for a kind.
NO_TEXT = re.compile(r"\[[^\]]*\]|\{[^}]*\}|\\[A-Za-z]|\(\?[^):]*")
TEXT = re.compile(r"(?:[A-Za-z0-9_-]|\\[.-])+")
HOST = re.compile(r"(?:[a-z0-9_]|[a-z0-9_][a-z0-9_-]*[a-z0-9_])(?:\.[a-z0-9_-]+)*")
BEFORE = ("", "host", "host.")
AFTER = ("", "1.1", ".example.com")


@register
def check_hosts_are_matched_whole(**_: Any) -> list[CheckMessage]:
    pattern = settings.WEBHOOK_INTRANET_HOST_ALLOWLIST
    if pattern is None:
        return []
    return [
        Warning(
            f"WEBHOOK_INTRANET_HOST_ALLOWLIST must match a host's whole name: it finds {text!r} "
            f"in {host}, but does not allow that host.",
            hint="Write .* where the rest of the name may be, such as .*\\.local, or ^name$ where "
            "one host of that name is meant.",
            id="hooks.W001",
        )
        for text, host in _found_but_not_matched(pattern)
    ][:1]


@register
def check_local_ranges_are_named_too(**_: Any) -> list[CheckMessage]:
    if settings.WEBHOOK_INTRANET_HOST_ALLOWLIST is not None:
        return []
    local = [
        str(network) for network in settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS if _is_local(network)
    ]
    if not local:
        return []
    return [
        Warning(
            f"WEBHOOK_ALLOWED_PRIVATE_CIDRS opens nothing by {', '.join(local)}: this machine and "
            "its own link are reached only by hosts that are named, too.",
            hint="Set WEBHOOK_INTRANET_HOST_ALLOWLIST to the names of those hosts.",
            id="hooks.W002",
        )
    ]


def _found_but_not_matched(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Texts of the pattern that it finds inside the names of hosts, of which it allows none; each
    with one of those names.

    A text that is itself a name with a dot in it (n8n\\.lan) was meant as the whole; a single word
    (intranet) could be either.
    """
    for found in TEXT.findall(NO_TEXT.sub(" ", pattern.pattern)):
        text = found.replace("\\", "").lower()
        hosts = [before + text + after for before, after in product(BEFORE, AFTER)]
        hosts = [host for host in hosts if HOST.fullmatch(host) and "." in host]
        if any(map(pattern.fullmatch, hosts)):
            continue
        missed = next(filter(pattern.search, hosts), None)
        if missed is not None:
            yield text, missed


def _is_local(network: Network) -> bool:
    return any(
        network.version == local.version and network.subnet_of(local)  # type: ignore[arg-type]
        for local in LOCAL
    )
