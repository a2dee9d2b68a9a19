"""Failed attempts to authenticate, counted by address (contract 0.1, 23).

`limit`: so many a minute are let through; `group`: what they are counted for.
"""

from __future__ import annotations

from django.http import HttpRequest
from django_ratelimit.core import get_usage

from speakr_site.core.addresses import client_address

FAILURES_A_MINUTE = 60
# Group of every guess at a person's password: pages and console together.
PASSWORDS = "passwords"
PERIOD_SECONDS = 60


def failed(request: HttpRequest, group: str, *, limit: int = FAILURES_A_MINUTE) -> int | None:
    """Counts a failure; seconds to wait once there are too many."""
    return _wait(request, group, limit, increment=True)


def must_wait(request: HttpRequest, group: str, *, limit: int = FAILURES_A_MINUTE) -> int | None:
    """Seconds to wait where the next failure would be one too many. Counts nothing."""
    return _wait(request, group, limit, increment=False)


def _wait(request: HttpRequest, group: str, limit: int, *, increment: bool) -> int | None:
    usage = get_usage(
        request,
        group=f"failed {group}",
        key=lambda _group, sent: client_address(sent),
        rate=(limit, PERIOD_SECONDS),
        increment=increment,
    )
    if usage is None:
        return None
    over = usage["count"] > usage["limit"] - (0 if increment else 1)
    return max(1, usage["time_left"]) if over else None
