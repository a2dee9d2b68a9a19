"""Whether database, storage and lanes do their work, as /readyz tells it and `doctor` builds on.

What is said here is for strangers too: no name of a host, no path, no version.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.conf import settings
from django.db import Error, connections

from recordings.services.lanes import healthy_lanes

logger = logging.getLogger(__name__)

OK = "ok"
SECONDS_TO_ANSWER = 2.0
# Of questions that hang, so that asking again and again does not fill the process with threads.
THREADS = 4

T = TypeVar("T")
_slots = threading.BoundedSemaphore(THREADS)


def readiness() -> dict[str, str]:
    """Each part with "ok" or what is wrong with it; within about twice SECONDS_TO_ANSWER."""
    return {**_database_and_lanes(), "storage": _storage()}


def lane_names() -> list[str]:
    return [settings.Q_CLUSTER["name"], *settings.Q_CLUSTER["ALT_CLUSTERS"]]


def write_where_uploads_go() -> None:
    """Writes a byte into each folder that an upload passes; leaves nothing. Raises OSError."""
    for folder in (settings.FILE_UPLOAD_TEMP_DIR, settings.MEDIA_ROOT):
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"x")


def in_time(question: Callable[[], T], seconds: float = SECONDS_TO_ANSWER) -> T:
    """The answer to a question that may hang: a network's silence has no other bound.

    Asked in a thread with its own database connection. Raises the database's Error and OSError as
    the question does, and TimeoutError.
    """
    give_up_at = time.monotonic() + seconds
    answers: SimpleQueue[tuple[T | None, Error | OSError | None]] = SimpleQueue()

    def ask() -> None:
        outcome: tuple[T | None, Error | OSError | None]
        try:
            outcome = question(), None
        except (Error, OSError) as error:
            outcome = None, error
        finally:
            _slots.release()
            connections.close_all()
        answers.put(outcome)

    if not _slots.acquire(timeout=seconds):
        raise TimeoutError("earlier questions still wait for their answer")
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer, error = answers.get(timeout=max(0.0, give_up_at - time.monotonic()))
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} seconds") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]


def _database_and_lanes() -> dict[str, str]:
    try:
        healthy = in_time(healthy_lanes)
    except (Error, OSError) as error:
        logger.warning("not ready, the database does not answer: %s", error)
        unknown = dict.fromkeys(lane_names(), "Unknown while the database does not answer.")
        return {"database": "The database does not answer.", **_by_lane(unknown)}
    lanes = {
        lane: OK if lane in healthy else "The lane takes no messages." for lane in lane_names()
    }
    return {"database": OK, **_by_lane(lanes)}


def _by_lane(states: dict[str, str]) -> dict[str, str]:
    return {f"lane {lane}": state for lane, state in states.items()}


def _storage() -> str:
    try:
        in_time(write_where_uploads_go)
    except OSError as error:
        logger.warning("not ready, storage cannot be written: %s", error)
        return "The storage cannot be written."
    return OK
