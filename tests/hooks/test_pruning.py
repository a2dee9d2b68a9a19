from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from hooks import pruning
from hooks.models import Delivery, Webhook
from tests.factories import make_delivery, make_webhook
from tests.hooks.plans import on_sqlite, walks

pytestmark = pytest.mark.django_db

Status = Delivery.Status


def tidy() -> None:
    pruning.tidy(should_stop=lambda: False)


@pytest.fixture
def webhook(alice: User) -> Webhook:
    return make_webhook(owner=alice)


def test_deliveries_that_ended_go_after_their_days(webhook: Webhook, settings: Any) -> None:
    settings.WEBHOOK_DELIVERY_RETENTION_DAYS = 3
    for days in (2.9, 3.1):
        for status in (Status.DONE, Status.FAILED, Status.QUEUED, Status.RUNNING):
            made = timezone.now() - timedelta(days=days)
            lease = timezone.now() + timedelta(hours=1)
            make_delivery(webhook=webhook, status=status, created_at=made, lease_expires_at=lease)
    tidy()
    old = Delivery.objects.filter(created_at__lt=timezone.now() - timedelta(days=3))
    assert {row.status for row in old} == {Status.QUEUED, Status.RUNNING}
    assert Delivery.objects.count() == 6


def test_deliveries_without_a_webhook_go(webhook: Webhook, alice: User) -> None:
    gone = make_webhook(owner=alice)
    make_delivery(webhook=gone)
    kept = make_delivery(webhook=webhook)
    # As when a change told it something while it was being deleted.
    Webhook.objects.filter(pk=gone.pk)._raw_delete("default")
    tidy()
    assert list(Delivery.objects.all()) == [kept]


def test_more_than_a_batch_goes_at_once_and_a_stop_ends_it(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    made = timezone.now() - timedelta(days=99)
    for _ in range(7):
        make_delivery(webhook=webhook, status=Status.DONE, created_at=made)
    pruning.tidy(should_stop=lambda: True)
    assert Delivery.objects.count() == 7
    tidy()
    assert not Delivery.objects.exists()


def test_what_waits_for_a_webhook_that_was_switched_off_is_ended(
    webhook: Webhook, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    off = make_webhook(owner=alice, enabled=False)
    paused = make_webhook(owner=alice, enabled=False, auto_paused=True)
    for _ in range(7):
        for hook in (webhook, off, paused):
            make_delivery(webhook=hook)
    tidy()
    for hook, status in ((webhook, Status.QUEUED), (off, Status.FAILED), (paused, Status.QUEUED)):
        assert set(hook.deliveries.values_list("status", flat=True)) == {status}


def test_what_a_lost_worker_held_is_queued_again(webhook: Webhook) -> None:
    rows = [make_delivery(webhook=webhook) for _ in range(2)]
    for row, seconds in zip(rows, (-1, 20), strict=True):
        assert Delivery.objects.claim(row, seconds=seconds)
    tidy()
    for row, status in zip(rows, (Status.QUEUED, Status.RUNNING), strict=True):
        row.refresh_from_db()
        assert (row.status, row.attempt_count) == (status, 0)
        assert (row.claim_token is None) == (status == Status.QUEUED)


@on_sqlite
def test_no_minute_walks_through_all_deliveries(
    webhook: Webhook, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 1)
    lost = make_delivery(webhook=webhook)
    assert Delivery.objects.claim(lost, seconds=-1)
    make_delivery(webhook=make_webhook(owner=alice, enabled=False))
    made = timezone.now() - timedelta(days=99)
    make_delivery(webhook=webhook, status=Status.DONE, created_at=made)
    gone = make_webhook(owner=alice)
    make_delivery(webhook=gone)
    Webhook.objects.filter(pk=gone.pk)._raw_delete("default")
    assert walks(tidy) == []
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.QUEUED, Status.FAILED}
