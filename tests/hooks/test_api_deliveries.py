"""Tests, deliveries and replays over the API (http-contract.md, 15.2)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ
from rest_framework.test import APIClient

from accounts.models import User
from hooks.models import Delivery, Webhook
from hooks.services import redeliver, replay, send_test
from speakr_site.core.models import AuditEntry
from tests.factories import make_delivery, make_webhook

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 16, 9, 30, 0, 999_999, tzinfo=UTC)
KEYS = {
    *("id", "webhook_id", "event_id", "event_type", "attempt_count", "status", "response_status"),
    *("response_body_preview", "error_message", "next_retry_at", "created_at", "delivered_at"),
}
DISABLED = {"error": "Webhook is disabled; enable it first"}
# What stands in a row, and what the contract calls it (15.4).
STATES = [
    ({"status": "queued"}, "pending", True),
    ({"status": "running"}, "pending", True),
    ({"status": "queued", "attempt_count": 1}, "failed", True),
    ({"status": "running", "attempt_count": 4}, "failed", True),
    ({"status": "done", "attempt_count": 1}, "success", False),
    ({"status": "failed", "attempt_count": 5}, "permanent_failure", False),
    ({"status": "failed"}, "permanent_failure", False),
]


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice)


@pytest.fixture
def url(hook: Webhook) -> str:
    return f"/api/v1/webhooks/{hook.pk}"


class TestTheTest:
    def test_it_is_queued_for_this_webhook_whatever_it_listens_to(
        self,
        client: APIClient,
        alice: User,
        hook: Webhook,
        url: str,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        make_webhook(owner=alice, events=["webhook.test"])
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(f"{url}/test")
        assert answer.status_code == 202
        told = answer.json()
        assert set(told) == KEYS
        expected = {"webhook_id": hook.pk, "event_type": "webhook.test", "status": "pending"}
        assert told.items() >= {**expected, "attempt_count": 0, "delivered_at": None}.items()
        assert told["next_retry_at"] == told["created_at"]
        body = json.loads(Delivery.objects.get().payload)
        assert list(body) == ["id", "type", "timestamp", "user_id", "data"]
        assert (body["id"], body["type"]) == (told["event_id"], "webhook.test")
        assert body["user_id"] == alice.pk
        assert set(body["data"]) == {"reason", "webhook_id"}
        assert body["data"]["webhook_id"] == hook.pk
        assert OrmQ.objects.filter(key="speakr").count() == 1, "the bell"

    @pytest.mark.parametrize("auto_paused", [True, False])
    def test_a_disabled_one_is_not_tested(
        self, client: APIClient, hook: Webhook, url: str, auto_paused: bool
    ) -> None:
        Webhook.objects.update(enabled=False, auto_paused=auto_paused)
        refused = client.post(f"{url}/test")
        assert (refused.status_code, refused.json()) == (409, DISABLED)
        assert not Delivery.objects.exists()

    def test_nothing_is_queued_while_webhooks_are_switched_off(
        self, client: APIClient, hook: Webhook, url: str, settings: Any
    ) -> None:
        earlier = make_delivery(webhook=hook)
        settings.WEBHOOK_GLOBAL_ENABLED = False
        for path in ("test", f"deliveries/{earlier.pk}/replay"):
            refused = client.post(f"{url}/{path}")
            assert refused.status_code == 409
            assert refused.json() == {"error": "Webhooks are switched off on this server"}
        assert Delivery.objects.get() == earlier


class TestListing:
    def test_the_newest_come_first_and_without_their_bodies(
        self, client: APIClient, alice: User, hook: Webhook, url: str
    ) -> None:
        made = [make_delivery(webhook=hook).pk for _ in range(3)]
        make_delivery(webhook=make_webhook(owner=alice))
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(f"{url}/deliveries").json()
        assert [row["id"] for row in answer["deliveries"]] == made[::-1]
        assert set(answer["deliveries"][0]) == KEYS
        assert answer["limit"] == 50
        assert len(asked) == 2
        assert '"payload"' not in " ".join(query["sql"] for query in asked)

    @pytest.mark.parametrize(
        ("given", "limit"),
        [
            *(("1", 1), ("2", 2), ("200", 200), ("201", 200), ("0", 1), ("-5", 1), (" 3 ", 3)),
            *(("", 50), ("x", 50), ("1.5", 50), ("1e2", 50), ("true", 50), ("-", 50), ("--1", 50)),
            *(("9" * 30, 200), ("9" * 5000, 50), ("1,2", 50)),
        ],
    )
    def test_the_limit_is_clamped_and_never_refused(
        self, client: APIClient, hook: Webhook, url: str, given: str, limit: int
    ) -> None:
        for _ in range(3):
            make_delivery(webhook=hook)
        answer = client.get(f"{url}/deliveries", {"limit": given})
        assert answer.status_code == 200
        assert answer.json()["limit"] == limit
        assert len(answer.json()["deliveries"]) == min(3, limit)

    @pytest.mark.parametrize(("columns", "status", "is_due"), STATES)
    def test_a_state_has_the_contract_s_name(
        self,
        client: APIClient,
        hook: Webhook,
        url: str,
        columns: dict[str, Any],
        status: str,
        is_due: bool,
    ) -> None:
        make_delivery(webhook=hook, available_at=NOW, **columns)
        (row,) = client.get(f"{url}/deliveries").json()["deliveries"]
        assert row["status"] == status
        assert row["next_retry_at"] == ("2026-01-16T09:30:00Z" if is_due else None)


class TestOne:
    def test_it_has_the_very_text_of_its_body(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        made = make_delivery(
            webhook=hook,
            data={"title": "Zoë — 会議 🎙"},
            status="done",
            attempt_count=2,
            response_status=200,
            response_body_preview='{"ok":true}',
            delivered_at=NOW,
        )
        answer = client.get(f"{url}/deliveries/{made.pk}").json()
        assert set(answer) == KEYS | {"payload"}
        assert answer["payload"] == made.payload
        assert "Zoë — 会議 🎙" in answer["payload"]
        told = {"response_status": 200, "response_body_preview": '{"ok":true}'}
        assert answer.items() >= {**told, "delivered_at": "2026-01-16T09:30:00Z"}.items()
        assert uuid.UUID(answer["event_id"]) == made.event_id

    @pytest.mark.parametrize("more", ["", "/replay"])
    def test_one_of_another_webhook_is_not_found(
        self, client: APIClient, alice: User, hook: Webhook, url: str, more: str
    ) -> None:
        other = make_delivery(webhook=make_webhook(owner=alice))
        method = client.post if more else client.get
        for pk in (other.pk, other.pk + 1, 10**30):
            refused = method(f"{url}/deliveries/{pk}{more}")
            assert (refused.status_code, refused.json()) == (404, {"error": "Delivery not found"})
        assert Delivery.objects.count() == 1


class TestReplaying:
    def test_it_is_a_new_event_that_names_the_old(
        self,
        client: APIClient,
        alice: User,
        hook: Webhook,
        url: str,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        data = {"recording_id": 7, "title": 'Zoë "会議" \\ 🎙', "seconds": 0.1, "none": None}
        ended = {"status": "failed", "attempt_count": 5, "error_message": "Timed out."}
        old = make_delivery(webhook=hook, data=data, created_at=NOW, **ended)
        before = Delivery.objects.filter(pk=old.pk).values().get()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(f"{url}/deliveries/{old.pk}/replay")
        assert answer.status_code == 202
        told = answer.json()
        assert set(told) == KEYS
        fresh = {"status": "pending", "attempt_count": 0, "error_message": None}
        assert told.items() >= {**fresh, "event_type": old.event_type}.items()
        assert told["event_id"] != str(old.event_id)
        assert Delivery.objects.filter(pk=old.pk).values().get() == before
        first, again = json.loads(old.payload), json.loads(Delivery.objects.first().payload)
        assert list(again) == [*first, "replayed_from"]
        assert (again["id"], again["replayed_from"]) == (told["event_id"], str(old.event_id))
        assert (again["type"], again["user_id"], again["data"]) == (
            first["type"],
            first["user_id"],
            first["data"],
        )
        assert again["timestamp"] == told["created_at"]
        assert "Zoë" in Delivery.objects.first().payload
        assert OrmQ.objects.filter(key="speakr").count() == 1, "the bell"

    def test_a_replay_of_a_replay_names_that(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        pk = make_delivery(webhook=hook).pk
        first = client.post(f"{url}/deliveries/{pk}/replay").json()
        client.post(f"{url}/deliveries/{first['id']}/replay")
        body = json.loads(Delivery.objects.first().payload)
        assert body["replayed_from"] == first["event_id"]
        assert list(body).count("replayed_from") == 1

    def test_one_for_a_disabled_webhook_is_not_replayed(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        old = make_delivery(webhook=hook)
        Webhook.objects.update(enabled=False)
        refused = client.post(f"{url}/deliveries/{old.pk}/replay")
        assert (refused.status_code, refused.json()) == (409, DISABLED)
        assert Delivery.objects.get() == old


class TestRedelivering:
    """What operators do; the API has no such thing."""

    def test_what_ended_goes_back_as_it_was_with_all_attempts_before_it(
        self, hook: Webhook, otto: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        ended = {"attempt_count": 5, "response_status": 500, "response_body_preview": "no"}
        failed = make_delivery(webhook=hook, status="failed", error_message="No.", **ended)
        done = make_delivery(webhook=hook, status="done", delivered_at=NOW, **ended)
        waiting = make_delivery(webhook=hook, attempt_count=3)
        kept = ("event_id", "payload", "event_type", "webhook_id", "created_at")
        rows = Delivery.objects.order_by("pk")
        before = list(rows.values(*kept))
        with django_capture_on_commit_callbacks(execute=True):
            assert redeliver(deliveries=Delivery.objects.all(), by=otto) == 2
        assert list(rows.values(*kept)) == before
        for row in (failed, done):
            row.refresh_from_db()
            assert (row.wire_status, row.attempt_count, row.delivered_at) == ("pending", 0, None)
            assert (row.response_status, row.response_body_preview, row.error_message) == (
                None,
                None,
                None,
            )
        waiting.refresh_from_db()
        assert waiting.attempt_count == 3
        assert OrmQ.objects.filter(key="speakr").count() == 1, "the bell"
        (entry,) = AuditEntry.objects.values_list("actor_name", "action", "object_id", "detail")
        told = "n8n pipeline to hooks.example.com:443: 2 of its deliveries"
        assert entry == ("otto", "webhook.redeliver", hook.pk, told)

    def test_only_those_that_were_chosen(self, hook: Webhook) -> None:
        old, new = (make_delivery(webhook=hook, status="failed") for _ in range(2))
        assert redeliver(deliveries=Delivery.objects.filter(pk=new.pk), by=None) == 1
        old.refresh_from_db()
        assert old.status == Delivery.Status.FAILED

    @pytest.mark.parametrize(("auto_paused", "count"), [(True, 1), (False, 0)])
    def test_a_paused_one_holds_them_and_a_disabled_one_is_left_alone(
        self, hook: Webhook, auto_paused: bool, count: int
    ) -> None:
        Webhook.objects.update(enabled=False, auto_paused=auto_paused)
        make_delivery(webhook=hook, status="failed")
        assert redeliver(deliveries=Delivery.objects.all(), by=None) == count
        assert Delivery.objects.filter(status="queued").count() == count


@pytest.mark.parametrize(
    "act",
    [
        lambda delivery, by: send_test(webhook=delivery.webhook, by=by),
        lambda delivery, by: replay(delivery=delivery, by=by),
    ],
    ids=["test", "replay"],
)
def test_what_an_operator_sends_to_somebody_else_s_is_on_record(
    alice: User, otto: User, hook: Webhook, act: Callable[[Delivery, User], Delivery]
) -> None:
    old = make_delivery(webhook=hook)
    act(old, alice)
    assert not AuditEntry.objects.exists()
    made = act(old, otto)
    (entry,) = AuditEntry.objects.all()
    assert (entry.actor, entry.action) == (otto, "webhook.send")
    assert str(made.event_id) in entry.detail
