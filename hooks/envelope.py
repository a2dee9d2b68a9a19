"""What goes over the wire: the body of a delivery and the headers that vouch for it
(http-contract.md, 15.3; beside them those of Standard Webhooks, https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

USER_AGENT = "Speakr-Webhook/1.0"


@dataclass(frozen=True, slots=True)
class Event:
    """`moment`: aware, when it happened. `replayed_from`: the id of an event that this repeats."""

    id: uuid.UUID
    type: str
    moment: datetime
    user_id: int
    data: Mapping[str, Any]
    replayed_from: uuid.UUID | None = None


def compose(event: Event) -> str:
    """The body: compact JSON with its keys in the contract's order, never anything but UTF-8."""
    body: dict[str, Any] = {
        "id": str(event.id),
        "type": event.type,
        "timestamp": stamp(event.moment),
        "user_id": event.user_id,
        "data": event.data,
    }
    if event.replayed_from is not None:
        body["replayed_from"] = str(event.replayed_from)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair cannot be written in UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


def headers(
    *,
    event_id: uuid.UUID,
    event_type: str,
    body: bytes,
    secrets: Sequence[str],
    now: datetime,
) -> dict[str, str]:
    """Of one attempt, which is made `now`. `secrets`: the one of today, then those that receivers
    may still know; only `webhook-signature` carries a value for each.
    """
    signature = hmac.new(secrets[0].encode(), body, hashlib.sha256).hexdigest()
    seconds = int(now.timestamp())
    signed = f"{event_id}.{seconds}.".encode() + body
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Speakr-Event": event_type,
        "Speakr-Delivery-Id": str(event_id),
        "Speakr-Timestamp": stamp(now),
        "Speakr-Signature": f"sha256={signature}",
        "webhook-id": str(event_id),
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{_standard(secret, signed)}" for secret in secrets),
    }


def stamp(moment: datetime) -> str:
    """UTC, whole seconds, with a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _standard(secret: str, signed: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
