"""What operators see of everybody's webhooks, and what they can do about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from hooks.models import Delivery, Webhook
from hooks.overview import overview
from speakr_site.core.models import AuditEntry
from tests.conftest import signed_in
from tests.factories import WEBHOOK_SECRET, make_delivery, make_webhook
from tests.hooks.plans import on_sqlite, walks

pytestmark = pytest.mark.django_db

HOOKS, DELIVERIES = "/admin/hooks/webhook/", "/admin/hooks/delivery/"
REDELIVER = f"{DELIVERIES}redeliver/"
QUEUED, RUNNING = Delivery.Status.QUEUED, Delivery.Status.RUNNING
DONE, FAILED = Delivery.Status.DONE, Delivery.Status.FAILED
ADDRESS = "https://hooks.example.com/speakr?key=geheim"


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice, name="n8n", url=ADDRESS)


@pytest.fixture
def paused(alice: User) -> Webhook:
    return make_webhook(
        owner=alice,
        name="dead",
        target="dead.example.com:443",
        enabled=False,
        auto_paused=True,
        consecutive_failures=10,
    )


@pytest.fixture
def off(alice: User) -> Webhook:
    return make_webhook(owner=alice, name="old", target="old.example.com:443", enabled=False)


def act(client: Client, path: str, action: str, *rows: Any) -> list[str]:
    """What the console says after an action on these rows."""
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    page = client.post(path, chosen, follow=True)
    assert page.status_code == 200
    return [str(message) for message in page.context["messages"]]


def shown(client: Client, path: str, **asked: Any) -> set[int]:
    page = client.get(path, asked)
    assert page.status_code == 200, page
    return {row.pk for row in page.context["cl"].result_list}


def trail() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name"))


class TestWebhooks:
    def test_no_page_shows_a_secret_or_a_path(self, console: Client, hook: Webhook) -> None:
        change = reverse("admin:hooks_webhook_change", args=[hook.pk])
        for path in (HOOKS, change):
            html = console.get(path).content.decode()
            assert "hooks.example.com:443" in html
            assert "geheim" not in html
            assert WEBHOOK_SECRET not in html
            assert hook.sealed_secret not in html
            assert "/speakr" not in html

    @pytest.mark.parametrize(
        ("url", "scheme"),
        [
            (ADDRESS, "https"),
            ("HTTP://hooks.example.com:8080?key=geheim", "http"),
            ("https://a℀b.example.com/ü/?key=geheim", "https"),
        ],
    )
    def test_the_page_says_where_it_leads(
        self, console: Client, alice: User, url: str, scheme: str
    ) -> None:
        hook = make_webhook(owner=alice, url=url)
        html = console.get(f"{HOOKS}{hook.pk}/change/").content.decode()
        assert f'<div class="readonly">{scheme}</div>' in html
        assert "geheim" not in html

    @pytest.mark.parametrize(
        "lookup", ["url__contains", "sealed_secret__startswith", "owner__password__startswith"]
    )
    def test_no_address_reads_what_is_not_shown(
        self, console: Client, hook: Webhook, lookup: str
    ) -> None:
        assert console.get(HOOKS, {lookup: "g"}).status_code == 400

    def test_they_are_filtered_by_state(
        self, console: Client, hook: Webhook, paused: Webhook, off: Webhook
    ) -> None:
        assert shown(console, HOOKS, state="on") == {hook.pk}
        assert shown(console, HOOKS, state="paused") == {paused.pk}
        assert shown(console, HOOKS, state="off") == {off.pk}
        assert shown(console, HOOKS, q="dead.example") == {paused.pk}
        assert shown(console, HOOKS, q=str(off.pk)) >= {off.pk}

    def test_a_paused_one_is_resumed(self, console: Client, paused: Webhook) -> None:
        held = make_delivery(webhook=paused)
        assert act(console, HOOKS, "resume", paused) == ["dead: resumed; what was held is sent"]
        paused.refresh_from_db()
        assert (paused.enabled, paused.auto_paused, paused.consecutive_failures) == (True, False, 0)
        held.refresh_from_db()
        assert held.status == QUEUED
        assert trail() == [("webhook.change", "otto")]

    def test_what_an_owner_switched_off_stays_off(self, console: Client, off: Webhook) -> None:
        (said,) = act(console, HOOKS, "resume", off)
        assert said.startswith("old: was switched off on purpose")
        off.refresh_from_db()
        assert not off.enabled
        assert trail() == []

    def test_switching_off_drops_what_waits(self, console: Client, hook: Webhook) -> None:
        waiting = make_delivery(webhook=hook)
        act(console, HOOKS, "switch_off", hook)
        hook.refresh_from_db()
        waiting.refresh_from_db()
        assert (hook.enabled, hook.auto_paused, waiting.status) == (False, False, FAILED)
        assert trail() == [("webhook.change", "otto")]

    @pytest.mark.parametrize("way", ["one", "many"])
    def test_deleting_goes_through_the_service(
        self, console: Client, hook: Webhook, way: str
    ) -> None:
        make_delivery(webhook=hook)
        if way == "one":
            console.post(f"{HOOKS}{hook.pk}/delete/", {"post": "yes"})
        else:
            chosen = {"action": "delete_selected", "_selected_action": [hook.pk], "post": "yes"}
            console.post(HOOKS, chosen)
        assert not Webhook.objects.exists()
        assert not Delivery.objects.exists()
        assert trail() == [("webhook.delete", "otto")]

    def test_nobody_makes_or_changes_one_here(self, console: Client, hook: Webhook) -> None:
        assert console.get(f"{HOOKS}add/").status_code == 403
        assert console.post(f"{HOOKS}{hook.pk}/change/", {"name": "mine"}).status_code == 403


class TestDeliveries:
    def test_they_are_filtered_by_the_api_s_words(
        self, console: Client, hook: Webhook, paused: Webhook
    ) -> None:
        made = {
            "pending": make_delivery(webhook=hook),
            "sending": make_delivery(webhook=hook, status=RUNNING),
            "failed": make_delivery(webhook=hook, attempt_count=1),
            "success": make_delivery(webhook=hook, status=DONE, attempt_count=1),
            "permanent_failure": make_delivery(webhook=hook, status=FAILED, attempt_count=5),
            "held": make_delivery(webhook=paused),
        }
        pks = {name: row.pk for name, row in made.items()}
        for name, expected in {
            "pending": {pks["pending"], pks["sending"], pks["held"]},
            "failed": {pks["failed"]},
            "success": {pks["success"]},
            "permanent_failure": {pks["permanent_failure"]},
            "held": {pks["held"]},
        }.items():
            rows = shown(console, DELIVERIES, state=name)
            assert rows == expected
            if name != "held":
                assert {made.wire_status for made in Delivery.objects.filter(pk__in=rows)} == {name}

    def test_they_are_found_by_event_and_webhook(
        self, console: Client, hook: Webhook, paused: Webhook
    ) -> None:
        one = make_delivery(webhook=hook)
        other = make_delivery(webhook=paused, event_type="recording.deleted")
        assert shown(console, DELIVERIES, q=str(one.event_id)) == {one.pk}
        assert shown(console, DELIVERIES, q=one.event_id.hex.upper()) == {one.pk}
        assert shown(console, DELIVERIES, q=str(hook.owner)) == {one.pk, other.pk}
        assert shown(console, DELIVERIES, q="dead") == {other.pk}
        assert shown(console, DELIVERIES, q="\x00x") == {one.pk, other.pk}
        assert shown(console, DELIVERIES, webhook__id__exact=paused.pk) == {other.pk}
        assert shown(console, DELIVERIES, event_type__exact="recording.deleted") == {other.pk}
        year = timezone.now().year
        assert shown(console, DELIVERIES, created_at__year=year) == {one.pk, other.pk}
        assert shown(console, DELIVERIES, created_at__year=year - 1) == set()

    def test_a_page_shows_what_was_sent_and_what_came_back(
        self, console: Client, hook: Webhook
    ) -> None:
        delivery = make_delivery(
            webhook=hook,
            status=FAILED,
            attempt_count=3,
            response_status=500,
            response_body_preview="<script>alert(1)</script>",
        )
        html = console.get(f"{DELIVERIES}{delivery.pk}/change/").content.decode()
        assert "&lt;script&gt;alert(1)" in html
        assert "<script>alert" not in html
        assert delivery.payload.replace('"', "&quot;") in html
        for unseen in ("geheim", WEBHOOK_SECRET, hook.sealed_secret):
            assert unseen not in html

    def test_the_list_costs_the_same_for_any_number(self, console: Client, hook: Webhook) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                console.get(DELIVERIES)
            assert "payload" not in "".join(query["sql"] for query in captured)
            return len(captured)

        make_delivery(webhook=hook)
        once = queries()
        for number in range(10):
            other = make_webhook(owner=hook.owner, name=f"other {number}")
            make_delivery(webhook=other)
        assert queries() == once

    def test_putting_back_sends_the_same_event_again(
        self, console: Client, hook: Webhook, off: Webhook
    ) -> None:
        ended = make_delivery(webhook=hook, status=FAILED, attempt_count=5, response_status=500)
        waiting = make_delivery(webhook=hook, attempt_count=2)
        dropped = make_delivery(webhook=off, status=FAILED)
        before = (ended.event_id, ended.payload)
        assert act(console, DELIVERIES, "put_back", ended, waiting, dropped) == [
            "Put back: 1.",
            "Left: 2, which are on their way, or whose webhook is switched off.",
        ]
        for row in (ended, waiting, dropped):
            row.refresh_from_db()
        assert (ended.event_id, ended.payload) == before
        assert (ended.status, ended.attempt_count) == (QUEUED, 0)
        assert (waiting.status, waiting.attempt_count) == (QUEUED, 2)
        assert dropped.status == FAILED
        assert trail() == [("webhook.redeliver", "otto")]

    def test_a_replay_is_a_new_event(self, console: Client, hook: Webhook, off: Webhook) -> None:
        old = make_delivery(webhook=hook, status=DONE, attempt_count=1)
        dropped = make_delivery(webhook=off, status=FAILED)
        said = act(console, DELIVERIES, "replay", old, dropped)
        new = Delivery.objects.get(status=QUEUED)
        assert new.event_id != old.event_id
        assert str(old.event_id) in new.payload
        assert any(str(new.event_id) in line for line in said)
        assert any("Webhook is disabled" in line for line in said)
        assert trail() == [("webhook.send", "otto")]

    def test_nobody_makes_changes_or_deletes_one(self, console: Client, hook: Webhook) -> None:
        pk = make_delivery(webhook=hook).pk
        for path in ("add/", f"{pk}/delete/"):
            assert console.get(f"{DELIVERIES}{path}").status_code == 403
        assert console.post(f"{DELIVERIES}{pk}/change/", {"payload": "{}"}).status_code == 403


class TestRedeliver:
    def asked(self, **given: Any) -> dict[str, Any]:
        return {
            "since": "2026-03-06T18:00",
            "until": "2026-03-09T08:00",
            "outcome": "failed",
        } | given

    @pytest.fixture
    def weekend(self, hook: Webhook, paused: Webhook, off: Webhook) -> dict[str, Delivery]:
        at = datetime(2026, 3, 7, 12, tzinfo=UTC)
        return {
            "failed": make_delivery(webhook=hook, status=FAILED, created_at=at),
            "held": make_delivery(webhook=paused, status=FAILED, created_at=at),
            "left": make_delivery(webhook=off, status=FAILED, created_at=at),
            "arrived": make_delivery(webhook=hook, status=DONE, created_at=at),
            "monday": make_delivery(
                webhook=hook, status=FAILED, created_at=at.replace(day=9, hour=8)
            ),
        }

    def back(self, weekend: dict[str, Delivery]) -> set[str]:
        queued = set(Delivery.objects.filter(status=QUEUED).values_list("pk", flat=True))
        return {name for name, row in weekend.items() if row.pk in queued}

    def test_it_says_how_many_before_it_does_anything(
        self, console: Client, weekend: dict[str, Delivery]
    ) -> None:
        page = console.post(REDELIVER, self.asked())
        html = page.content.decode()
        assert "<strong>2</strong> deliveries would be put back" in html
        assert "held until it is resumed" in html
        assert "left, it is switched off" in html
        assert self.back(weekend) == set()

        page = console.post(REDELIVER, self.asked(confirmed="", counted="2"), follow=True)
        assert [str(message) for message in page.context["messages"]] == ["Put back: 2."]
        assert self.back(weekend) == {"failed", "held"}
        assert sorted(trail()) == [("webhook.redeliver", "otto")] * 2

    def test_it_counts_again_when_there_are_others_by_now(
        self, console: Client, weekend: dict[str, Delivery]
    ) -> None:
        page = console.post(REDELIVER, self.asked(confirmed="", counted="1"))
        assert "<strong>2</strong> deliveries would be put back" in page.content.decode()
        assert self.back(weekend) == set()

    def test_one_webhook_and_what_arrived(
        self, console: Client, weekend: dict[str, Delivery], hook: Webhook
    ) -> None:
        asked = self.asked(outcome="all", webhook_id=hook.pk, confirmed="", counted="2")
        console.post(REDELIVER, asked)
        assert self.back(weekend) == {"failed", "arrived"}

    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            ({"since": ""}, "This field is required"),
            ({"since": "yesterday"}, "Enter a valid date/time"),
            ({"since": "0001-01-01T00:00"}, "Choose a year from 1900 to 2200"),
            ({"until": "9999-12-31T23:59"}, "Choose a year from 1900 to 2200"),
            ({"until": "2026-03-06T18:00"}, "This is not after the beginning"),
            ({"outcome": "lost"}, "Select a valid choice"),
            ({"webhook_id": "x"}, "Enter a whole number"),
            ({"webhook_id": "9" * 30}, "less than or equal to"),
            ({"webhook_id": "4711"}, "There is no webhook 4711"),
        ],
    )
    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
    def test_nonsense_is_refused(
        self,
        console: Client,
        settings: Any,
        weekend: dict[str, Delivery],
        zone: str,
        given: dict[str, str],
        sentence: str,
    ) -> None:
        settings.TIME_ZONE = zone
        page = console.post(REDELIVER, self.asked(**given, confirmed="", counted="2"))
        assert page.status_code == 200
        assert sentence in page.content.decode()
        assert self.back(weekend) == set()

    def test_the_list_leads_there(self, console: Client, hook: Webhook) -> None:
        assert REDELIVER in console.get(DELIVERIES).content.decode()
        assert console.get(REDELIVER).status_code == 200


class TestRights:
    """Somebody on the staff who may look and no more."""

    @pytest.fixture
    def looker(self, carol: User) -> Client:
        User.objects.filter(pk=carol.pk).update(is_staff=True)
        carol.user_permissions.set(
            Permission.objects.filter(codename__in=["view_webhook", "view_delivery"])
        )
        return signed_in(User.objects.get(pk=carol.pk))

    def test_looking_is_not_doing(self, looker: Client, hook: Webhook, paused: Webhook) -> None:
        ended = make_delivery(webhook=hook, status=FAILED)
        assert shown(looker, HOOKS) == {hook.pk, paused.pk}
        act(looker, HOOKS, "resume", paused)
        act(looker, HOOKS, "switch_off", hook)
        act(looker, HOOKS, "delete_selected", hook)
        act(looker, DELIVERIES, "put_back", ended)
        act(looker, DELIVERIES, "replay", ended)
        assert looker.get(REDELIVER).status_code == 403
        assert looker.post(f"{HOOKS}{hook.pk}/delete/", {"post": "yes"}).status_code == 403
        assert REDELIVER not in looker.get(DELIVERIES).content.decode()
        assert trail() == []
        assert Delivery.objects.get().status == FAILED

    def test_nobody_else_gets_in(self, alice: User, hook: Webhook) -> None:
        for path in (HOOKS, DELIVERIES, REDELIVER):
            assert signed_in(alice).get(path).status_code == 302


class TestFrontPage:
    def test_it_says_what_waits_fails_and_is_paused(
        self, console: Client, hook: Webhook, paused: Webhook
    ) -> None:
        now = timezone.now()
        make_delivery(webhook=hook, available_at=now - timedelta(minutes=7))
        make_delivery(webhook=hook)
        make_delivery(webhook=hook, attempt_count=1, available_at=now + timedelta(minutes=2))
        make_delivery(webhook=hook, status=FAILED)
        make_delivery(webhook=hook, status=FAILED, created_at=now - timedelta(days=2))
        make_delivery(webhook=hook, status=DONE)
        make_delivery(webhook=paused, available_at=now - timedelta(days=3))
        page = console.get("/admin/")
        seen = page.context["webhooks"]
        assert (seen.waiting, seen.failing, seen.failed, seen.held) == (2, 1, 1, 1)
        html = page.content.decode()
        assert "due for 7\xa0minutes" in html
        assert f'<a href="{HOOKS}{paused.pk}/change/">dead</a> of alice' in html
        assert "geheim" not in html

    def test_it_says_nothing_of_pauses_while_there_are_none(
        self, console: Client, hook: Webhook
    ) -> None:
        html = console.get("/admin/").content.decode()
        assert "None is due" in html
        assert "Paused webhooks" not in html
        assert "WEBHOOK_GLOBAL_ENABLED" not in html

    def test_it_says_when_nothing_is_sent(self, console: Client, settings: Any) -> None:
        settings.WEBHOOK_GLOBAL_ENABLED = False
        assert "WEBHOOK_GLOBAL_ENABLED" in console.get("/admin/").content.decode()

    def test_it_costs_the_same_for_any_number(self, console: Client, alice: User) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                console.get("/admin/")
            return len(captured)

        def add(count: int) -> None:
            for number in range(count):
                hook = make_webhook(
                    owner=alice, name=f"hook {number}", enabled=False, auto_paused=True
                )
                make_delivery(webhook=hook)

        add(1)
        once = queries()
        add(14)
        assert queries() == once
        assert "and 5 more" in console.get("/admin/").content.decode()

    @on_sqlite
    def test_it_walks_through_no_deliveries_that_ended(self, hook: Webhook) -> None:
        make_delivery(webhook=hook, status=DONE)
        assert walks(lambda: overview(timezone.now())) == []
