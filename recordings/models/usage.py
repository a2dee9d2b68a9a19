"""What was used, by person and calendar month (UTC): the sums that budgets and statistics read."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class TokenUsage(models.Model):
    """Tokens of a language model. `month`: its first day."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    operation = models.CharField(max_length=40)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

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


class TranscriptionUsage(models.Model):
    """Audio transcribed. `month`: its first day. `cost`: US dollars, estimated."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    month = models.DateField()
    connector = models.CharField(max_length=40)
    seconds = models.FloatField(default=0)
    cost = models.FloatField(default=0)
    requests = models.PositiveIntegerField(default=0)

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
