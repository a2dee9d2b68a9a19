"""Calls of a language model that somebody waits for with a request open: not for long, and never so
many at once that no thread is left for the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from recordings.llm.client import Patience
from speakr_site.core.errors import Busy

WAIT_SECONDS = 60
RETRY_SECONDS = 10
TOO_MANY = "Too many requests wait for the language model; try again later"

# Of this process; http-contract.md, 0.1.35.
_places = threading.BoundedSemaphore(max(settings.WEB_THREADS // 2, 1))


@contextmanager
def place() -> Iterator[Patience]:
    """One of the half of the web threads that may wait for a model, with the patience for all calls
    that are made there. Raises Busy at once when none is free.
    """
    if not _places.acquire(blocking=False):
        raise Busy(TOO_MANY, retry_after=RETRY_SECONDS)
    try:
        yield Patience(WAIT_SECONDS, until=time.monotonic() + WAIT_SECONDS)
    finally:
        _places.release()
