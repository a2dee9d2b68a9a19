"""Who wants to be told, and each thing that they are to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from hooks.event_types import EventType
from speakr_site.core import sealing
from speakr_site.core.ledger import Claimable, LedgerQuerySet

NAME_LENGTH = 100
URL_LENGTH = 500
ERROR_LENGTH = 500
SEALED_FOR = "webhooks"


class WebhookQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        return self.filter(owner=user)

    def editable_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def listening(self, owner_id: int, event_type: str) -> list[Webhook]:
        """The owner's that are to be told; none of a person who may not log in. One query."""
        rows = self.filter(owner=owner_id, owner__is_active=True, enabled=True)
        return [
            hook for hook in rows.only("id", "events").order_by("pk") if event_type in hook.events
        ]


class Webhook(models.Model):
    """`target`: host and port that its URL leads to, by which attempts at once are limited.
    `auto_paused`: switched off by too many failures; what waits is held until it is resumed.
    `pause_reason`: why, when it is not those failures.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    name = models.CharField(max_length=NAME_LENGTH)
    url = models.CharField("URL", max_length=URL_LENGTH)
    target = models.CharField(max_length=300, editable=False)
    allow_http = models.BooleanField("allow http", default=False)
    events = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    auto_paused = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=200, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    sealed_secret = models.TextField(editable=False)
    sealed_previous_secret = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    last_delivery_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    def secrets(self, now: datetime) -> list[str]:
        """Those that sign what is sent now, the newest first. Raises sealing.SealBroken when the
        server no longer knows the key that they were sealed with.
        """
        known = [sealing.unseal(self.sealed_secret, purpose=SEALED_FOR)]
        if self.previous_secret_until is not None and self.previous_secret_until > now:
            known.append(sealing.unseal(self.sealed_previous_secret, purpose=SEALED_FOR))
        return known


class DeliveryQuerySet(LedgerQuerySet):
    def for_list(self) -> Self:
        """Without the bodies."""
        return self.defer("payload")

    def due(self, now: datetime) -> Self:
        """Those that may be sent: nobody holds them, and their hook is switched on."""
        return self.available(now).filter(webhook__enabled=True)

    def unwanted(self) -> Self:
        """Those that wait for a hook that its owner switched off. Of a paused one they are held."""
        return self.filter(
            status=Delivery.Status.QUEUED, webhook__enabled=False, webhook__auto_paused=False
        )


class Delivery(Claimable):
    """One event for one webhook. `payload`: the body as it was and will be sent, never changed.
    `attempt_count`: attempts whose outcome is known; `available_at`: not before then.

    The webhook may go while a change is being committed that tells it something: no constraint of
    the database may fail that change. Rows without one are swept.
    """

    class WireStatus(models.TextChoices):
        """As the contract names them (15.4)."""

        PENDING = "pending"
        SUCCESS = "success"
        FAILED = "failed"
        PERMANENT_FAILURE = "permanent_failure"

    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="deliveries", db_constraint=False
    )
    event_id = models.UUIDField(db_index=True)
    event_type = models.CharField(max_length=40, choices=EventType)
    payload = models.TextField()
    attempt_count = models.PositiveIntegerField(default=0)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_body_preview = models.TextField(null=True, blank=True)  # noqa: DJ001
    error_message = models.CharField(max_length=ERROR_LENGTH, null=True, blank=True)  # noqa: DJ001
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["available_at"], condition=Q(status="queued"), name="delivery_waiting"
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(status="running"), name="delivery_running"
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_of_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"

    @property
    def wire_status(self) -> str:
        match self.status:
            case self.Status.DONE:
                return self.WireStatus.SUCCESS
            case self.Status.FAILED:
                return self.WireStatus.PERMANENT_FAILURE
        return self.WireStatus.FAILED if self.attempt_count else self.WireStatus.PENDING

    @property
    def next_retry_at(self) -> datetime | None:
        """None once it has ended."""
        ended = (self.Status.DONE, self.Status.FAILED)
        return None if self.status in ended else self.available_at
