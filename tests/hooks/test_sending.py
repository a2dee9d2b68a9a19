"""Many deliveries, many senders: nothing twice, nobody in another's way, and an end in time."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DataError, OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import User
from hooks import delivery as sending
from hooks import tasks
from hooks.delivery import send_due
from hooks.models import Delivery, DeliveryQuerySet, Webhook
from hooks.outbox import publish
from hooks.outcomes import Outcome
from speakr_site.core import queue
from tests.concurrency import at_once
from tests.factories import make_delivery, make_webhook
from tests.hooks.plans import on_sqlite, walks
from tests.hooks.receiver import Answer, Receiver, private_networks

pytestmark = pytest.mark.django_db(transaction=True)

Send = Callable[[], None]
HANG = Answer(wait_seconds=30)


@pytest.fixture
def receivers(settings: Any) -> Iterator[Callable[[], Receiver]]:
    private_networks(settings)
    with ExitStack() as running:
        yield lambda: running.enter_context(Receiver())


def hook_to(owner: User, receiver: Receiver, **columns: Any) -> Webhook:
    columns = {"url": receiver.url(), "target": receiver.target, "allow_http": True, **columns}
    return make_webhook(owner=owner, **columns)


def fill(webhook: Webhook, count: int, **columns: Any) -> None:
    for _ in range(count):
        make_delivery(webhook=webhook, **columns)


def in_background(send: Send) -> threading.Thread:
    """Ends its connection with itself."""

    def run() -> None:
        try:
            send()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("status", flat=True))


def test_two_senders_at_once_post_nothing_twice(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    there = [receivers() for _ in range(4)]
    for receiver in there:
        receiver.answer(Answer(wait_seconds=0.02))
        fill(hook_to(alice, receiver), 15)
    at_once(send, send, send)
    # Those who were in the way of others have left the rest to them.
    assert states() == {Delivery.Status.DONE: 60}
    ids = Counter(request.id for receiver in there for request in receiver.requests)
    assert set(ids.values()) == {1}
    assert len(ids) == 60
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}


def test_a_target_has_two_attempts_at_once_whatever_its_webhooks(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    # One of the two ends long before the other.
    waits = itertools.cycle((0.5, 0.02, 0.02))
    receiver.answer_by(lambda _: Answer(wait_seconds=next(waits)))
    for _ in range(3):
        fill(hook_to(alice, receiver), 4)
    send()
    assert len(receiver.requests) == 12
    assert receiver.most_at_once == 2


def test_senders_that_claim_at_the_same_moment_keep_to_it(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    receiver.answer_by(lambda _: Answer(wait_seconds=0.3))
    webhook = hook_to(alice, receiver)
    for _ in range(4):
        fill(webhook, 4)
        at_once(send, send, send)
    assert states() == {Delivery.Status.DONE: 16}
    assert receiver.most_at_once == 2


def test_a_second_sender_counts_the_first_one_s_attempts(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    release = threading.Event()

    def hold(_: Any) -> Answer:
        return Answer(wait_seconds=0 if release.is_set() else 4)

    receiver.answer_by(hold)
    fill(hook_to(alice, receiver), 4)
    first = in_background(send)
    receiver.wait_for(2)
    send()
    assert len(receiver.requests) == 2
    release.set()
    first.join()
    assert states() == {Delivery.Status.DONE: 4}
    assert receiver.most_at_once == 2


@pytest.mark.parametrize("look", [1, 2])
def test_senders_that_choose_at_once_keep_to_two_attempts(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
    look: int,
) -> None:
    """The other one comes when this one has counted what is under way, and not chosen yet: first
    when nothing keeps it from claiming, then when it has to wait.
    """
    real, looks, others = sending._candidates, itertools.count(1), []

    def candidates(*arguments: Any) -> list[int]:
        if threading.current_thread() is threading.main_thread() and next(looks) == look:
            others.append(in_background(send))
            with suppress(AssertionError):
                receiver.wait_for(2, seconds=1)
        return real(*arguments)

    monkeypatch.setattr(sending, "_candidates", candidates)
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=1))
    fill(hook_to(alice, receiver), 4)
    send()
    (other,) = others
    other.join()
    assert states() == {Delivery.Status.DONE: 4}
    assert len(receiver.requests) == 4
    assert receiver.most_at_once == 2


def test_a_target_that_hangs_and_has_much_to_get_delays_nobody(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS = 3
    # One more than the target that hangs may hold.
    monkeypatch.setattr(sending, "THREADS", 3)
    slow, quick = receivers(), receivers()
    slow.answer(HANG)
    # Older than anything of the other's, and more than a sender could hold.
    fill(hook_to(alice, slow), 60, available_at=timezone.now() - timedelta(hours=1))
    fill(hook_to(alice, quick), 20)
    began = time.time()
    sender = in_background(send)
    quick.wait_for(20)
    assert time.time() - began < 2
    make_delivery(webhook=Webhook.objects.get(target=quick.target))
    came = quick.wait_for(21)[-1].arrived
    assert came - began < 2.5, "a run that waits for somebody does not look for others"
    assert slow.most_at_once == 2
    Webhook.objects.filter(target=slow.target).update(enabled=False)
    sender.join()


def test_a_long_backlog_of_one_target_delays_nobody(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    busy, other = receivers(), receivers()
    fill(hook_to(alice, busy), 70, available_at=timezone.now() - timedelta(hours=1))
    fill(hook_to(alice, other), 1)
    send()
    assert len(busy.requests) == 70
    assert other.requests[0].arrived < busy.requests[10].arrived


def test_what_waits_for_a_webhook_that_is_off_stops_nobody(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    off = hook_to(alice, receiver, enabled=False)
    fill(off, 150, available_at=timezone.now() - timedelta(hours=1))
    fill(hook_to(alice, receiver), 1)
    send()
    assert len(receiver.requests) == 1
    tasks.sweep()
    assert len(receiver.requests) == 1
    assert states() == {Delivery.Status.FAILED: 150, Delivery.Status.DONE: 1}
    abandoned = off.deliveries.values_list("attempt_count", "error_message")
    assert set(abandoned) == {(0, "The webhook was disabled.")}
    off.refresh_from_db()
    assert off.consecutive_failures == 0


def test_what_waits_for_a_paused_webhook_is_held(
    alice: User, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    paused = hook_to(alice, receiver, enabled=False, auto_paused=True)
    fill(paused, 3)
    tasks.sweep()
    assert states() == {Delivery.Status.QUEUED: 3}
    Webhook.objects.update(enabled=True, auto_paused=False)
    tasks.work("deliveries")
    assert states() == {Delivery.Status.DONE: 3}
    assert len(receiver.requests) == 3


@pytest.mark.parametrize(
    ("runs", "sent"),
    [
        ([(10, 1), (10, 1)], 0),
        ([(10, 1)], 1),
        # At their end, which need not be waited for.
        ([(45, 1), (45, 1)], 1),
        ([(45, 1), (10, 1)], 1),
        # But one worker stays free for mails and sweeps.
        ([(45, 1), (10, 1), (10, 1)], 0),
        ([(45, 1), (45, 1), (10, 1)], 0),
        ([(45, 1), (45, 1), (45, 1)], 0),
        # Killed.
        ([(10, 4), (10, 4)], 1),
        ([(45, 4), (45, 1), (10, 1)], 1),
    ],
)
def test_a_sender_leaves_the_work_to_those_that_are_at_it(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    runs: list[tuple[int, int]],
    sent: int,
) -> None:
    """`runs`: how many seconds ago others began, and were last seen at work."""
    now = timezone.now()
    for number, (began, beaten) in enumerate(runs):
        make_delivery(
            webhook=make_webhook(owner=alice, target=f"busy:{number}"),
            status=Delivery.Status.RUNNING,
            claim_token=uuid.uuid4(),
            claimed_at=now - timedelta(seconds=began),
            lease_expires_at=now - timedelta(seconds=beaten) + sending.lease_duration(),
        )
    receiver = receivers()
    make_delivery(webhook=hook_to(alice, receiver))
    send()
    assert len(receiver.requests) == sent


def test_a_run_ends_in_time_and_rings_for_the_rest(
    alice: User, receivers: Callable[[], Receiver], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "run_seconds", lambda: 0.5)
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=0.2))
    fill(hook_to(alice, receiver), 40)
    began = time.monotonic()
    send()
    assert time.monotonic() - began < 3
    sent = len(receiver.requests)
    assert 2 <= sent < 40
    assert states() == {Delivery.Status.DONE: sent, Delivery.Status.QUEUED: 40 - sent}
    assert OrmQ.objects.filter(key="speakr", lock__lte=timezone.now()).exists()


def test_a_request_to_stop_ends_what_was_begun_and_begins_nothing_more(
    alice: User, receivers: Callable[[], Receiver]
) -> None:
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=0.5))
    fill(hook_to(alice, receiver), 20)
    stop = threading.Event()
    sender = in_background(lambda: send_due(should_stop=stop.is_set))
    receiver.wait_for(2)
    stop.set()
    sender.join(5)
    assert not sender.is_alive()
    assert len(receiver.requests) == 2
    assert states() == {Delivery.Status.DONE: 2, Delivery.Status.QUEUED: 18}


def test_a_long_attempt_keeps_its_lease(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "lease_duration", lambda: timedelta(seconds=3))
    monkeypatch.setattr(sending, "BEAT_SECONDS", 0.3)
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=6))
    make_delivery(webhook=hook_to(alice, receiver))
    sender = in_background(send)
    receiver.wait_for(1)
    while sender.is_alive():
        send()
        sender.join(0.3)
    assert len(receiver.requests) == 1
    assert states() == {Delivery.Status.DONE: 1}


def test_what_a_dead_sender_held_is_sent_once_its_lease_is_over(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    row = make_delivery(webhook=hook_to(alice, receiver))
    assert Delivery.objects.claim(row, seconds=20)
    send()
    assert receiver.requests == []
    # Somebody is asked to look then, and not only once.
    row.refresh_from_db()
    (later,) = OrmQ.objects.filter(key="speakr", lock__gt=timezone.now())
    assert timedelta(0) < later.lock - row.lease_expires_at <= timedelta(seconds=1)
    send()
    assert OrmQ.objects.filter(lock=later.lock).count() == 1
    Delivery.objects.update(lease_expires_at=timezone.now())
    send()
    assert len(receiver.requests) == 1


def test_a_retry_within_the_minute_is_rung_for(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    receiver.answer(Answer(500))
    row = make_delivery(webhook=hook_to(alice, receiver))
    send()
    row.refresh_from_db()
    (later,) = OrmQ.objects.filter(key="speakr")
    assert timedelta(0) < later.lock - row.available_at <= timedelta(seconds=1)
    OrmQ.objects.all().delete()
    Delivery.objects.update(available_at=timezone.now() + timedelta(minutes=2))
    send()
    assert not OrmQ.objects.exists(), "the clock's look of each minute is soon enough"


def test_the_first_attempt_waits_as_the_ladder_says(
    alice: User, receivers: Callable[[], Receiver], send: Send, settings: Any
) -> None:
    settings.WEBHOOK_RETRY_DELAYS = [3600, 30]
    receiver = receivers()
    webhook = hook_to(alice, receiver)
    publish(owner_id=alice.pk, event_type=webhook.events[0], data={})
    send()
    waiting = Delivery.objects.get()
    assert waiting.wire_status == "pending"
    assert waiting.available_at - waiting.created_at > timedelta(minutes=59)
    assert receiver.requests == []


def test_a_change_that_is_rolled_back_tells_nobody(
    alice: User, receivers: Callable[[], Receiver], send: Send
) -> None:
    receiver = receivers()
    webhook = hook_to(alice, receiver)
    tell = {"owner_id": alice.pk, "event_type": webhook.events[0]}
    with pytest.raises(RuntimeError), transaction.atomic():
        publish(**tell, data={"title": "never"})
        raise RuntimeError
    assert not OrmQ.objects.exists()
    with transaction.atomic():
        publish(**tell, data={"title": "kept"})
    assert OrmQ.objects.count() == 1
    send()
    (request,) = receiver.requests
    assert b"kept" in request.body


def test_a_database_that_is_away_for_a_moment_costs_no_delivery(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, failures = DeliveryQuerySet.update_unlocked, [True, True]

    def update(self: DeliveryQuerySet, **changes: Any) -> list[Any]:
        if "attempt_count" in changes and failures:
            failures.pop()
            raise OperationalError("database is locked")
        return real(self, **changes)

    monkeypatch.setattr(DeliveryQuerySet, "update_unlocked", update)
    receiver = receivers()
    fill(hook_to(alice, receiver), 3)
    send()
    assert failures == []
    assert states() == {Delivery.Status.DONE: 3}
    assert len(receiver.requests) == 3


def test_one_row_that_cannot_be_recorded_is_not_in_the_way_of_the_others(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS = 1
    monkeypatch.setattr(sending, "run_seconds", lambda: 0.5)
    receiver, real = receivers(), sending.record
    rows = [make_delivery(webhook=hook_to(alice, receiver, target=f"t:{n}")) for n in range(3)]

    def record(row: Delivery, outcome: Outcome) -> bool:
        if row.pk == rows[0].pk:
            raise DataError("out of range")
        return real(row, outcome)

    monkeypatch.setattr(sending, "record", record)
    with pytest.raises(DataError):
        send()
    told = Delivery.objects.order_by("pk").values_list("status", flat=True)
    assert list(told) == [Delivery.Status.RUNNING, Delivery.Status.DONE, Delivery.Status.DONE]


def test_a_claim_that_fails_stops_neither_beats_nor_records(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "lease_duration", lambda: timedelta(seconds=3))
    monkeypatch.setattr(sending, "BEAT_SECONDS", 0.1)
    real, failures = sending._candidates, []

    def candidates(*arguments: Any) -> list[int]:
        if (
            threading.current_thread() is not threading.main_thread()
            and states()[Delivery.Status.RUNNING]
        ):
            failures.append(1)
            raise OperationalError("canceling statement due to statement timeout")
        return real(*arguments)

    monkeypatch.setattr(sending, "_candidates", candidates)
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=5))
    make_delivery(webhook=hook_to(alice, receiver))
    sender = in_background(send)
    receiver.wait_for(1)
    while sender.is_alive():
        send()
        sender.join(0.2)
    assert len(failures) > 2
    assert len(receiver.requests) == 1, "the lease was over"
    assert states() == {Delivery.Status.DONE: 1}


def test_a_beat_holds_nothing_that_is_not_being_sent(
    alice: User,
    receivers: Callable[[], Receiver],
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a run has claimed and could not read is sent by the next one, once its lease is over."""
    monkeypatch.setattr(sending, "lease_duration", lambda: timedelta(seconds=2))
    monkeypatch.setattr(sending, "BEAT_SECONDS", 0.1)
    real, row, has_failed = DeliveryQuerySet.select_related, None, threading.Event()

    def select_related(self: DeliveryQuerySet, *fields: str) -> DeliveryQuerySet:
        if row is not None and not has_failed.is_set():
            has_failed.set()
            raise OperationalError("server closed the connection unexpectedly")
        return real(self, *fields)

    monkeypatch.setattr(DeliveryQuerySet, "select_related", select_related)
    slow, other = receivers(), receivers()
    slow.answer(Answer(wait_seconds=8))
    make_delivery(webhook=hook_to(alice, slow))
    first = in_background(send)
    slow.wait_for(1)
    row = make_delivery(webhook=hook_to(alice, other))
    assert has_failed.wait(30)
    while first.is_alive() and not other.requests:
        send()
        first.join(0.2)
    assert first.is_alive(), "the run has kept what it does not send"
    first.join()
    row.refresh_from_db()
    assert (row.status, row.attempt_count) == (Delivery.Status.DONE, 1)
    assert (len(slow.requests), len(other.requests)) == (1, 1)


@on_sqlite
def test_no_run_walks_through_all_deliveries(
    alice: User, receivers: Callable[[], Receiver], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "BEAT_SECONDS", 0)
    receiver = receivers()
    receiver.answer(Answer(wait_seconds=0.3))
    hook = hook_to(alice, receiver)
    fill(hook, 3)
    lost = make_delivery(webhook=hook)
    assert Delivery.objects.claim(lost, seconds=-1)
    assert walks(send) == []
    assert states() == {Delivery.Status.DONE: 4}


def test_a_start_rings_every_bell_of_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    for lane, count in (("speakr", 2), ("gpu", 1), ("text", 1)):
        monkeypatch.setattr(queue.Conf, "CLUSTER_NAME", lane)
        queue.ring_all()
        assert OrmQ.objects.filter(key=lane).count() == count
