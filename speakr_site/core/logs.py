"""No log line of this process shows a secret that is part of a URL, whoever writes it: an API token
in `?token=`, the address of a public link, that of a password reset.

Records are made without it: a filter would miss the handlers of gunicorn and runserver.
"""

from __future__ import annotations

import logging
import logging.config
import re
from typing import Any

SECRET = re.compile(
    r"""\b(token=)[^&\s"'<>]+"""
    r"""|(/s/)[^/?#\s"'<>]+"""
    r"""|(/reset/)[^/\s]+/[^/?#\s"'<>]+""",
    re.IGNORECASE,
)


def configure(config: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG."""
    logging.config.dictConfig(config)
    logging.setLogRecordFactory(redacted_record)


def redact(text: str) -> str:
    return SECRET.sub(r"\1\2\3[redacted]", text)


def redacted_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = logging.LogRecord(*args, **kwargs)
    try:
        message = record.getMessage()
    # A log call that does not fit its format is reported by the handler, as ever.
    except (TypeError, ValueError, KeyError):
        return record
    if SECRET.search(message):
        record.msg, record.args = redact(message), ()
    return record
