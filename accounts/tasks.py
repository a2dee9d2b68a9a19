"""What the bell `mail`, and the clock each minute, run."""

from __future__ import annotations

import time

from accounts.services import answer_requests
from speakr_site.core.queue import ring, stopping

MAIL_SECONDS = 20


def work(bell: str) -> None:
    """Sends the mails that are due; ends before django-q2 would end it, and rings for the rest."""
    deadline = time.monotonic() + MAIL_SECONDS
    if answer_requests(should_stop=lambda: stopping() or time.monotonic() > deadline):
        ring(bell)
