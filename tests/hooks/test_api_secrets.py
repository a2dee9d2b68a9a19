"""Secrets: shown once, sealed at rest, rotated; a server whose key changed, or was lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks import Webhook as Receiver

from accounts.models import User
from hooks import envelope
from hooks.models import Delivery, Webhook
from hooks.services import UNREADABLE
from speakr_site.core import sealing
from tests.factories import WEBHOOK_SECRET, make_delivery, make_webhook
from tests.names import names

__all__ = ["names"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("names")]

WEBHOOKS = "/api/v1/webhooks"
BODY = {"name": "A", "url": "https://hooks.example.com", "events": ["recording.created"]}


@pytest.fixture
def hook(alice: User) -> Webhook:
    return make_webhook(owner=alice)


@pytest.fixture
def url(hook: Webhook) -> str:
    return f"{WEBHOOKS}/{hook.pk}"


def secrets_of(hook: Webhook, **later: int) -> list[str]:
    hook.refresh_from_db()
    return hook.secrets(timezone.now() + timedelta(**later))


def at_rest() -> str:
    """All columns of all rows, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM hooks_webhook")
        return repr(cursor.fetchall())


class TestRotating:
    def test_the_new_one_is_shown_once_and_the_old_one_ends(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        before = client.get(url).json()
        answer = client.post(f"{url}/rotate-secret")
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        secret = answer.json().pop("secret")
        assert len(secret) == 43 and secret != WEBHOOK_SECRET
        assert {**before, "updated_at": ""} == {
            **{key: value for key, value in answer.json().items() if key != "secret"},
            "updated_at": "",
        }
        assert secrets_of(hook) == [secret]
        assert "secret" not in client.get(url).json()

    def test_during_an_overlap_both_sign(self, client: APIClient, hook: Webhook, url: str) -> None:
        secret = client.post(f"{url}/rotate-secret", {"overlap_seconds": 3600}).json()["secret"]
        assert secrets_of(hook, minutes=59) == [secret, WEBHOOK_SECRET]
        assert secrets_of(hook, minutes=61) == [secret]

    def test_another_rotation_ends_an_overlap(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        first = client.post(f"{url}/rotate-secret", {"overlap_seconds": 60}).json()["secret"]
        second = client.post(f"{url}/rotate-secret", {"overlap_seconds": 60}).json()["secret"]
        assert secrets_of(hook) == [second, first]
        third = client.post(f"{url}/rotate-secret").json()["secret"]
        assert secrets_of(hook) == [third]

    def test_what_waits_is_signed_with_the_new_one(
        self, client: APIClient, hook: Webhook, url: str
    ) -> None:
        waiting = make_delivery(webhook=hook)
        secret = client.post(f"{url}/rotate-secret", {"overlap_seconds": 60}).json()["secret"]
        waiting.refresh_from_db()
        body, now = waiting.payload.encode(), timezone.now()
        sent = envelope.headers(
            event_id=waiting.event_id,
            event_type=waiting.event_type,
            body=body,
            secrets=secrets_of(hook),
            now=now,
        )
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        assert sent["Speakr-Signature"] == f"sha256={signature}"
        for known in (secret, WEBHOOK_SECRET):
            key = "whsec_" + base64.b64encode(known.encode()).decode()
            assert Receiver(key).verify(body, sent)

    @pytest.mark.parametrize("value", [-1, 86_401, 1.5, "60", True, None, [], {}, 10**30])
    def test_an_overlap_that_is_no_number_of_seconds_up_to_a_day_is_refused(
        self, client: APIClient, hook: Webhook, url: str, value: Any
    ) -> None:
        refused = client.post(f"{url}/rotate-secret", {"overlap_seconds": value})
        assert refused.status_code == 400
        assert "overlap_seconds" in refused.json()["error"]
        assert secrets_of(hook) == [WEBHOOK_SECRET]

    @pytest.mark.parametrize("value", [0, 86_400])
    def test_from_none_to_a_day_is_taken(self, client: APIClient, url: str, value: int) -> None:
        answer = client.post(f"{url}/rotate-secret", {"overlap_seconds": value})
        assert answer.status_code == 200


class TestAtRest:
    def test_no_secret_stands_in_the_database(self, client: APIClient) -> None:
        made = client.post(WEBHOOKS, BODY).json()
        url = f"{WEBHOOKS}/{made['id']}/rotate-secret"
        rotated = client.post(url, {"overlap_seconds": 60}).json()
        kept = at_rest()
        assert "hooks.example.com" in kept
        for secret in (made["secret"], rotated["secret"]):
            assert secret not in kept
            assert base64.b64encode(secret.encode()).decode() not in kept
        assert secrets_of(Webhook.objects.get()) == [rotated["secret"], made["secret"]]

    def test_the_same_secret_is_never_sealed_to_the_same_text(self) -> None:
        sealed = {sealing.seal("s", purpose="webhooks") for _ in range(3)}
        assert len(sealed) == 3

    def test_what_is_sealed_for_something_else_is_no_secret(self, hook: Webhook) -> None:
        Webhook.objects.update(sealed_secret=sealing.seal("s", purpose="mail"))
        with pytest.raises(sealing.SealBroken):
            secrets_of(hook)


class TestAnotherKey:
    def test_one_that_was_rotated_still_opens_what_the_old_one_sealed(
        self, client: APIClient, hook: Webhook, url: str, settings: Any
    ) -> None:
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another key, as long as Django likes them to be 0123456789"
        assert secrets_of(hook) == [WEBHOOK_SECRET]
        secret = client.post(f"{url}/rotate-secret", {"overlap_seconds": 60}).json()["secret"]
        settings.SECRET_KEY_FALLBACKS = []
        assert secrets_of(hook) == [secret, WEBHOOK_SECRET], "both are sealed with the new key"

    def test_of_one_that_was_lost_only_the_secrets_are_lost(
        self, client: APIClient, hook: Webhook, url: str, settings: Any
    ) -> None:
        waiting = make_delivery(webhook=hook)
        settings.SECRET_KEY = "another key, as long as Django likes them to be 0123456789"
        with pytest.raises(sealing.SealBroken):
            secrets_of(hook)
        assert [row["id"] for row in client.get(WEBHOOKS).json()["webhooks"]] == [hook.pk]
        assert client.get(url).status_code == 200
        assert client.patch(url, {"name": "New"}).status_code == 200
        assert client.post(f"{url}/test").status_code == 202
        # As a run that cannot sign leaves it.
        Webhook.objects.filter(pk=hook.pk).update(enabled=False, auto_paused=True)
        refused = client.patch(url, {"enabled": True})
        assert (refused.status_code, refused.json()) == (409, {"error": UNREADABLE})
        rotated = client.post(f"{url}/rotate-secret", {"overlap_seconds": 60})
        assert rotated.status_code == 200
        assert secrets_of(hook) == [rotated.json()["secret"]], "nothing to overlap with"
        assert client.patch(url, {"enabled": True}).json()["auto_paused"] is False
        assert waiting in Delivery.objects.due(timezone.now())
