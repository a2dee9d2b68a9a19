"""When a model server is asked again within one call: after trouble that may pass, a little later
each time, as the server says, and never past the call's deadline.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai
import tenacity

from recordings.llm.wire import Limits

FIRST_WAIT_SECONDS, WAIT_MAX_SECONDS, JITTER_SECONDS = 0.5, 8, 0.5
# Who is to wait longer goes, and tells when the server wants to be asked again.
RETRY_AFTER_WAITED_SECONDS = 120
RETRY_AFTER_MAX_SECONDS = 3600
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_backoff = tenacity.wait_exponential_jitter(
    multiplier=FIRST_WAIT_SECONDS, max=WAIT_MAX_SECONDS, jitter=JITTER_SECONDS
)


def retrying(retries: int, limits: Limits) -> tenacity.Retrying:
    """Calls what it is given, and again up to so many times. The last error leaves as it is;
    Stopped as soon as nothing more is to be begun, amid a wait too.
    """

    def outlasts(state: tenacity.RetryCallState) -> bool:
        return time.monotonic() + state.upcoming_sleep >= limits.ends

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=_wait,
        stop=tenacity.stop_any(tenacity.stop_after_attempt(retries + 1), outlasts),
        before=lambda state: limits.may_begin(),
        sleep=limits.rest,
        reraise=True,
    )


def is_busy(error: openai.APIStatusError) -> bool:
    """By the statuses that OpenAI's own client tries again after."""
    return error.status_code in (408, 409, 429) or error.status_code >= 500


def retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, at most RETRY_AFTER_MAX_SECONDS; None where the server does not say, or no sense."""
    value = error.response.headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
    else:
        try:
            moment = parsedate_to_datetime(value)
            # A date without a zone is in UTC, as all of HTTP's are.
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (aware - datetime.now(tz=UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(seconds, RETRY_AFTER_MAX_SECONDS) if seconds >= 0 else None


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, openai.APIConnectionError):
        return True
    return (
        isinstance(error, openai.APIStatusError)
        and is_busy(error)
        and (retry_after(error) or 0) <= RETRY_AFTER_WAITED_SECONDS
    )


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    said = retry_after(error) if isinstance(error, openai.APIStatusError) else None
    return max(_backoff(state), said or 0)
