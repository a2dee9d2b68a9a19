"""Webhooks over the API (http-contract.md, 15.1): made, listed, changed, deleted."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ
from rest_framework.test import APIClient

from accounts.models import User
from hooks import net
from hooks.event_types import EventType
from hooks.models import Delivery, Webhook
from hooks.pruning import SWITCHED_OFF
from speakr_site.core.models import AuditEntry
from tests.concurrency import statuses
from tests.factories import make_delivery, make_webhook
from tests.names import PUBLIC, Names, names

__all__ = ["names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

WEBHOOKS = "/api/v1/webhooks"
BODY = {
    "name": "n8n pipeline",
    "url": "https://hooks.example.com/speakr",
    "events": ["recording.transcription.completed"],
}
JUNK = [None, True, 5, 1.5, "x", [], ["x"], {}, {"a": 1}]
KEYS = {
    *("id", "user_id", "name", "url", "allow_http", "events", "enabled", "auto_paused"),
    *("consecutive_failures", "created_at", "updated_at", "last_delivery_at"),
}


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice)


@pytest.fixture
def url(hook: Webhook) -> str:
    return f"{WEBHOOKS}/{hook.pk}"


def trail() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "detail"))


class TestCreating:
    def test_a_new_one_is_enabled_and_shows_its_secret_once(
        self, client: APIClient, alice: User
    ) -> None:
        answer = client.post(WEBHOOKS, BODY)
        assert answer.status_code == 201
        made = answer.json()
        assert set(made) == KEYS | {"secret"}
        told = {"user_id": alice.pk, "enabled": True, "auto_paused": False, "allow_http": False}
        assert made.items() >= {**BODY, **told, "consecutive_failures": 0}.items()
        assert made["last_delivery_at"] is None
        assert len(made["secret"]) == 43
        assert answer["Cache-Control"] == "no-store"
        secret = made.pop("secret")
        one = client.get(f"{WEBHOOKS}/{made['id']}")
        assert one.json() == made
        assert secret not in one.content.decode() + client.get(WEBHOOKS).content.decode()
        assert Webhook.objects.get().target == "hooks.example.com:443"

    def test_what_is_given_is_kept_without_the_spaces_around_it(self, client: APIClient) -> None:
        given = {
            "name": "  Home  ",
            "url": " http://hooks.example.com:8080/a?b=c ",
            "events": ["webhook.test", "recording.deleted", "webhook.test"],
            "allow_http": True,
            "enabled": False,
            "unknown": 1,
        }
        made = client.post(WEBHOOKS, given).json()
        assert (made["name"], made["url"]) == ("Home", "http://hooks.example.com:8080/a?b=c")
        assert made["events"] == ["webhook.test", "recording.deleted"]
        assert (made["allow_http"], made["enabled"]) == (True, False)

    @pytest.mark.parametrize("value", ["", "   ", None])
    def test_the_first_complaint_is_the_contract_s(self, client: APIClient, value: Any) -> None:
        body: dict[str, Any] = {"name": value, "url": value, "events": value}
        steps = [
            ({}, "name is required"),
            ({"name": "A"}, "url is required"),
            ({"url": "ftp://nowhere.invalid"}, "events must be a non-empty list"),
            ({"events": []}, "events must be a non-empty list"),
            ({"events": ["nope", "recording.created"]}, "unknown event types: ['nope']"),
            ({"events": ["recording.created"]}, "Scheme must be http or https"),
            ({"url": "http://nowhere.invalid"}, "http:// URLs require allow_http=true"),
            ({"url": "https://"}, "URL is missing a host"),
            ({"url": "https://nowhere.invalid"}, "DNS resolution failed for 'nowhere.invalid'"),
        ]
        for change, sentence in steps:
            body |= change
            refused = client.post(WEBHOOKS, {k: v for k, v in body.items() if v is not None})
            assert (refused.status_code, refused.json()["error"]) == (400, sentence)
        assert not Webhook.objects.exists()

    @pytest.mark.parametrize("field", [*BODY, "allow_http", "enabled"])
    def test_a_value_of_another_type_is_refused(self, client: APIClient, field: str) -> None:
        kinds = {"name": str, "url": str, "events": list}
        for junk in JUNK:
            if type(junk) is kinds.get(field, bool) and junk != []:
                continue
            refused = client.post(WEBHOOKS, {**BODY, field: junk})
            assert refused.status_code == 400, junk
            assert field in refused.json()["error"], junk
        assert not Webhook.objects.exists()

    @pytest.mark.parametrize(
        ("events", "named"),
        [
            ([5], "[5]"),
            ([None, "recording.created", "x", 5], "[None, 'x', 5]"),
            ([["recording.created"]], "[[...]]"),
            ([{}], "[{}]"),
        ],
    )
    def test_what_is_no_event_type_is_named_beside_those_there_are(
        self, client: APIClient, events: list[Any], named: str
    ) -> None:
        refused = client.post(WEBHOOKS, {**BODY, "events": events})
        assert refused.status_code == 400
        assert refused.json() == {
            "error": f"unknown event types: {named}",
            "allowed": EventType.values,
        }

    def test_a_sentence_about_a_thousand_unknown_ones_stays_one(self, client: APIClient) -> None:
        refused = client.post(WEBHOOKS, {**BODY, "events": ["é" * 1000] * 1000})
        assert len(refused.json()["error"]) < 300

    @pytest.mark.parametrize(("field", "most"), [("name", 100), ("url", 500)])
    def test_what_is_too_long_is_refused_and_never_cut(
        self, client: APIClient, field: str, most: int
    ) -> None:
        longest = BODY[field].ljust(most, "x")
        assert client.post(WEBHOOKS, {**BODY, field: longest}).json()[field] == longest
        refused = client.post(WEBHOOKS, {**BODY, field: f"{longest}x"})
        assert (refused.status_code, refused.json()["fields"].keys()) == (400, {field})

    def test_every_address_of_a_host_must_be_public(
        self, client: APIClient, names: Names, caplog: pytest.LogCaptureFixture
    ) -> None:
        names.addresses["hooks.example.com"] = [PUBLIC, "10.0.0.7"]
        refused = client.post(WEBHOOKS, {**BODY, "url": f"{BODY['url']}?token=s3cret"})
        assert refused.status_code == 400
        assert refused.json()["error"].startswith("URL resolves to a private/loopback address")
        assert "10.0.0.7" not in refused.content.decode(), "for operators only"
        assert "10.0.0.7" in caplog.text
        assert "s3cret" not in caplog.text


class TestTheCap:
    def test_it_counts_all_the_caller_has(
        self, client: APIClient, alice: User, carol: User, settings: Any
    ) -> None:
        settings.WEBHOOK_MAX_PER_USER = 2
        make_webhook(owner=carol)
        make_webhook(owner=alice, enabled=False)
        assert client.post(WEBHOOKS, BODY).status_code == 201
        refused = client.post(WEBHOOKS, BODY)
        assert refused.status_code == 409
        sentence = "Per-user webhook cap reached (2/2)"
        assert refused.json() == {"error": sentence, "max_per_user": 2}
        wrong = client.post(WEBHOOKS, {**BODY, "url": "ftp://x"})
        assert wrong.status_code == 400, "what is wrong with the body comes first"

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_as_many_as_it_allows_are_made(
        self, api: Callable[[User], APIClient], alice: User, settings: Any
    ) -> None:
        settings.WEBHOOK_MAX_PER_USER = 3
        assert statuses(*[lambda: api(alice).post(WEBHOOKS, BODY)] * 12) == {201: 3, 409: 9}
        assert Webhook.objects.count() == 3


class TestListing:
    def test_one_s_own_are_listed_the_newest_first(
        self, client: APIClient, alice: User, carol: User
    ) -> None:
        first, second = (make_webhook(owner=alice, name=name) for name in ("A", "B"))
        make_webhook(owner=carol)
        answer = client.get(WEBHOOKS).json()
        assert [row["id"] for row in answer["webhooks"]] == [second.pk, first.pk]
        assert set(answer["webhooks"][0]) == KEYS
        assert answer["event_types"] == EventType.values
        assert answer["max_per_user"] == 10

    def test_it_works_while_webhooks_are_switched_off(
        self, client: APIClient, settings: Any
    ) -> None:
        settings.WEBHOOK_GLOBAL_ENABLED = False
        made = client.post(WEBHOOKS, BODY).json()
        assert client.get(f"{WEBHOOKS}/{made['id']}").status_code == 200
        assert client.patch(f"{WEBHOOKS}/{made['id']}", {"enabled": False}).status_code == 200


@pytest.mark.parametrize(
    ("method", "more"),
    [
        *(("get", ""), ("patch", ""), ("delete", ""), ("post", "/rotate-secret")),
        *(("post", "/test"), ("get", "/deliveries")),
        *(("get", "/deliveries/{own}"), ("post", "/deliveries/{own}/replay")),
    ],
)
@pytest.mark.parametrize("person", ["carol", "otto", "gone"])
def test_somebody_else_s_is_not_found(
    request: pytest.FixtureRequest,
    api: Callable[[User], APIClient],
    alice: User,
    hook: Webhook,
    method: str,
    more: str,
    person: str,
) -> None:
    own = make_delivery(webhook=hook).pk
    pk = hook.pk + 1000 if person == "gone" else hook.pk
    caller = alice if person == "gone" else request.getfixturevalue(person)
    refused = getattr(api(caller), method)(f"{WEBHOOKS}/{pk}{more}".format(own=own))
    assert (refused.status_code, refused.json()) == (404, {"error": "Webhook not found"})
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_name_server_that_keeps_silent_holds_no_transaction_and_nobody_for_long(
    client: APIClient, url: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    released, in_transaction = Event(), []
    asked = net.destination

    def silent(*_: Any) -> list[str]:
        released.wait(30)
        return [PUBLIC]

    def impatient(url: str, **options: Any) -> net.Destination:
        # The test itself is a transaction; one inside of it would be a savepoint.
        in_transaction.append(connection.savepoint_ids != [])
        return asked(url, **options, seconds=0.05)

    monkeypatch.setattr(net, "resolve", silent)
    monkeypatch.setattr(net, "destination", impatient)
    refused = getattr(client, method)(url if method == "patch" else WEBHOOKS, BODY)
    released.set()
    assert refused.status_code == 400
    assert refused.json()["error"] == "DNS resolution failed for 'hooks.example.com'"
    assert in_transaction == [False]
    assert net.LOOKUP_SECONDS <= 5


class TestChanging:
    def test_what_is_given_changes_and_the_rest_stays(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        before = client.get(url).json()
        events = ["recording.deleted", "recording.deleted", "recording.created"]
        answer = client.patch(url, {"events": events, "name": " New "})
        changed = {"events": ["recording.deleted", "recording.created"], "name": "New"}
        assert answer.status_code == 200
        assert answer.json() == client.get(url).json()
        assert {**answer.json(), "updated_at": ""} == {**before, **changed, "updated_at": ""}
        hook.refresh_from_db()
        assert hook.updated_at > hook.created_at

    @pytest.mark.parametrize("body", [{}, {"unknown": 1}, {"url": ""}, {"url": None}, None])
    def test_without_a_change_nothing_changes(
        self, client: APIClient, url: str, names: Names, body: Any
    ) -> None:
        before = list(Webhook.objects.values())
        answer = client.patch(url, body) if body is not None else client.patch(url)
        assert (answer.status_code, answer.json()) == (200, client.get(url).json())
        assert list(Webhook.objects.values()) == before
        assert names.asked == []
        assert trail() == []

    @pytest.mark.parametrize(
        ("body", "sentence"),
        [
            ({"name": ""}, "name cannot be empty"),
            ({"name": "  "}, "name cannot be empty"),
            ({"name": None}, "name cannot be empty"),
            ({"events": []}, "events must be a non-empty list"),
            ({"events": None}, "events must be a non-empty list"),
            ({"events": "recording.created"}, "events must be a non-empty list"),
            ({"events": [5]}, "unknown event types: [5]"),
            ({"url": "ftp://hooks.example.com"}, "Scheme must be http or https"),
            ({"url": "http://hooks.example.com"}, "http:// URLs require allow_http=true"),
            ({"url": "https://no.invalid"}, "DNS resolution failed for 'no.invalid'"),
            ({"url": "https://10.0.0.1"}, "URL resolves to a private/loopback address"),
            ({"enabled": None}, "enabled may not be null."),
            ({"enabled": "true"}, "enabled must be true or false"),
            ({"enabled": 1}, "enabled must be true or false"),
            ({"allow_http": "false"}, "allow_http must be true or false"),
        ],
    )
    def test_a_wrong_value_is_refused_and_nothing_changes(
        self, client: APIClient, url: str, body: dict[str, Any], sentence: str
    ) -> None:
        before = list(Webhook.objects.values())
        refused = client.patch(url, {"name": "New", **body})
        assert (refused.status_code, refused.json()["error"]) == (400, sentence)
        assert list(Webhook.objects.values()) == before

    @pytest.mark.parametrize("junk", [5, True, [], ["x"], {}, {"a": 1}, 1.5])
    @pytest.mark.parametrize("field", ["name", "url", "allow_http", "enabled"])
    def test_a_value_of_another_type_is_refused(
        self, client: APIClient, url: str, field: str, junk: Any
    ) -> None:
        if junk is True and field in ("allow_http", "enabled"):
            return
        refused = client.patch(url, {field: junk})
        assert refused.status_code == 400
        assert field in refused.json()["error"]

    def test_the_url_is_asked_about_again_when_http_is_no_longer_allowed(
        self, client: APIClient, alice: User
    ) -> None:
        hook = make_webhook(owner=alice, url="http://hooks.example.com", allow_http=True)
        refused = client.patch(f"{WEBHOOKS}/{hook.pk}", {"allow_http": False})
        assert refused.status_code == 400
        assert refused.json()["error"] == "http:// URLs require allow_http=true"

    def test_a_new_url_takes_its_target_along(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        given = {"url": "http://[2606:4700::1111]:8080/x", "allow_http": True}
        assert client.patch(url, given).json().items() >= given.items()
        hook.refresh_from_db()
        assert hook.target == "[2606:4700::1111]:8080"

    def test_a_url_that_changed_while_it_was_looked_up_is_not_written_over(
        self, client: APIClient, hook: Webhook, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = net.destination

        def meanwhile(url: str, **options: Any) -> net.Destination:
            Webhook.objects.update(url="https://other.example.com", target="other.example.com:443")
            return asked(url, **options)

        monkeypatch.setattr(net, "destination", meanwhile)
        refused = client.patch(url, {"allow_http": True})
        assert refused.status_code == 409
        hook.refresh_from_db()
        assert (hook.url, hook.allow_http) == ("https://other.example.com", False)

    def test_put_is_not_allowed(self, client: APIClient, url: str) -> None:
        refused = client.put(url, {**BODY, "name": "New"})
        assert (refused.status_code, refused.json()) == (405, {"error": "Method not allowed"})

    def test_one_that_was_deleted_meanwhile_is_not_found(
        self, client: APIClient, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = net.destination

        def meanwhile(url: str, **options: Any) -> net.Destination:
            Webhook.objects.all().delete()
            return asked(url, **options)

        monkeypatch.setattr(net, "destination", meanwhile)
        refused = client.patch(url, {"url": "https://other.example.com"})
        assert (refused.status_code, refused.json()) == (404, {"error": "Webhook not found"})


class TestSwitching:
    @pytest.fixture
    def paused(self, alice: User) -> Webhook:
        return make_webhook(
            owner=alice,
            enabled=False,
            auto_paused=True,
            pause_reason="The secret cannot be read.",
            consecutive_failures=10,
        )

    def test_enabling_takes_back_a_pause_and_sends_what_was_held(
        self,
        client: APIClient,
        paused: Webhook,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        held = make_delivery(webhook=paused)
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.patch(f"{WEBHOOKS}/{paused.pk}", {"enabled": True}).json()
        now = (answer["enabled"], answer["auto_paused"], answer["consecutive_failures"])
        assert now == (True, False, 0)
        paused.refresh_from_db()
        assert paused.pause_reason == ""
        assert Delivery.objects.due(timezone.now()).get() == held
        assert OrmQ.objects.filter(key="speakr").count() == 1, "the bell"

    def test_enabling_what_is_enabled_sets_the_failures_back(
        self, client: APIClient, alice: User
    ) -> None:
        hook = make_webhook(owner=alice, consecutive_failures=9)
        answer = client.patch(f"{WEBHOOKS}/{hook.pk}", {"enabled": True}).json()
        assert answer["consecutive_failures"] == 0

    def test_another_change_leaves_a_pause_as_it_is(
        self, client: APIClient, paused: Webhook
    ) -> None:
        make_delivery(webhook=paused)
        answer = client.patch(f"{WEBHOOKS}/{paused.pk}", {"name": "New"}).json()
        assert (answer["auto_paused"], answer["consecutive_failures"]) == (True, 10)
        assert Delivery.objects.get().status == Delivery.Status.QUEUED

    @pytest.mark.parametrize("which", ["hook", "paused"])
    def test_disabling_ends_what_waits_without_counting_it(
        self, request: pytest.FixtureRequest, client: APIClient, which: str
    ) -> None:
        hook = request.getfixturevalue(which)
        make_delivery(webhook=hook, attempt_count=2)
        sent = make_delivery(webhook=hook, status=Delivery.Status.RUNNING)
        answer = client.patch(f"{WEBHOOKS}/{hook.pk}", {"enabled": False}).json()
        assert (answer["enabled"], answer["auto_paused"]) == (False, False)
        assert answer["consecutive_failures"] == hook.consecutive_failures
        url = f"{WEBHOOKS}/{hook.pk}/deliveries"
        on_its_way, ended = client.get(url).json()["deliveries"]
        assert (on_its_way["id"], on_its_way["status"]) == (sent.pk, "pending")
        assert (ended["status"], ended["error_message"]) == ("permanent_failure", SWITCHED_OFF)
        assert (ended["attempt_count"], ended["next_retry_at"]) == (2, None)

    def test_what_another_webhook_waits_for_goes_on(
        self, client: APIClient, hook: Webhook, url: str, alice: User
    ) -> None:
        other = make_delivery(webhook=make_webhook(owner=alice))
        client.patch(url, {"enabled": False})
        assert Delivery.objects.due(timezone.now()).get() == other

    def test_failures_that_are_counted_meanwhile_are_not_lost(
        self, client: APIClient, hook: Webhook, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A sender counts while somebody renames it."""
        asked = net.destination

        def meanwhile(url: str, **options: Any) -> net.Destination:
            Webhook.objects.update(consecutive_failures=7, last_delivery_at=timezone.now())
            return asked(url, **options)

        monkeypatch.setattr(net, "destination", meanwhile)
        answer = client.patch(url, {"url": BODY["url"], "name": "New"}).json()
        assert (answer["name"], answer["consecutive_failures"]) == ("New", 7)
        assert answer["last_delivery_at"] is not None


class TestDeleting:
    def test_its_deliveries_go_with_it(self, client: APIClient, hook: Webhook, url: str) -> None:
        make_delivery(webhook=hook)
        answer = client.delete(url)
        assert (answer.status_code, answer.content) == (204, b"")
        assert not Delivery.objects.exists()
        assert client.delete(url).status_code == 404

    @pytest.mark.django_db(transaction=True)
    def test_of_many_at_once_one_deletes(
        self, api: Callable[[User], APIClient], alice: User
    ) -> None:
        url = f"{WEBHOOKS}/{make_webhook(owner=alice).pk}"
        assert statuses(*[lambda: api(alice).delete(url)] * 6) == {204: 1, 404: 5}
        assert len(trail()) == 1


def test_the_trail_says_who_sends_where_and_keeps_what_is_secret(client: APIClient) -> None:
    secret_url = "https://hooks.example.com/path?token=s3cret"
    made = client.post(WEBHOOKS, {**BODY, "url": secret_url}).json()
    url = f"{WEBHOOKS}/{made['id']}"
    client.patch(url, {"url": "https://other.example.com:8443/s3cret", "enabled": False})
    client.patch(url, {"name": "Renamed"})
    client.patch(url, {"enabled": True})
    client.post(f"{url}/rotate-secret")
    client.delete(url)
    first, second = "n8n pipeline to hooks.example.com:443", "Renamed to other.example.com:8443"
    assert trail() == [
        ("webhook.create", first),
        (
            "webhook.change",
            "n8n pipeline to other.example.com:8443: "
            "a new URL, the old one to hooks.example.com:443, switched off",
        ),
        ("webhook.change", f"{second}: switched on"),
        ("webhook.rotate_secret", second),
        ("webhook.delete", second),
    ]
    assert {row.actor_name for row in AuditEntry.objects.all()} == {"alice"}
