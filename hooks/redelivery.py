"""Which deliveries of some time an operator means to send again, and what that would come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.models import Count, F

from hooks.models import Delivery, DeliveryQuerySet
from hooks.pruning import SWITCHED_OFF


class Outcome(models.TextChoices):
    FAILED = "failed", "That failed for good"
    ALL = "all", "All that ended, those that arrived too"


@dataclass(frozen=True, slots=True)
class Selection:
    """Of what happened from `since` on, before `until`; both aware. `webhook_id`: None is all."""

    since: datetime
    until: datetime
    outcome: str = Outcome.FAILED
    webhook_id: int | None = None

    def deliveries(self) -> DeliveryQuerySet:
        """Those that ended, without what an owner dropped by switching a webhook off. What is on
        its way has no need of an operator.
        """
        statuses = [Delivery.Status.FAILED]
        if self.outcome == Outcome.ALL:
            statuses.append(Delivery.Status.DONE)
        rows = Delivery.objects.filter(
            created_at__gte=self.since, created_at__lt=self.until, status__in=statuses
        ).exclude(error_message=SWITCHED_OFF)
        return rows if self.webhook_id is None else rows.filter(webhook=self.webhook_id)

    def lines(self) -> list[Line]:
        """One for each webhook, by its number. One query."""
        hook = {name: F(f"webhook__{name}") for name in ("name", "target", "enabled")}
        rows = (
            self.deliveries()
            .order_by("webhook_id")
            .values(
                "webhook_id", paused=F("webhook__auto_paused"), owner=F("webhook__owner__username"),
                **hook,
            )
            .annotate(count=Count("pk"))
        )  # fmt: skip
        return [Line(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Line:
    """`count`: of one webhook's deliveries in a selection. `target`: host and port."""

    webhook_id: int
    name: str
    owner: str
    target: str
    enabled: bool
    paused: bool
    count: int

    @property
    def is_left(self) -> bool:
        """Nothing is sent for a webhook that its owner switched off, now or later."""
        return not self.enabled and not self.paused

    def __str__(self) -> str:
        said = f"{self.count} of #{self.webhook_id} “{self.name}” of {self.owner}, {self.target}"
        if self.is_left:
            return f"{said}: left, it is switched off"
        return f"{said}: held until it is resumed" if self.paused else said


def number(lines: list[Line]) -> int:
    """Of the deliveries that would be put back."""
    return sum(line.count for line in lines if not line.is_left)
