"""Sends what is due, and writes down what came of it.

A run holds what it sends by one claim token, and many threads send while none of them and no
transaction touches the database; the run's own thread claims, renews and records. Two runs at once
are enough, and a third that ends: mails and sweeps need a worker too.
"""

from __future__ import annotations

import logging
import random
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F, Min, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from hooks import envelope, net
from hooks.models import ERROR_LENGTH, Delivery, Webhook
from hooks.outbox import BELL
from hooks.outcomes import Outcome, Verdict, pause_after, verdict_on
from speakr_site.core.ledger import one_at_a_time
from speakr_site.core.queue import ring, ring_at
from speakr_site.core.sealing import SealBroken

logger = logging.getLogger(__name__)

THREADS = 48
AT_ONCE_PER_TARGET = 2
RUNS_AT_ONCE = 2
POLL_SECONDS = 0.2
BEAT_SECONDS = 1.0
# Who has missed so many is not counted as being at work; the rows are given to others only when
# the lease is over.
BEATS_MISSED = 3
LEASE_MARGIN_SECONDS = 5
# Between the end of the last attempt that a run may begin and the end that django-q2 would make.
RUN_MARGIN_SECONDS = 10
# Beyond it the sweep of each minute is soon enough.
LOOK_AHEAD = timedelta(minutes=1)

UNREADABLE_SECRET = (
    "The webhook's secret cannot be read with the keys of this server: give it a new one, "
    "then switch the webhook on."
)
UNEXPECTED = "The attempt failed."

Status = Delivery.Status


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a thread needs to know. `ends`: of time.monotonic()."""

    delivery: Delivery
    headers: dict[str, str]
    body: bytes
    ends: float

    def __str__(self) -> str:
        return f"delivery {self.delivery.pk} of webhook {self.delivery.webhook_id}"


def send_due(*, should_stop: Callable[[], bool]) -> None:
    """Sends until nothing is due, or for as long as the lane allows; then rings for what is left.

    Safe from any number of workers. With `should_stop` it begins nothing more and ends what it
    began.
    """
    if not settings.WEBHOOK_GLOBAL_ENABLED or should_stop():
        return
    Delivery.objects.take_back(timezone.now())
    _Run(should_stop).work()
    _ring_for_the_rest(timezone.now())


class _Run:
    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._token = uuid.uuid4()
        self._began = timezone.now()
        self._beaten = time.monotonic()
        self._ends = self._beaten + run_seconds()
        self._is_ending = False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
        self._sending: dict[Future[Outcome], Attempt] = {}

    def work(self) -> None:
        try:
            while True:
                try:
                    self._beat()
                    self._record_ended()
                    self._begin_more()
                    if not self._sending:
                        return
                    wait(self._sending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                except DatabaseError as error:
                    self._wait_for_the_database(error)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin_more(self) -> None:
        if self._is_ending:
            return
        is_late = time.monotonic() > self._ends
        if is_late or self._should_stop():
            self._is_ending = True
            if is_late:
                # The next run need not wait for what this one still has under way.
                ring(BELL)
            return
        for delivery in self._claim(THREADS - len(self._sending)):
            self._begin(delivery)

    def _claim(self, room: int) -> list[Delivery]:
        """Those that are due longest, of each target as many as it may have, in turns: however
        much one target has to get, the others get theirs.
        """
        if not self._choice(room):
            return []
        with transaction.atomic():
            one_at_a_time(BELL)
            # Again, now that what others hold stays what it is.
            rows = Delivery.objects.filter(pk__in=self._choice(room), status=Status.QUEUED)
            claimed = rows.update_unlocked(
                status=Status.RUNNING,
                # Of all that a run holds: so others see when it is at its end.
                claimed_at=self._began,
                claim_token=self._token,
                lease_expires_at=timezone.now() + lease_duration(),
            )
        mine = Delivery.objects.held(self._token).filter(pk__in=claimed)
        return list(mine.select_related("webhook").order_by("available_at", "pk"))

    def _choice(self, room: int) -> list[int]:
        """What it may claim; nothing, and the run ends, where others are enough."""
        now = timezone.now()
        beating = now + lease_duration() - timedelta(seconds=BEATS_MISSED * BEAT_SECONDS)
        rows = Delivery.objects.filter(status=Status.RUNNING, lease_expires_at__gt=beating)
        held = list(rows.order_by().values_list("webhook__target", "claimed_at", "claim_token"))
        if self._is_one_too_many({(began, token) for _, began, token in held}, now):
            self._is_ending = True
            return []
        return _candidates(now, Counter(target for target, _, _ in held), room)

    def _is_one_too_many(self, runs: set[tuple[datetime, uuid.UUID]], now: datetime) -> bool:
        """One that has come to its end only waits for what it holds: its place may be taken, but a
        worker of the lane stays free of deliveries all the same.
        """
        older = {run for run in runs if run < (self._began, self._token)}
        oldest = now - timedelta(seconds=run_seconds())
        working = {run for run in older if run[0] > oldest}
        return len(working) >= RUNS_AT_ONCE or len(older) > RUNS_AT_ONCE

    def _begin(self, delivery: Delivery) -> None:
        now = timezone.now()
        try:
            secrets = delivery.webhook.secrets(now)
        except SealBroken:
            _hold_unreadable(delivery, now)
            return
        body = delivery.payload.encode()
        headers = envelope.headers(
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            body=body,
            secrets=secrets,
            now=now,
        )
        ends = time.monotonic() + settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS
        attempt = Attempt(delivery, headers, body, ends)
        self._sending[self._pool.submit(_send, attempt)] = attempt

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._beaten = time.monotonic()
            expires = timezone.now() + lease_duration()
            # Not those that it holds and does not send: a claim or a record that failed.
            sent = [attempt.delivery.pk for attempt in self._sending.values()]
            mine = Delivery.objects.held(self._token).filter(pk__in=sent)
            mine.update_unlocked(lease_expires_at=expires)

    def _record_ended(self) -> None:
        """Raises the last DatabaseError, once all was tried: what one row meets is not in the way
        of the others.
        """
        problem = None
        for future, attempt in list(self._sending.items()):
            if not future.done():
                continue
            outcome = future.result()
            try:
                recorded = record(attempt.delivery, outcome)
            except DatabaseError as error:
                problem = error
                continue
            if not recorded:
                logger.warning("%s was lost to another run: %s", attempt, outcome)
            del self._sending[future]
        if problem is not None:
            raise problem

    def _wait_for_the_database(self, error: Exception) -> None:
        """What ended meanwhile is recorded later, while the rows are still held."""
        is_over = time.monotonic() > self._ends + settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS
        if is_over or not self._sending:
            raise error
        logger.warning("Deliveries: the database does not answer: %s", type(error).__name__)
        connection.close()
        time.sleep(POLL_SECONDS)


def run_seconds() -> float:
    """For how long a run begins attempts: the last of them still ends within the lane's limit."""
    lane_seconds = settings.Q_CLUSTER["timeout"]
    return lane_seconds - settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS - RUN_MARGIN_SECONDS


def lease_duration() -> timedelta:
    seconds = settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS + LEASE_MARGIN_SECONDS
    return timedelta(seconds=seconds)


def _candidates(now: datetime, under_way: Counter[str], room: int) -> list[int]:
    """`under_way`: how many attempts each target has."""
    if room <= 0:
        return []
    full = [target for target, count in under_way.items() if count >= AT_ONCE_PER_TARGET]
    turn = Window(RowNumber(), partition_by="webhook__target", order_by=["available_at", "pk"])
    rows = (
        Delivery.objects.due(now)
        .exclude(webhook__target__in=full)
        .annotate(turn=turn)
        .filter(turn__lte=AT_ONCE_PER_TARGET)
        .order_by("turn", "available_at", "pk")
        .values_list("pk", "webhook__target")
    )
    keys = []
    for key, target in rows[:room]:
        if under_way[target] < AT_ONCE_PER_TARGET:
            under_way[target] += 1
            keys.append(key)
    return keys


def _send(attempt: Attempt) -> Outcome:
    """Runs in a thread of the pool, without the database. Never raises."""
    webhook = attempt.delivery.webhook
    try:
        lookup = min(net.LOOKUP_SECONDS, attempt.ends - time.monotonic())
        to = net.destination(webhook.url, allow_http=webhook.allow_http, seconds=lookup)
        seconds = attempt.ends - time.monotonic()
        reply = net.post(to, body=attempt.body, headers=attempt.headers, seconds=seconds)
    except net.UrlRefused as refused:
        if refused.seen_address is not None:
            logger.warning("%s was refused: it leads to %s", attempt, refused.seen_address)
        verdict = Verdict.REPEAT if isinstance(refused, net.LookupFailed) else Verdict.REFUSED
        return Outcome(verdict, error=str(refused))
    except net.SendFailed as failed:
        return Outcome(Verdict.REPEAT, error=str(failed))
    except Exception as error:
        # Its text is not logged: a URL with a token may stand in it.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("%s: %s\n%s", attempt, type(error).__name__, frames)
        return Outcome(Verdict.REPEAT, error=UNEXPECTED)
    return Outcome(verdict_on(reply.status), reply.status, reply.preview, None, reply.retry_after)


def record(delivery: Delivery, outcome: Outcome) -> bool:
    """Writes what came of an attempt on a claimed delivery, and counts it; False when the claim is
    no longer ours, and nothing was written.

    The webhook before the delivery, whose lock is not waited for: whoever deletes either may hold
    the one and wait for the other.
    """
    now = timezone.now()
    attempts = delivery.attempt_count + 1
    changes, is_final_failure = _next_state(outcome, attempts, now)
    told = {"last_delivery_at": now}
    if outcome.verdict is Verdict.DELIVERED:
        told["consecutive_failures"] = 0
    elif is_final_failure:
        told["consecutive_failures"] = F("consecutive_failures") + 1
    mine = Delivery.objects.held(delivery.claim_token).filter(pk=delivery.pk)
    with transaction.atomic():
        Webhook.objects.filter(pk=delivery.webhook_id).update(**told)
        if not mine.update_unlocked(
            claim_token=None,
            lease_expires_at=None,
            attempt_count=attempts,
            response_status=outcome.status,
            response_body_preview=outcome.preview,
            error_message=outcome.error and outcome.error[:ERROR_LENGTH],
            **changes,
        ):
            transaction.set_rollback(True)
            return False
        is_paused = is_final_failure and _pause_after_failures(delivery.webhook_id, now)
    logger.info(
        "delivery %d of webhook %d, attempt %d: %s%s",
        delivery.pk, delivery.webhook_id, attempts, outcome,
        ", for good" if is_final_failure else "",
    )  # fmt: skip
    if is_paused:
        logger.warning("webhook %d is paused: too many failures", delivery.webhook_id)
    return True


def _next_state(outcome: Outcome, attempts: int, now: datetime) -> tuple[dict[str, object], bool]:
    """Columns of the delivery, and whether it has failed for good."""
    if outcome.verdict is Verdict.DELIVERED:
        return {"status": Status.DONE, "delivered_at": now}, False
    if outcome.verdict is Verdict.REFUSED or attempts >= settings.WEBHOOK_MAX_ATTEMPTS:
        return {"status": Status.FAILED}, True
    pause = pause_after(
        attempts,
        ladder=settings.WEBHOOK_RETRY_DELAYS,
        retry_after=outcome.retry_after,
        chance=random.Random(),
    )
    return {"status": Status.QUEUED, "available_at": now + pause}, False


def _pause_after_failures(webhook_id: int, now: datetime) -> bool:
    hooks = Webhook.objects.filter(
        pk=webhook_id,
        enabled=True,
        consecutive_failures__gte=settings.WEBHOOK_AUTOPAUSE_FAILURES,
    )
    return hooks.update(enabled=False, auto_paused=True, pause_reason="", updated_at=now) == 1


def _hold_unreadable(delivery: Delivery, now: datetime) -> None:
    """Pauses the webhook; what waits for it is held, and this was no attempt."""
    hooks = Webhook.objects.filter(pk=delivery.webhook_id, enabled=True)
    with transaction.atomic():
        hooks.update(
            enabled=False, auto_paused=True, pause_reason=UNREADABLE_SECRET, updated_at=now
        )
        mine = Delivery.objects.held(delivery.claim_token).filter(pk=delivery.pk)
        mine.update_unlocked(status=Status.QUEUED, claim_token=None, lease_expires_at=None)
    logger.error("webhook %d is paused: its secret cannot be read", delivery.webhook_id)


def _ring_for_the_rest(now: datetime) -> None:
    """When the next delivery is due, or the lease of a lost one over. The moment may have come: of
    what other runs do not get done, somebody takes care.
    """
    waiting = Delivery.objects.filter(status=Status.QUEUED, webhook__enabled=True)
    running = Delivery.objects.filter(status=Status.RUNNING)
    moments = [
        waiting.aggregate(moment=Min("available_at"))["moment"],
        running.aggregate(moment=Min("lease_expires_at"))["moment"],
    ]
    earliest = min((moment for moment in moments if moment), default=None)
    if earliest is not None and earliest < now + LOOK_AHEAD:
        ring_at(BELL, max(earliest, now))
