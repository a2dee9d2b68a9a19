"""Failed attempts to authenticate, counted by address (contract 0.1, 23)."""

from __future__ import annotations

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from speakr_site.core.addresses import client_address

FAILURES_A_MINUTE = 60
PERIOD_SECONDS = 60


def failed(request: HttpRequest, group: str) -> int | None:
    """Counts a failure; seconds to wait once there are too many."""
    return _wait(request, group, increment=True)


def must_wait(request: HttpRequest, group: str) -> int | None:
    """Seconds to wait where the next failure would be one too many. Counts nothing."""
    return _wait(request, group, increment=False)


def _wait(request: HttpRequest, group: str, *, increment: bool) -> int | None:
    usage = get_usage(
        request,
        group=f"failed {group}",
        key=lambda _group, sent: client_address(sent),
        rate=(FAILURES_A_MINUTE, PERIOD_SECONDS),
        increment=increment,
    )
    if usage is None:
        return None
    over = usage["count"] > usage["limit"] - (0 if increment else 1)
    return max(1, usage["time_left"]) if over else None
