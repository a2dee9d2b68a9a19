"""What the bell `deliveries`, and the clock each minute, run."""

from __future__ import annotations

import time

from hooks import pruning
from hooks.delivery import send_due
from speakr_site.core.queue import stopping

TIDY_SECONDS = 5


def work(bell: str) -> None:
    """Sends what is due."""
    send_due(should_stop=stopping)


def sweep() -> None:
    """Takes back what a lost worker held, prunes, sends what is due."""
    deadline = time.monotonic() + TIDY_SECONDS
    pruning.tidy(should_stop=lambda: stopping() or time.monotonic() > deadline)
    send_due(should_stop=stopping)
