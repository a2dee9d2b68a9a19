"""What was used, by person and calendar month (UTC): the sums that budgets and statistics read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Sum

from accounts.models import User


def month_of(moment: datetime) -> date:
    """The first day of the calendar month that a moment is in, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


class TokenUsageQuerySet(models.QuerySet):
    def tokens_of(self, user: User, moment: datetime) -> int:
        """What a person used in the month of a moment, in and out. One query."""
        rows = self.filter(user=user, month=month_of(moment))
        total = Sum(F("prompt_tokens") + F("completion_tokens"), default=0)
        return rows.aggregate(total=total)["total"]

    def add(
        self, *, user_id: int, operation: str, prompt: int, completion: int, moment: datetime
    ) -> None:
        """Adds one call to its month, as `TranscriptionUsageQuerySet.add` does."""
        row = {"user_id": user_id, "month": month_of(moment), "operation": operation}
        self.bulk_create([self.model(**row)], ignore_conflicts=True)
        self.filter(**row).update(
            prompt_tokens=F("prompt_tokens") + prompt,
            completion_tokens=F("completion_tokens") + completion,
            requests=F("requests") + 1,
        )


class TokenUsage(models.Model):
    """Tokens of a language model. `month`: its first day."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    operation = models.CharField(max_length=40)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

    objects = TokenUsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "token usage"
        ordering = ["-month", "user", "operation"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "month", "operation"], name="token_usage_once_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.month:%Y-%m}"


class TranscriptionUsageQuerySet(models.QuerySet):
    def in_month_of(self, moment: datetime) -> Self:
        return self.filter(month=month_of(moment))

    def seconds_of(self, user: User, moment: datetime) -> int:
        """What a person used in the month of a moment. One query."""
        rows = self.in_month_of(moment).filter(user=user)
        return rows.aggregate(total=Sum("seconds", default=0))["total"]

    def add(
        self, *, user_id: int, connector: str, seconds: int, cost: float, moment: datetime
    ) -> None:
        """Adds one transcription to its month. Any number may add at once: the database does the
        sum. Two queries.
        """
        row = {"user_id": user_id, "month": month_of(moment), "connector": connector}
        self.bulk_create([self.model(**row)], ignore_conflicts=True)
        self.filter(**row).update(
            seconds=F("seconds") + seconds, cost=F("cost") + cost, requests=F("requests") + 1
        )


class TranscriptionUsage(models.Model):
    """Audio transcribed. `month`: its first day. `seconds`: those of each recording rounded down.
    `cost`: US dollars, estimated.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    connector = models.CharField(max_length=40)
    seconds = models.PositiveBigIntegerField(default=0)
    cost = models.FloatField(default=0)
    requests = models.PositiveIntegerField(default=0)

    objects = TranscriptionUsageQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "transcription usage"
        ordering = ["-month", "user", "connector"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "month", "connector"], name="transcription_usage_once_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.connector} {self.month:%Y-%m}"
