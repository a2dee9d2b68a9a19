"""Every write about webhooks and their deliveries that somebody asks for.

Addresses are looked up before a transaction begins. What a row says is written under its lock; the
cap of a person's webhooks holds under the lock of that person.
"""

from __future__ import annotations

import json
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from hooks import envelope, net
from hooks.event_types import EventType
from hooks.models import SEALED_FOR, Delivery, DeliveryQuerySet, Webhook
from hooks.outbox import BELL
from hooks.pruning import SWITCHED_OFF
from speakr_site.core import sealing
from speakr_site.core.audit import record_audit
from speakr_site.core.errors import Conflict, InvalidInput, NotFound
from speakr_site.core.queue import ring

logger = logging.getLogger(__name__)

# 43 characters.
SECRET_BYTES = 32
OVERLAP_MAX_SECONDS = 86_400
PUT_BACK_AT_ONCE = 1000
TEST_REASON = "Test of this webhook, asked for by hand"

NOT_FOUND = "Webhook not found"
DISABLED = "Webhook is disabled; enable it first"
ALL_SWITCHED_OFF = "Webhooks are switched off on this server"
UNREADABLE = "The webhook's secret cannot be read with the keys of this server: make a new one"
CHANGED_MEANWHILE = "The webhook was changed at the same moment; try again"


@dataclass(frozen=True, slots=True)
class WebhookSpec:
    """A webhook as its owner asks for it. `events`: values of EventType, each once."""

    name: str
    url: str
    events: tuple[str, ...]
    allow_http: bool = False
    enabled: bool = True


def create_webhook(*, by: User, spec: WebhookSpec) -> tuple[Webhook, str]:
    """A new webhook of `by`'s and its secret, which nobody can ask for again.

    Raises InvalidInput for a URL that may not be sent to, Conflict at the cap.
    """
    target = _target_of(spec.url, allow_http=spec.allow_http)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        _hold_cap(by)
        webhook = Webhook.objects.create(
            owner=by,
            name=spec.name,
            url=spec.url,
            target=target,
            allow_http=spec.allow_http,
            events=list(spec.events),
            enabled=spec.enabled,
            sealed_secret=sealing.seal(secret, purpose=SEALED_FOR),
        )
        _put_on_record("webhook.create", webhook, by)
    return webhook, secret


def update_webhook(*, webhook: Webhook, by: User, changes: Mapping[str, Any]) -> Webhook:
    """Writes the given ones of a WebhookSpec's fields, all or none; gives the row as it is then.

    Switching it on resumes a paused one: what was held is sent. Switching it off ends what waits.
    Raises as `create_webhook`, NotFound when it is gone, and Conflict when it is to be switched on
    and its secret cannot be read.
    """
    columns = dict(changes)
    if "url" in columns or "allow_http" in columns:
        url = columns.get("url", webhook.url)
        allow_http = columns.get("allow_http", webhook.allow_http)
        columns["target"] = _target_of(url, allow_http=allow_http)
    if "enabled" in columns:
        columns |= {"auto_paused": False, "pause_reason": ""}
    if columns.get("enabled"):
        columns["consecutive_failures"] = 0
    with transaction.atomic():
        row = _locked(webhook)
        if "target" in columns and (row.url, row.allow_http) != (webhook.url, webhook.allow_http):
            raise Conflict(CHANGED_MEANWHILE)
        if columns.get("enabled") and not row.enabled and _readable_secret(row) is None:
            raise Conflict(UNREADABLE)
        told = _what_matters(row, columns)
        if columns:
            _write(row, columns)
        if "enabled" in columns:
            _let_go_or_end(row)
        if told:
            _put_on_record("webhook.change", row, by, told)
    return row


def resume(*, webhook: Webhook, by: User) -> Webhook:
    """Switches a paused webhook on again. Raises NotFound when it is gone."""
    return update_webhook(webhook=webhook, by=by, changes={"enabled": True})


def delete_webhook(*, webhook: Webhook, by: User) -> None:
    """And its deliveries. Raises NotFound when it is gone already."""
    with transaction.atomic():
        row = _locked(webhook)
        _put_on_record("webhook.delete", row, by)
        row.delete()


def rotate_secret(*, webhook: Webhook, by: User, overlap_seconds: int = 0) -> str:
    """A new secret, which signs from now on and nobody can ask for again. During the overlap the
    earlier one signs too. Raises NotFound when the webhook is gone.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        row = _locked(webhook)
        columns: dict[str, Any] = {
            "sealed_secret": sealing.seal(secret, purpose=SEALED_FOR),
            "sealed_previous_secret": "",
            "previous_secret_until": None,
        }
        earlier = _readable_secret(row)
        # One that the server cannot read any more has nothing to overlap with.
        if overlap_seconds and earlier is not None:
            columns["sealed_previous_secret"] = sealing.seal(earlier, purpose=SEALED_FOR)
            columns["previous_secret_until"] = timezone.now() + timedelta(seconds=overlap_seconds)
        _write(row, columns)
        _put_on_record("webhook.rotate_secret", row, by)
    return secret


def send_test(*, webhook: Webhook, by: User) -> Delivery:
    """Queues an event `webhook.test` for this webhook, whatever it listens to.

    Raises Conflict while it is disabled, or all webhooks of the server are; NotFound when it is
    gone.
    """
    data = {"reason": TEST_REASON, "webhook_id": webhook.pk}
    event = envelope.Event(uuid.uuid4(), EventType.TEST, timezone.now(), webhook.owner_id, data)
    return _queued(webhook, event, by=by)


def replay(*, delivery: Delivery, by: User) -> Delivery:
    """Queues the same event again, for the same webhook, as a new one that names the old. Raises
    as `send_test`. Reads `delivery.webhook`.
    """
    body = json.loads(delivery.payload)
    event = envelope.Event(
        uuid.uuid4(),
        delivery.event_type,
        timezone.now(),
        body["user_id"],
        body["data"],
        replayed_from=delivery.event_id,
    )
    return _queued(delivery.webhook, event, by=by)


def redeliver(*, deliveries: DeliveryQuerySet, by: User | None) -> int:
    """Puts those that have ended back into the queue, with all attempts before them: the same ids
    and bytes, which a receiver that had them knows. Gives their number. Left alone is what is on
    its way, and what belongs to a webhook that its owner switched off.

    `by`: an operator; None is the command line.
    """
    ended = deliveries.order_by().filter(status__in=(Delivery.Status.DONE, Delivery.Status.FAILED))
    total = 0
    with transaction.atomic():
        switched_on = Webhook.objects.filter(Q(enabled=True) | Q(auto_paused=True))
        concerned = switched_on.filter(pk__in=ended.values("webhook")).order_by("pk")
        for webhook in concerned.select_for_update(no_key=True):
            count = 0
            while some := _put_back(ended.filter(webhook=webhook)):
                count += some
            _put_on_record("webhook.redeliver", webhook, by, f"{count} of its deliveries")
            total += count
        ring(BELL)
    return total


def _target_of(url: str, *, allow_http: bool) -> str:
    """Where a URL leads to, as `Webhook.target` has it. Call outside of a transaction: this asks
    name servers, for some seconds at most. Raises InvalidInput.
    """
    try:
        return net.destination(url, allow_http=allow_http).target
    except net.UrlRefused as refused:
        if refused.seen_address is not None:
            address = refused.seen_address
            logger.warning("Refused %s: it leads to %s", net.describe(url), address)
        raise InvalidInput(str(refused)) from None


def _hold_cap(owner: User) -> None:
    """Until the transaction ends, no other webhook of this person's is made. Raises Conflict."""
    _hold(owner.pk)
    count, maximum = owner.webhooks.count(), settings.WEBHOOK_MAX_PER_USER
    if count >= maximum:
        sentence = f"Per-user webhook cap reached ({count}/{maximum})"
        raise Conflict(sentence, max_per_user=maximum)


def _hold(owner_id: int) -> None:
    """Takes the person's lock until the transaction ends; SQLite has one writer at a time."""
    User.objects.select_for_update(no_key=True).filter(pk=owner_id).only("pk").first()


def _put_back(ended: DeliveryQuerySet) -> int:
    """As many of them as one statement can name; how many."""
    keys = list(ended.values_list("pk", flat=True)[:PUT_BACK_AT_ONCE])
    rows = Delivery.objects.filter(pk__in=keys)
    again = rows.update_unlocked(
        status=Delivery.Status.QUEUED,
        available_at=timezone.now(),
        attempt_count=0,
        response_status=None,
        response_body_preview=None,
        error_message=None,
        delivered_at=None,
    )
    return len(again)


def _locked(webhook: Webhook) -> Webhook:
    """With its owner's lock before its own: deleting a person takes deliveries before webhooks."""
    _hold(webhook.owner_id)
    row = Webhook.objects.select_for_update(no_key=True).filter(pk=webhook.pk).first()
    if row is None:
        raise NotFound(NOT_FOUND)
    return row


def _write(row: Webhook, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    row.save(update_fields=[*columns, "updated_at"])


def _let_go_or_end(row: Webhook) -> None:
    """What waited for a webhook that has just been switched on, or off."""
    if row.enabled:
        ring(BELL)
    else:
        row.deliveries.filter(status=Delivery.Status.QUEUED).update(
            status=Delivery.Status.FAILED, error_message=SWITCHED_OFF
        )


def _readable_secret(row: Webhook) -> str | None:
    """None: sealed with a key that the server no longer has."""
    try:
        return sealing.unseal(row.sealed_secret, purpose=SEALED_FOR)
    except sealing.SealBroken:
        return None


def _queued(webhook: Webhook, event: envelope.Event, *, by: User) -> Delivery:
    if not settings.WEBHOOK_GLOBAL_ENABLED:
        raise Conflict(ALL_SWITCHED_OFF)
    with transaction.atomic():
        row = _locked(webhook)
        if not row.enabled:
            raise Conflict(DISABLED)
        delivery = Delivery.objects.create(
            webhook=row,
            event_id=event.id,
            event_type=event.type,
            payload=envelope.compose(event),
        )
        if by.pk != row.owner_id:
            _put_on_record("webhook.send", row, by, f"{event.type} {event.id}")
        ring(BELL)
    return delivery


def _what_matters(row: Webhook, columns: Mapping[str, Any]) -> str:
    """What the audit trail is to say of a change that is about to be written: where it sent to, and
    whether it is on.
    """
    told = []
    if columns.get("url", row.url) != row.url:
        # Host and port alone: a path or a query may hold a token.
        told.append(f"a new URL, the old one to {row.target}")
    if columns.get("enabled", row.enabled) != row.enabled or (
        row.auto_paused and "enabled" in columns
    ):
        told.append("switched on" if columns["enabled"] else "switched off")
    return ", ".join(told)


def _put_on_record(action: str, webhook: Webhook, by: User | None, detail: str = "") -> None:
    subject = f"{webhook.name} to {webhook.target}"
    record_audit(
        by=by, action=action, target=webhook, detail=f"{subject}: {detail}" if detail else subject
    )
