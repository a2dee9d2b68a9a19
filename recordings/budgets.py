"""What transcriptions and calls of a language model cost, and whether a person may have another
one this month.

Rates and rules: http-contract.md, section 6. The budget of who asked for the work pays for it.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from django.utils import timezone

from accounts.models import User
from recordings.models import TokenUsage, TranscriptionUsage
from recordings.models.usage import month_of
from speakr_site.core.errors import NotAllowed

logger = logging.getLogger(__name__)

# US dollars a minute of audio; an engine that is not named here costs nothing.
RATES = {"openai_whisper": 0.006, "openai_transcribe": 0.006}
MINI_RATES = {"openai_transcribe": 0.003}
NEARLY = 0.8


class BudgetExceeded(NotAllowed):
    """Refused as a request; a job that meets it fails for good."""

    code = "budget_exceeded"


def cost_of(*, engine: str, model: str, seconds: int) -> float:
    """US dollars, estimated. `model`: the one that did the work, not the default."""
    rates = MINI_RATES if "mini" in model else RATES
    return seconds / 60 * rates.get(engine, 0)


def record_transcription(*, user_id: int, engine: str, model: str, seconds: float) -> None:
    """Adds a finished transcription to the month's sums. Call inside the transaction that ends its
    job: they count together or not at all.
    """
    whole = int(seconds)
    TranscriptionUsage.objects.add(
        user_id=user_id,
        connector=engine,
        seconds=whole,
        cost=cost_of(engine=engine, model=model, seconds=whole),
        moment=timezone.now(),
    )


def require_transcription_budget(user: User) -> None:
    """Raises BudgetExceeded at 100 % of the month's minutes. One query, none without a budget.

    Asked before the work: what begins below the limit may end above it.
    """
    minutes = user.monthly_transcription_minutes
    if not minutes:
        return
    now = timezone.now()
    used = TranscriptionUsage.objects.seconds_of(user, now)
    if used >= minutes * 60:
        raise BudgetExceeded(
            f"Monthly transcription budget exceeded ({used // 60}/{minutes} minutes). "
            f"It starts afresh on {_next_month(now):%Y-%m-%d} (UTC), and an operator can raise it; "
            "then transcribe again."
        )
    if used >= minutes * 60 * NEARLY:
        logger.warning("%s has used %d of %d minutes this month", user, used // 60, minutes)


def record_tokens(*, user_id: int, operation: str, prompt: int, completion: int) -> None:
    """Adds one call to the month's sums, straight after it: it was paid for, whatever becomes of
    the work it was for.
    """
    TokenUsage.objects.add(
        user_id=user_id,
        operation=operation,
        prompt=prompt,
        completion=completion,
        moment=timezone.now(),
    )


def require_token_budget(user: User) -> None:
    """Raises BudgetExceeded at 100 % of the month's tokens. One query, none without a budget."""
    tokens = user.monthly_tokens
    if not tokens:
        return
    now = timezone.now()
    used = TokenUsage.objects.tokens_of(user, now)
    if used >= tokens:
        raise BudgetExceeded(
            f"Monthly token budget exceeded ({used}/{tokens} tokens). "
            f"It starts afresh on {_next_month(now):%Y-%m-%d} (UTC), and an operator can raise it."
        )
    if used >= tokens * NEARLY:
        logger.warning("%s has used %d of %d tokens this month", user, used, tokens)


def _next_month(moment: datetime) -> date:
    return (month_of(moment) + timedelta(days=31)).replace(day=1)
