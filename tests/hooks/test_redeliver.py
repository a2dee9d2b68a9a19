"""`manage.py redeliver`: which deliveries it puts back, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from hooks import services
from hooks.models import Delivery, Webhook
from hooks.outbox import publish
from hooks.pruning import SWITCHED_OFF
from speakr_site.core.models import AuditEntry
from tests.factories import make_delivery, make_webhook
from tests.hooks.receiver import Answer, Receiver

pytestmark = pytest.mark.django_db

QUEUED, RUNNING = Delivery.Status.QUEUED, Delivery.Status.RUNNING
DONE, FAILED = Delivery.Status.DONE, Delivery.Status.FAILED
WEEKEND = ("--since", "2026-03-06T18:00", "--until", "2026-03-09T08:00")


def redeliver(*arguments: str) -> list[str]:
    said = StringIO()
    call_command("redeliver", *arguments, stdout=said, no_color=True)
    return said.getvalue().splitlines()


def back() -> set[int]:
    return set(Delivery.objects.filter(status=QUEUED).values_list("pk", flat=True))


def at(day: int, hour: int, **columns: Any) -> Delivery:
    moment = datetime(2026, 3, day, hour, tzinfo=UTC)
    return make_delivery(**{"status": FAILED, "attempt_count": 5, "created_at": moment, **columns})


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice, name="n8n", url="https://hooks.example.com/x?key=geheim")


@pytest.fixture
def other(carol: User) -> Webhook:
    return make_webhook(owner=carol, name="zap", target="zap.example.com:443")


def test_a_dry_run_says_what_and_does_nothing(hook: Webhook, other: Webhook, alice: User) -> None:
    paused = make_webhook(owner=alice, name="dead", enabled=False, auto_paused=True)
    off = make_webhook(owner=alice, name="old", enabled=False)
    for webhook in (hook, hook, other, paused, off):
        at(7, 12, webhook=webhook)
    assert redeliver(*WEEKEND, "--dry-run") == [
        f"2 of #{hook.pk} “n8n” of alice, hooks.example.com:443",
        f"1 of #{other.pk} “zap” of carol, zap.example.com:443",
        f"1 of #{paused.pk} “dead” of alice, hooks.example.com:443: held until it is resumed",
        f"1 of #{off.pk} “old” of alice, hooks.example.com:443: left, it is switched off",
        "4 would be put back.",
    ]
    assert back() == set()
    assert not AuditEntry.objects.exists()
    assert redeliver(*WEEKEND)[-1] == "4 put back."
    assert len(back()) == 4


def test_it_takes_what_failed_for_good_in_that_time(hook: Webhook) -> None:
    first = at(6, 18, webhook=hook)
    last = at(9, 7, webhook=hook)
    for day, hour, status in ((6, 17, FAILED), (9, 8, FAILED), (7, 12, DONE), (7, 12, RUNNING)):
        at(day, hour, webhook=hook, status=status)
    assert redeliver(*WEEKEND)[-1] == "2 put back."
    assert back() == {first.pk, last.pk}


def test_with_all_it_takes_what_arrived_too_and_never_what_is_on_its_way(hook: Webhook) -> None:
    ended = {at(7, 12, webhook=hook, status=status).pk for status in (FAILED, DONE)}
    at(7, 12, webhook=hook, status=RUNNING)
    waiting = at(7, 12, webhook=hook, status=QUEUED, attempt_count=3)
    assert redeliver(*WEEKEND, "--status", "all")[-1] == "2 put back."
    assert back() == {*ended, waiting.pk}
    waiting.refresh_from_db()
    assert waiting.attempt_count == 3


def test_what_an_owner_dropped_stays_dropped(hook: Webhook) -> None:
    at(7, 12, webhook=hook, error_message=SWITCHED_OFF)
    failed = at(7, 12, webhook=hook, error_message="The receiver refused the connection.")
    redeliver(*WEEKEND, "--status", "all")
    assert back() == {failed.pk}


def test_it_keeps_to_one_webhook(hook: Webhook, other: Webhook) -> None:
    mine = at(7, 12, webhook=hook)
    at(7, 12, webhook=other)
    assert redeliver(*WEEKEND, "--webhook", str(hook.pk))[-1] == "1 put back."
    assert back() == {mine.pk}


def test_the_same_event_goes_out_again_with_all_attempts(hook: Webhook) -> None:
    row = at(7, 12, webhook=hook, response_status=500, error_message="no route")
    redeliver(*WEEKEND)
    again = Delivery.objects.get(pk=row.pk)
    assert (again.event_id, again.payload) == (row.event_id, row.payload)
    assert (again.attempt_count, again.wire_status, again.error_message) == (0, "pending", None)


def test_times_have_offsets_or_are_utc(hook: Webhook) -> None:
    row = at(7, 12, webhook=hook)
    assert redeliver("--since", "2026-03-07T13:00+01:00", "--dry-run")[-1].startswith("1 ")
    assert redeliver("--since", "2026-03-07T13:00:01+01:00", "--dry-run")[-1].startswith("0 ")
    assert redeliver("--since", "2026-03-07T12:00Z", "--dry-run")[-1].startswith("1 ")
    assert redeliver("--since", "2026-03-07", "--dry-run")[-1].startswith("1 ")
    assert redeliver("--since", "2026-03-07T12:00:01", "--dry-run")[-1].startswith("0 ")
    redeliver("--since", "2026-03-07")
    assert back() == {row.pk}


def test_the_trail_tells_of_each_webhook_and_of_no_secret(hook: Webhook, other: Webhook) -> None:
    at(7, 12, webhook=hook)
    at(7, 12, webhook=other)
    redeliver(*WEEKEND)
    rows = AuditEntry.objects.order_by("object_id").values_list("action", "object_id", "actor_name")
    assert list(rows) == [("webhook.redeliver", hook.pk, ""), ("webhook.redeliver", other.pk, "")]
    assert "geheim" not in "".join(AuditEntry.objects.values_list("detail", flat=True))


def test_more_than_one_statement_can_name_are_put_back_as_one(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "PUT_BACK_AT_ONCE", 3)
    rows = {at(7, 12, webhook=hook).pk for _ in range(7)}
    assert redeliver(*WEEKEND)[-1] == "7 put back."
    assert back() == rows
    (told,) = AuditEntry.objects.values_list("detail", flat=True)
    assert told.endswith(": 7 of its deliveries")


def test_it_says_that_nothing_is_sent_while_webhooks_are_off(hook: Webhook, settings: Any) -> None:
    settings.WEBHOOK_GLOBAL_ENABLED = False
    assert "WEBHOOK_GLOBAL_ENABLED" in redeliver(*WEEKEND)[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--since"),
        (("--since", "yesterday"), "'yesterday' is no time such as"),
        (("--since", "0001-01-01T00:00+14:00"), "its year must be from 1900 to 2200"),
        (("--since", "2201-01-01"), "its year must be from 1900 to 2200"),
        (("--since", "2200-01-01"), "--since must be before --until"),
        (("--since", "2026-03-09", "--until", "2026-03-09"), "--since must be before --until"),
        ((*WEEKEND, "--webhook", "4711"), "There is no webhook 4711"),
        ((*WEEKEND, "--webhook", "n8n"), "'n8n' is no number of a webhook"),
        ((*WEEKEND, "--webhook", "9" * 40), "is no number of a webhook"),
        ((*WEEKEND, "--status", "lost"), "invalid choice"),
    ],
)
def test_nonsense_ends_with_a_sentence(
    hook: Webhook, arguments: tuple[str, ...], sentence: str
) -> None:
    at(7, 12, webhook=hook)
    with pytest.raises(CommandError, match=sentence):
        redeliver(*arguments)
    assert back() == set()


@pytest.mark.django_db(transaction=True)
def test_what_a_dead_receiver_missed_arrives_with_the_same_id(
    alice: User, receiver: Receiver, send: Callable[[], None], settings: Any
) -> None:
    settings.WEBHOOK_MAX_ATTEMPTS = 1
    hook = make_webhook(owner=alice, url=receiver.url(), target=receiver.target, allow_http=True)
    publish(owner_id=alice.pk, event_type=hook.events[0], data={"recording_id": 7})
    receiver.answer(Answer(status=500), Answer(status=200))
    send()
    assert Delivery.objects.get().status == FAILED
    lately = (timezone.now() - timedelta(hours=1)).isoformat()
    assert redeliver("--since", lately)[-1] == "1 put back."
    send()
    assert Delivery.objects.get().status == DONE
    missed, again = receiver.wait_for(2)
    assert (again.id, again.body) == (missed.id, missed.body)
