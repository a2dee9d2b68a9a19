"""The pages of one's webhooks."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from hooks.models import Delivery, Webhook
from hooks.pages import webhooks
from tests.accounts.pages import filled, problems, said, send
from tests.conftest import Api, signed_in
from tests.factories import WEBHOOK_SECRET, make_delivery, make_webhook
from tests.names import Names, names

__all__ = ["names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

HOOKS = "/account/webhooks"
NEW = f"{HOOKS}/new"
URL = "https://n8n.example.com/webhook/speakr"
EVENTS = ["recording.summary.completed", "recording.deleted"]
QUEUED, FAILED = Delivery.Status.QUEUED, Delivery.Status.FAILED


@pytest.fixture(autouse=True)
def _no_form_was_sent_yet() -> None:
    cache.clear()


@pytest.fixture
def browser_of_alice(alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice, name="n8n")


def page_of(webhook: Webhook, part: str = "") -> str:
    return f"{HOOKS}/{webhook.pk}{part}"


def secret_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    secret = answer.context["secret"]
    assert answer.content.decode().count(secret) == 1
    return secret


class TestMaking:
    def test_one_that_is_made_there_is_what_the_api_has(
        self, browser_of_alice: Client, alice: User, api: Api
    ) -> None:
        secret = secret_of(send(browser_of_alice, NEW, name=" n8n ", url=f" {URL} ", events=EVENTS))
        (made,) = api(alice).get("/api/v1/webhooks").json()["webhooks"]
        kept = {name: made[name] for name in ("name", "url", "events", "allow_http", "enabled")}
        assert kept == {
            "name": "n8n", "url": URL, "events": EVENTS, "allow_http": False, "enabled": True,
        }  # fmt: skip
        assert Webhook.objects.get().secrets(timezone.now()) == [secret]

    def test_the_secret_is_shown_this_once(
        self, browser_of_alice: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secret = secret_of(send(browser_of_alice, NEW, name="n8n", url=URL))
        webhook = Webhook.objects.get()
        for path in (HOOKS, page_of(webhook), page_of(webhook, "/deliveries")):
            assert secret not in browser_of_alice.get(path).content.decode()
        assert secret not in caplog.text
        kept = [str(session.get_decoded()) for session in Session.objects.all()]
        assert kept and not any(secret in session for session in kept)

    def test_a_form_that_is_sent_twice_makes_one(self, browser_of_alice: Client) -> None:
        form = {**filled(browser_of_alice, NEW), "name": "n8n", "url": URL}
        secret_of(browser_of_alice.post(NEW, form))
        assert browser_of_alice.post(NEW, form).status_code == 302
        assert said(browser_of_alice, HOOKS) == [
            "This form was sent before, and its webhook is in the list. Its secret was shown then."
        ]
        assert Webhook.objects.count() == 1

    def test_a_form_whose_saving_failed_can_be_sent_again(
        self, browser_of_alice: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def locked(**_: Any) -> None:
            raise OperationalError("database is locked")

        form = {**filled(browser_of_alice, NEW), "name": "n8n", "url": URL}
        with monkeypatch.context() as patched:
            patched.setattr(webhooks, "create_webhook", locked)
            with pytest.raises(OperationalError):
                browser_of_alice.post(NEW, form)
        secret_of(browser_of_alice.post(NEW, form))
        assert Webhook.objects.count() == 1

    def test_an_address_that_is_refused_can_be_mended_and_sent(
        self, browser_of_alice: Client, names: Names
    ) -> None:
        names.addresses["router.example.com"] = ["192.168.1.1"]
        wrong = send(browser_of_alice, NEW, name="n8n", url="https://router.example.com/x")
        assert problems(wrong) == {"__all__": ["URL resolves to a private/loopback address"]}
        assert "192.168.1.1" not in wrong.content.decode()
        nonce = wrong.context["form"]["nonce"].value()
        mended = {"name": "n8n", "url": URL, "events": EVENTS, "nonce": nonce}
        secret_of(browser_of_alice.post(NEW, mended))

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": " "}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"url": ""}, "url"),
            ({"url": f"{URL}{'x' * 500}"}, "url"),
            ({"events": []}, "events"),
            ({"events": ["recording.lost"]}, "events"),
            ({"url": "http://n8n.example.com/"}, "__all__"),
        ],
    )
    def test_nonsense_is_refused(
        self, browser_of_alice: Client, given: dict[str, Any], field: str
    ) -> None:
        asked = {"name": "n8n", "url": URL, "events": EVENTS} | given
        assert list(problems(send(browser_of_alice, NEW, **asked))) == [field]
        assert not Webhook.objects.exists()

    def test_there_is_a_cap(self, browser_of_alice: Client, settings: Any, hook: Webhook) -> None:
        settings.WEBHOOK_MAX_PER_USER = 1
        wrong = send(browser_of_alice, NEW, name="two", url=URL)
        assert problems(wrong) == {"__all__": ["Per-user webhook cap reached (1/1)"]}


class TestChanging:
    def test_only_what_was_changed_is_written(
        self, browser_of_alice: Client, hook: Webhook, names: Names
    ) -> None:
        assert (
            send(browser_of_alice, page_of(hook), name="Zapier", events=EVENTS).status_code == 302
        )
        before = Webhook.objects.get()
        assert (before.name, before.events, before.url) == ("Zapier", EVENTS, hook.url)
        assert names.asked == []
        send(browser_of_alice, page_of(hook), url=URL)
        after = Webhook.objects.get()
        assert (after.url, after.target) == (URL, "n8n.example.com:443")

    def test_a_name_that_is_refused_stands_nowhere_else(
        self, browser_of_alice: Client, hook: Webhook
    ) -> None:
        wrong = send(browser_of_alice, page_of(hook), name="Zapier", events=[])
        assert list(problems(wrong)) == ["events"]
        assert "Edit “n8n”" in wrong.content.decode()

    def test_it_is_switched_off_and_on(self, browser_of_alice: Client, hook: Webhook) -> None:
        waiting = make_delivery(webhook=hook)
        browser_of_alice.post(page_of(hook, "/off"))
        assert said(browser_of_alice, HOOKS) == ["“n8n” is switched off."]
        waiting.refresh_from_db()
        assert (Webhook.objects.get().enabled, waiting.status) == (False, FAILED)
        browser_of_alice.post(page_of(hook, "/on"))
        assert Webhook.objects.get().enabled

    def test_a_paused_one_says_why_and_is_resumed(
        self, browser_of_alice: Client, hook: Webhook
    ) -> None:
        hook.enabled, hook.auto_paused, hook.consecutive_failures = False, True, 10
        hook.save()
        held = make_delivery(webhook=hook)
        html = browser_of_alice.get(HOOKS).content.decode()
        assert "10 deliveries in a row failed for good. What waits is held" in html
        browser_of_alice.post(page_of(hook, "/on"))
        held.refresh_from_db()
        resumed = Webhook.objects.get()
        assert (resumed.enabled, resumed.auto_paused, held.status) == (True, False, QUEUED)

    def test_a_new_secret_takes_the_place_of_the_old(
        self, browser_of_alice: Client, hook: Webhook
    ) -> None:
        secret = secret_of(send(browser_of_alice, page_of(hook, "/secret")))
        assert Webhook.objects.get().secrets(timezone.now()) == [secret]
        newer = secret_of(send(browser_of_alice, page_of(hook, "/secret"), overlap="3600"))
        assert Webhook.objects.get().secrets(timezone.now()) == [newer, secret]
        assert WEBHOOK_SECRET not in (secret, newer)

    def test_it_is_deleted(self, browser_of_alice: Client, hook: Webhook) -> None:
        browser_of_alice.post(page_of(hook, "/delete"))
        assert said(browser_of_alice, HOOKS) == ["The webhook “n8n” is deleted."]
        assert not Webhook.objects.exists()


class TestDeliveries:
    def test_a_test_is_queued_and_seen(self, browser_of_alice: Client, hook: Webhook) -> None:
        answer = browser_of_alice.post(page_of(hook, "/test"), follow=True)
        assert answer.redirect_chain == [(page_of(hook, "/deliveries"), 302)]
        assert Delivery.objects.get().event_type == "webhook.test"
        assert "webhook.test" in answer.content.decode()

    def test_one_that_is_off_is_not_tested(self, browser_of_alice: Client, hook: Webhook) -> None:
        browser_of_alice.post(page_of(hook, "/off"))
        wrong = browser_of_alice.post(page_of(hook, "/test"))
        assert problems(wrong) == {"__all__": ["Webhook is disabled; enable it first"]}
        assert not Delivery.objects.exists()

    def test_the_list_says_what_came_of_each(self, browser_of_alice: Client, hook: Webhook) -> None:
        make_delivery(webhook=hook, attempt_count=2, error_message="The connection failed.")
        make_delivery(
            webhook=hook,
            status=FAILED,
            attempt_count=1,
            response_status=404,
            response_body_preview="<b>no such hook</b>",
        )
        html = browser_of_alice.get(page_of(hook, "/deliveries")).content.decode()
        for shown in (
            "2 attempts", "The connection failed.", "answered 404", "&lt;b&gt;no such hook",
            "failed for good",
        ):  # fmt: skip
            assert shown in html

    def test_it_shows_the_last_fifty_in_as_many_queries_as_one(
        self, browser_of_alice: Client, hook: Webhook
    ) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                page = browser_of_alice.get(page_of(hook, "/deliveries"))
            assert len(page.context["deliveries"]) == min(50, hook.deliveries.count())
            return len(captured)

        make_delivery(webhook=hook)
        once = queries()
        for _ in range(59):
            make_delivery(webhook=hook)
        assert queries() == once


def test_it_says_when_nothing_is_sent(browser_of_alice: Client, settings: Any) -> None:
    assert "switched off on this server" not in browser_of_alice.get(HOOKS).content.decode()
    settings.WEBHOOK_GLOBAL_ENABLED = False
    assert "switched off on this server" in browser_of_alice.get(HOOKS).content.decode()
