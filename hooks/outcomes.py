"""What an attempt came to, and when the next is due (http-contract.md, 15.4 and 0.1.36). Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

# Of the pause before the next attempt, so that what failed together does not come back together.
JITTER = 0.2
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0
# Request Timeout, Too Many Requests
WORTH_REPEATING = (408, 429)


class Verdict(Enum):
    DELIVERED = "delivered"
    REPEAT = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status`, `preview`: of the reply. `error`: a sentence where there was none. `retry_after`:
    seconds that the receiver asks for.
    """

    verdict: Verdict
    status: int | None = None
    preview: str | None = None
    error: str | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.verdict.value} ({self.status or self.error})"


def verdict_on(status: int) -> Verdict:
    """Of a reply's HTTP status, of which any number may come."""
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in WORTH_REPEATING or 500 <= status < 600:
        return Verdict.REPEAT
    return Verdict.REFUSED


def pause_after(
    attempts: int, *, ladder: Sequence[int], retry_after: float | None, chance: random.Random
) -> timedelta:
    """From the end of the last of so many attempts to the next. `ladder`: seconds before each
    attempt, of which the last counts for all that follow.
    """
    step = ladder[min(attempts, len(ladder) - 1)] * (1 + chance.uniform(0, JITTER))
    return timedelta(seconds=max(step, min(retry_after or 0, LONGEST_RETRY_AFTER_SECONDS)))
