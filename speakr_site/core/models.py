"""What every room stands on: one canary per lane, the audit trail."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Canary(models.Model):
    """When a lane's cluster last did something, and which process to end when it does nothing any
    more.
    """

    lane = models.CharField(max_length=20, unique=True)
    stamped_at = models.DateTimeField()
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField(
        help_text="Process id of the cluster's sentinel on that host."
    )

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.lane


class AuditEntry(models.Model):
    """Somebody gave or took access, or an operator touched what is somebody else's. Written by
    services, never changed.
    """

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    actor_name = models.CharField(
        max_length=150,
        blank=True,
        help_text="Their user name then; it outlives them. Empty: the server itself.",
    )
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.BigIntegerField()
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
