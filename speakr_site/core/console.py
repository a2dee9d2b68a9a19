"""What the console's pages of all rooms share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils.dateformat import format as date_format
from django.utils.timezone import localtime

from speakr_site.core.errors import SpeakrError

Row = TypeVar("Row", bound=models.Model)

SHOWN = 20


def act_on_each(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    rows: Iterable[Row],
    act: Callable[[Row], str],
) -> None:
    """One row after another. `act` returns what to tell of a row. A refusal is told too, and does
    not stop the next.
    """
    outcomes = [_outcome(row, act) for row in rows]
    for level, sentence in outcomes[:SHOWN]:
        model_admin.message_user(request, sentence, level)
    rest = outcomes[SHOWN:]
    if rest:
        refused = sum(level == messages.WARNING for level, _ in rest)
        model_admin.message_user(request, f"And {len(rest)} more, {refused} of them refused.")


def short(moment: datetime | None) -> str | None:
    """Without the year and without breaks, for lists with many columns."""
    return moment and date_format(localtime(moment), "j\u00a0M\u00a0H:i")


def _outcome(row: Row, act: Callable[[Row], str]) -> tuple[int, str]:
    try:
        return messages.SUCCESS, f"{row}: {act(row)}"
    except SpeakrError as error:
        return messages.WARNING, f"{row}: {error}"
