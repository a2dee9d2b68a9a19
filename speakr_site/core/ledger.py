"""Rows of work that exactly one worker holds at a time: claim, lease, release.

A claim is an update that only succeeds while the row is still free, so SQLite and PostgreSQL behave
alike and no lock is held while work runs. Every later write names the claim's token: a worker that
lost its lease writes nothing. A worker may hold many rows with one token.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self
from zlib import crc32

from django.db import connection, models, transaction
from django.utils import timezone

LEASE_SECONDS = 30
BEAT_SECONDS = 5


class Claimable(models.Model):
    """`available_at`: not before then, for backoff. `claim_token` and `lease_expires_at` are set
    while it is held.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    available_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True, blank=True)
    claim_token = models.UUIDField(null=True, blank=True, editable=False)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


def one_at_a_time(what: str) -> None:
    """Whoever else comes here for the same waits until the transaction ends, so that it may count
    rows and claim by that number. SQLite has one writer at a time.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [crc32(what.encode())])


class LedgerQuerySet(models.QuerySet):
    def available(self, now: datetime) -> Self:
        return self.filter(status=Claimable.Status.QUEUED, available_at__lte=now)

    def held(self, token: uuid.UUID) -> Self:
        return self.filter(status=Claimable.Status.RUNNING, claim_token=token)

    def expired(self, now: datetime) -> Self:
        return self.filter(status=Claimable.Status.RUNNING, lease_expires_at__lt=now)

    def claim(self, row: Claimable, *, seconds: int = LEASE_SECONDS) -> bool:
        """Takes a row that is still queued; False when another worker was faster. Sets the claim on
        `row`. `seconds`: of the lease.
        """
        now = timezone.now()
        claim: dict[str, Any] = {
            "status": Claimable.Status.RUNNING,
            "claimed_at": now,
            "claim_token": uuid.uuid4(),
            "lease_expires_at": now + timedelta(seconds=seconds),
        }
        if not self.filter(pk=row.pk, status=Claimable.Status.QUEUED).update(**claim):
            return False
        for name, value in claim.items():
            setattr(row, name, value)
        return True

    def renew(self, token: uuid.UUID) -> bool:
        """Extends the lease; False when the claim is no longer ours."""
        expires = timezone.now() + timedelta(seconds=LEASE_SECONDS)
        return self.held(token).update(lease_expires_at=expires) == 1

    def release(self, token: uuid.UUID, status: str, **changes: Any) -> bool:
        """Ends the claim with a new status and further column values; False when it is no longer
        ours.
        """
        return (
            self.held(token).update(
                status=status, claim_token=None, lease_expires_at=None, **changes
            )
            == 1
        )

    def update_unlocked(self, **changes: Any) -> list[Any]:
        """Changes the rows that no other transaction is about to change; gives their keys.

        Many rows at once, in whatever order: it waits for nobody's lock, so that it can be in no
        deadlock with a deletion that somebody asked for.
        """
        with transaction.atomic(using=self.db):
            keys = self._locked_keys()
            if keys:
                self.model._base_manager.filter(pk__in=keys).update(**changes)
        return keys

    def delete_unlocked(self) -> int:
        """As `update_unlocked`; how many are gone."""
        with transaction.atomic(using=self.db):
            keys = self._locked_keys()
            if keys:
                self.model._base_manager.filter(pk__in=keys).delete()
        return len(keys)

    def take_back(self, now: datetime) -> int:
        """Requeues what lost workers held; how many rows."""
        expired = self.expired(now)
        if not expired.exists():
            return 0
        queued = {"status": Claimable.Status.QUEUED, "claim_token": None, "lease_expires_at": None}
        return len(expired.update_unlocked(**queued))

    def _locked_keys(self) -> list[Any]:
        """Until the transaction ends. SQLite locks all rows as soon as one begins; with an order it
        would rather walk the whole table than use an index.
        """
        rows = self.order_by().select_for_update(skip_locked=True)
        return list(rows.values_list("pk", flat=True))
