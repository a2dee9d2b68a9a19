"""What the console's actions share: one row after another, and what came of each as a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest

from speakr_site.core.errors import SpeakrError

Row = TypeVar("Row", bound=models.Model)

SHOWN = 20


def act_on_each(
    model_admin: admin.ModelAdmin,
    request: HttpRequest,
    rows: Iterable[Row],
    act: Callable[[Row], str],
) -> None:
    """Calls `act` for each row; it returns what to tell. A refusal does not stop the next row."""
    outcomes = [_outcome(row, act) for row in rows]
    for level, sentence in outcomes[:SHOWN]:
        model_admin.message_user(request, sentence, level)
    rest = outcomes[SHOWN:]
    if rest:
        refused = sum(level == messages.WARNING for level, _ in rest)
        model_admin.message_user(request, f"And {len(rest)} more, {refused} of them refused.")


def _outcome(row: Row, act: Callable[[Row], str]) -> tuple[int, str]:
    try:
        return messages.SUCCESS, f"{row}: {act(row)}"
    except SpeakrError as error:
        return messages.WARNING, f"{row}: {error}"
