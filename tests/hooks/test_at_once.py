"""A person is deleted while somebody changes their webhook: nobody waits for the other for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import Model

from accounts.models import User
from accounts.services import delete_people
from hooks import delivery as sending
from hooks import pruning, services
from hooks.models import Delivery, Webhook
from hooks.outcomes import Outcome, Verdict
from speakr_site.core.errors import NotFound
from tests.concurrency import at_once, meanwhile
from tests.factories import make_delivery, make_webhook

pytestmark = pytest.mark.django_db(transaction=True)

Act = Callable[[Webhook, Delivery, User], object]
NOTHING, GONE = [], [NotFound]

QUEUED, FAILED = Delivery.Status.QUEUED, Delivery.Status.FAILED


def switch_off(webhook: Webhook, _: Delivery, by: User) -> None:
    services.update_webhook(webhook=webhook, by=by, changes={"enabled": False})


def rename(webhook: Webhook, _: Delivery, by: User) -> None:
    services.update_webhook(webhook=webhook, by=by, changes={"name": "zap"})


def resume(webhook: Webhook, _: Delivery, by: User) -> None:
    services.resume(webhook=webhook, by=by)


def delete(webhook: Webhook, _: Delivery, by: User) -> None:
    services.delete_webhook(webhook=webhook, by=by)


def rotate(webhook: Webhook, _: Delivery, by: User) -> None:
    services.rotate_secret(webhook=webhook, by=by, overlap_seconds=60)


def send_test(webhook: Webhook, _: Delivery, by: User) -> None:
    services.send_test(webhook=webhook, by=by)


def replay(_: Webhook, delivery: Delivery, by: User) -> None:
    services.replay(delivery=delivery, by=by)


def redeliver(webhook: Webhook, _: Delivery, by: User) -> None:
    services.redeliver(deliveries=Delivery.objects.filter(webhook=webhook), by=by)


def record(_: Webhook, delivery: Delivery, by: User) -> None:
    sending.record(delivery, Outcome(Verdict.DELIVERED, 200))


ACTS: list[tuple[Act, str, list[type[Exception]]]] = [
    (switch_off, QUEUED, GONE),
    (rename, QUEUED, GONE),
    (resume, QUEUED, GONE),
    (delete, QUEUED, GONE),
    (rotate, QUEUED, GONE),
    (send_test, QUEUED, GONE),
    (replay, FAILED, GONE),
    (redeliver, FAILED, NOTHING),
    (record, QUEUED, NOTHING),
]


def webhook_with(owner: User, status: str) -> tuple[Webhook, Delivery]:
    """And three deliveries, one of which is being sent if they wait."""
    webhook = make_webhook(owner=owner)
    rows = [make_delivery(webhook=webhook, status=status) for _ in range(3)]
    if status == QUEUED:
        assert Delivery.objects.claim(rows[0])
    return webhook, rows[0]


def nothing_is_left_of(owner: User) -> bool:
    """Once the clock has looked."""
    pruning.tidy(should_stop=lambda: False)
    left = (User.objects.filter(pk=owner.pk), Webhook.objects.all(), Delivery.objects.all())
    return not any(rows.exists() for rows in left)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("after", [Delivery, Webhook])
@pytest.mark.parametrize(("act", "status", "answers"), ACTS)
def test_in_the_midst_of_a_deletion_it_is_gone(
    alice: User,
    otto: User,
    act: Act,
    status: str,
    answers: list[type[Exception]],
    after: type[Model],
) -> None:
    webhook, row = webhook_with(alice, status)
    with meanwhile(lambda: act(webhook, row, otto), after=after) as refused:
        delete_people(people=[alice], by=otto)
    assert [type(error) for error in refused] == answers
    assert nothing_is_left_of(alice)


@pytest.mark.parametrize(("act", "status", "answers"), ACTS)
def test_at_once_with_a_deletion_it_is_done_or_gone(
    alice: User, otto: User, act: Act, status: str, answers: list[type[Exception]]
) -> None:
    webhook, row = webhook_with(alice, status)

    def change() -> None:
        try:
            act(webhook, row, otto)
        except NotFound:
            assert answers == GONE

    at_once(change, lambda: delete_people(people=[alice], by=otto))
    assert nothing_is_left_of(alice)
