"""One attempt after the other: what each comes to (http-contract.md, 15.3, 15.4; 0.1.36 to 39)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from accounts.models import User
from hooks import delivery as sending
from hooks import net
from hooks.event_types import EventType
from hooks.models import SEALED_FOR, Delivery, Webhook
from hooks.outbox import publish
from speakr_site.core import sealing
from tests.factories import WEBHOOK_SECRET, make_delivery, make_webhook
from tests.hooks.receiver import Answer, Receiver, private_networks, refusing_url

pytestmark = pytest.mark.django_db

Send = Callable[[], None]
Wire = Delivery.WireStatus
TOKEN = "token-in-the-query"


@pytest.fixture
def webhook(alice: User, receiver: Receiver) -> Webhook:
    return hook_to(alice, receiver)


def hook_to(owner: User, receiver: Receiver, **columns: Any) -> Webhook:
    return make_webhook(
        owner=owner,
        url=receiver.url(f"/hook?key={TOKEN}"),
        target=receiver.target,
        allow_http=True,
        **columns,
    )


def due_again(row: Delivery) -> None:
    Delivery.objects.filter(pk=row.pk).update(available_at=timezone.now())


def test_what_arrives_is_the_stored_body_signed(
    webhook: Webhook, receiver: Receiver, send: Send
) -> None:
    row = make_delivery(webhook=webhook, data={"title": "Büro 🎙"})
    before = timezone.now().replace(microsecond=0)
    send()
    (request,) = receiver.requests
    assert request.path == f"/hook?key={TOKEN}"
    assert request.body == row.payload.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "Speakr-Webhook/1.0"
    assert request.headers["Speakr-Event"] == row.event_type
    assert request.id == request.headers["webhook-id"] == str(row.event_id)
    stamp = request.headers["Speakr-Timestamp"]
    assert before.strftime("%Y-%m-%dT%H:%M:%SZ") <= stamp
    names = {name.lower(): value for name, value in request.headers.items()}
    # A library of somebody else's, with the key as 0.1.38 has it.
    assert Verifier(WEBHOOK_SECRET.encode()).verify(request.body, names) == json.loads(row.payload)
    assert re.fullmatch(r"sha256=[0-9a-f]{64}", request.headers["Speakr-Signature"])


@pytest.mark.parametrize(
    ("status", "wire", "failures"),
    [
        (200, Wire.SUCCESS, 0),
        (204, Wire.SUCCESS, 0),
        (299, Wire.SUCCESS, 0),
        (302, Wire.PERMANENT_FAILURE, 1),
        (304, Wire.PERMANENT_FAILURE, 1),
        (400, Wire.PERMANENT_FAILURE, 1),
        (404, Wire.PERMANENT_FAILURE, 1),
        (408, Wire.FAILED, 0),
        (410, Wire.PERMANENT_FAILURE, 1),
        (429, Wire.FAILED, 0),
        (500, Wire.FAILED, 0),
        (599, Wire.FAILED, 0),
        (600, Wire.PERMANENT_FAILURE, 1),
    ],
)
def test_a_reply_decides_what_becomes_of_the_delivery(
    webhook: Webhook, receiver: Receiver, send: Send, status: int, wire: str, failures: int
) -> None:
    receiver.answer(Answer(status, {"Location": receiver.url("/elsewhere")}, body=b""))
    row = make_delivery(webhook=webhook)
    send()
    row.refresh_from_db()
    webhook.refresh_from_db()
    assert (row.wire_status, row.attempt_count, row.response_status) == (wire, 1, status)
    assert row.error_message is None
    assert (row.delivered_at is None) == (wire != Wire.SUCCESS)
    assert (row.next_retry_at is None) == (wire != Wire.FAILED)
    assert (row.claim_token, row.lease_expires_at) == (None, None)
    assert webhook.consecutive_failures == failures
    assert webhook.last_delivery_at is not None
    assert [request.path for request in receiver.requests] == [f"/hook?key={TOKEN}"]


@pytest.mark.parametrize("answer", [Answer(hang_up=True), Answer(wait_seconds=5)])
def test_no_reply_is_to_be_repeated(
    webhook: Webhook, receiver: Receiver, send: Send, settings: Any, answer: Answer
) -> None:
    settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS = 1
    receiver.answer(answer)
    row = make_delivery(webhook=webhook, response_status=500, response_body_preview="old")
    send()
    row.refresh_from_db()
    webhook.refresh_from_db()
    assert (row.wire_status, row.attempt_count) == (Wire.FAILED, 1)
    assert (row.response_status, row.response_body_preview) == (None, None)
    assert row.error_message.endswith(".")
    assert (webhook.consecutive_failures, webhook.last_delivery_at is None) == (0, False)


def test_nobody_listening_and_an_unknown_name_are_to_be_repeated(
    alice: User, receiver: Receiver, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    monkeypatch.setattr(net, "resolve", unknown)
    urls = (refusing_url(), "http://receiver.example.com/hook")
    for url in urls:
        make_delivery(webhook=make_webhook(owner=alice, url=url, target=url, allow_http=True))
    send()
    rows = Delivery.objects.order_by("pk")
    assert [(row.wire_status, row.attempt_count) for row in rows] == [(Wire.FAILED, 1)] * 2
    assert "refused" in rows[0].error_message
    assert rows[1].error_message == "DNS resolution failed for 'receiver.example.com'"


def test_an_address_that_is_no_longer_allowed_is_refused_for_good(
    webhook: Webhook,
    receiver: Receiver,
    send: Send,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.WEBHOOK_ALLOWED_PRIVATE_CIDRS = []
    row = make_delivery(webhook=webhook)
    send()
    row.refresh_from_db()
    webhook.refresh_from_db()
    assert (row.wire_status, row.attempt_count) == (Wire.PERMANENT_FAILURE, 1)
    assert row.error_message == "URL resolves to a private/loopback address"
    assert webhook.consecutive_failures == 1
    assert receiver.requests == []
    # The operator is told which.
    assert "127.0.0.1" in caplog.text


def test_a_failed_attempt_waits_for_its_step_of_the_ladder(
    webhook: Webhook, receiver: Receiver, send: Send
) -> None:
    receiver.answer(Answer(500))
    row = make_delivery(webhook=webhook)
    for attempt, seconds in enumerate((30, 120, 600, 3600), start=1):
        send()
        row.refresh_from_db()
        assert row.attempt_count == attempt
        pause = (row.next_retry_at - timezone.now()).total_seconds()
        assert seconds - 5 < pause <= seconds * 1.2
        send()
        assert len(receiver.requests) == attempt, "it was sent before it was due"
        due_again(row)
    send()
    row.refresh_from_db()
    webhook.refresh_from_db()
    assert (row.wire_status, row.attempt_count) == (Wire.PERMANENT_FAILURE, 5)
    assert webhook.consecutive_failures == 1
    assert {request.id for request in receiver.requests} == {str(row.event_id)}
    assert {request.body for request in receiver.requests} == {row.payload.encode()}


@pytest.mark.parametrize(("asked", "seconds"), [("7", 30), ("200", 200), ("9999999", 24 * 3600)])
def test_a_receiver_may_ask_for_a_longer_pause(
    webhook: Webhook, receiver: Receiver, send: Send, asked: str, seconds: int
) -> None:
    receiver.answer(Answer(429, {"Retry-After": asked}))
    row = make_delivery(webhook=webhook)
    send()
    row.refresh_from_db()
    pause = (row.next_retry_at - timezone.now()).total_seconds()
    assert seconds - 5 < pause <= max(36, seconds)


def test_webhooks_pause_at_the_threshold_and_hold_what_waits(
    webhook: Webhook, receiver: Receiver, send: Send, settings: Any
) -> None:
    settings.WEBHOOK_AUTOPAUSE_FAILURES = 3
    receiver.answer(Answer(404))
    rows = [make_delivery(webhook=webhook) for _ in range(6)]
    send()
    webhook.refresh_from_db()
    assert (webhook.enabled, webhook.auto_paused, webhook.pause_reason) == (False, True, "")
    # Two were under way at once when the third failed.
    assert 3 <= webhook.consecutive_failures == len(receiver.requests) <= 4
    publish(owner_id=webhook.owner_id, event_type=webhook.events[0], data={})
    assert webhook.deliveries.count() == len(rows), "nothing new waits for a paused webhook"

    receiver.answer(Answer(200))
    sent = len(receiver.requests)
    send()
    assert len(receiver.requests) == sent, "what waits is held"
    Webhook.objects.filter(pk=webhook.pk).update(
        enabled=True, auto_paused=False, consecutive_failures=0
    )
    send()
    assert len(receiver.requests) == len(rows)
    assert len({request.id for request in receiver.requests}) == len(rows)


def test_a_2xx_zeroes_the_count_but_never_ends_a_pause(webhook: Webhook) -> None:
    claimed = claim(make_delivery(webhook=webhook))
    Webhook.objects.update(consecutive_failures=9)
    Webhook.objects.update(enabled=False, auto_paused=True)
    assert sending.record(claimed, sending.Outcome(sending.Verdict.DELIVERED, 200))
    webhook.refresh_from_db()
    assert (webhook.consecutive_failures, webhook.enabled, webhook.auto_paused) == (0, False, True)


def claim(row: Delivery) -> Delivery:
    assert Delivery.objects.claim(row)
    return row


def test_who_lost_the_lease_writes_nothing_and_counts_nothing(webhook: Webhook) -> None:
    mine = claim(make_delivery(webhook=webhook))
    Delivery.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert Delivery.objects.take_back(timezone.now()) == 1
    theirs = claim(Delivery.objects.get())
    before = Delivery.objects.values().get(), Webhook.objects.values().get()
    for outcome in (
        sending.Outcome(sending.Verdict.DELIVERED, 200),
        sending.Outcome(sending.Verdict.REFUSED, 404),
    ):
        assert not sending.record(mine, outcome)
    assert (Delivery.objects.values().get(), Webhook.objects.values().get()) == before
    assert sending.record(theirs, sending.Outcome(sending.Verdict.DELIVERED, 200))
    assert Delivery.objects.get().attempt_count == 1


def test_killed_between_sent_and_recorded_it_is_sent_again_the_same(
    webhook: Webhook, receiver: Receiver, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> bool:
        raise SystemExit

    row = make_delivery(webhook=webhook)
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(sending, "record", killed)
        send()
    row.refresh_from_db()
    assert (row.status, row.attempt_count) == (Delivery.Status.RUNNING, 0)
    send()
    assert len(receiver.requests) == 1, "the lease still holds"
    Delivery.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    send()
    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    row.refresh_from_db()
    assert (row.wire_status, row.attempt_count) == (Wire.SUCCESS, 1)


def test_a_secret_that_cannot_be_read_pauses_the_webhook_with_a_sentence(
    webhook: Webhook, receiver: Receiver, send: Send, settings: Any
) -> None:
    row = make_delivery(webhook=webhook)
    settings.SECRET_KEY, lost = "another key than the one that sealed it", settings.SECRET_KEY
    send()
    webhook.refresh_from_db()
    row.refresh_from_db()
    assert (webhook.enabled, webhook.auto_paused) == (False, True)
    assert webhook.pause_reason == sending.UNREADABLE_SECRET
    assert (webhook.consecutive_failures, receiver.requests) == (0, [])
    assert (row.wire_status, row.attempt_count) == (Wire.PENDING, 0)
    # Found again, or replaced, what was held is sent.
    settings.SECRET_KEY_FALLBACKS = [lost]
    Webhook.objects.update(enabled=True, auto_paused=False)
    send()
    assert [request.id for request in receiver.requests] == [str(row.event_id)]


def test_during_an_overlap_both_secrets_sign(
    webhook: Webhook, receiver: Receiver, send: Send
) -> None:
    earlier = "earlierearlierearlierearlierearlierearlier0"
    for hours in (1, -1):
        Webhook.objects.update(
            sealed_previous_secret=sealing.seal(earlier, purpose=SEALED_FOR),
            previous_secret_until=timezone.now() + timedelta(hours=hours),
        )
        make_delivery(webhook=webhook)
        send()
    overlapping, after = receiver.requests
    names = {name.lower(): value for name, value in overlapping.headers.items()}
    for secret in (WEBHOOK_SECRET, earlier):
        Verifier(secret.encode()).verify(overlapping.body, names)
    assert len(after.headers["webhook-signature"].split()) == 1


def test_nothing_is_sent_while_webhooks_are_switched_off(
    webhook: Webhook, receiver: Receiver, send: Send, settings: Any
) -> None:
    make_delivery(webhook=webhook)
    settings.WEBHOOK_GLOBAL_ENABLED = False
    send()
    assert receiver.requests == []
    settings.WEBHOOK_GLOBAL_ENABLED = True
    send()
    assert len(receiver.requests) == 1


def test_what_goes_wrong_in_us_costs_one_attempt_and_nobody_else_theirs(
    webhook: Webhook,
    alice: User,
    receiver: Receiver,
    send: Send,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    real = net.destination

    def broken(url: str, **options: Any) -> net.Destination:
        if "broken" in url:
            raise RuntimeError(f"no way to {url}")
        return real(url, **options)

    monkeypatch.setattr(net, "destination", broken)
    url = receiver.url(f"/broken?key={TOKEN}")
    bad = make_delivery(webhook=make_webhook(owner=alice, url=url, target="b", allow_http=True))
    good = make_delivery(webhook=webhook)
    send()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.wire_status, bad.attempt_count) == (Wire.FAILED, 1)
    assert good.wire_status == Wire.SUCCESS
    assert "RuntimeError" in caplog.text
    assert TOKEN not in caplog.text


def test_logs_hold_no_secret_no_payload_and_no_query(
    webhook: Webhook,
    alice: User,
    receiver: Receiver,
    send: Send,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.WEBHOOK_AUTOPAUSE_FAILURES = 1
    settings.WEBHOOK_DELIVERY_TIMEOUT_SECONDS = 1
    private_networks(settings)
    answers = (Answer(200), Answer(503), Answer(hang_up=True), Answer(wait_seconds=3), Answer(404))
    for answer in answers:
        receiver.answer(answer)
        make_delivery(webhook=webhook, data={"title": "told to nobody else"})
        send()
    url = f"{refusing_url()}?key={TOKEN}"
    make_delivery(webhook=make_webhook(owner=alice, url=url, target="r", allow_http=True))
    send()
    assert len(receiver.requests) == len(answers)
    assert "attempt 1" in caplog.text
    for kept in (TOKEN, "told to nobody else", WEBHOOK_SECRET, django_settings.SECRET_KEY):
        assert kept not in caplog.text
    signatures = [request.headers["Speakr-Signature"] for request in receiver.requests]
    assert not any(signature in caplog.text for signature in signatures)


def test_events_of_every_type_are_sent(webhook: Webhook, receiver: Receiver, send: Send) -> None:
    for event_type in EventType.values:
        make_delivery(webhook=webhook, event_type=event_type)
    send()
    told = [request.headers["Speakr-Event"] for request in receiver.requests]
    assert sorted(told) == sorted(EventType.values)
