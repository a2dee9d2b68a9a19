"""What a service may answer instead of a result: a code, an HTTP status and one sentence.

Services raise these and nothing from DRF; core/api/exceptions.py puts them on the wire.
"""

from __future__ import annotations

import errno
from typing import Any


class SpeakrError(Exception):
    """`extra`: further keys of the answer's body."""

    code = "error"
    status = 500
    sentence = "Something went wrong."

    def __init__(self, sentence: str | None = None, **extra: Any) -> None:
        super().__init__(sentence or self.sentence)
        self.extra = extra


class InvalidInput(SpeakrError):
    code = "invalid_input"
    status = 400
    sentence = "Invalid input"


class NotAllowed(SpeakrError):
    code = "not_allowed"
    status = 403
    sentence = "Permission denied"


class FeatureDisabled(SpeakrError):
    code = "feature_disabled"
    status = 403


class NotFound(SpeakrError):
    code = "not_found"
    status = 404
    sentence = "Not found"


class Conflict(SpeakrError):
    code = "conflict"
    status = 409


class TooLarge(SpeakrError):
    code = "too_large"
    status = 413


class Busy(SpeakrError):
    """`retry_after`: seconds, a whole number from 1; a header of the answer."""

    code = "busy"
    status = 503
    sentence = "The server is busy; try again later"


class DiskFull(SpeakrError):
    """507 and not 503: the client's next try needs an operator first."""

    code = "disk_full"
    status = 507
    sentence = "The server's disk is full; try again later"


def is_disk_full(error: BaseException) -> bool:
    """Whether an OSError, or a database's error, says that there is no space left."""
    cause = error.__cause__ or error
    return (
        (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
        or getattr(cause, "sqlite_errorname", None) == "SQLITE_FULL"
        or getattr(cause, "sqlstate", None) == "53100"
    )


def is_reference_gone(error: BaseException) -> bool:
    """Whether a database's error says that what a row refers to was deleted meanwhile."""
    cause = error.__cause__ or error
    return (
        getattr(cause, "sqlite_errorname", None) == "SQLITE_CONSTRAINT_FOREIGNKEY"
        or getattr(cause, "sqlstate", None) == "23503"
    )
