"""The caller's webhooks and their deliveries over the API. Of somebody else's not even the
existence shows.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hooks.api.serializers import in_, out
from hooks.event_types import EventType
from hooks.models import Webhook
from hooks.services import (
    WebhookSpec,
    create_webhook,
    delete_webhook,
    replay,
    rotate_secret,
    send_test,
    update_webhook,
)
from speakr_site.core.api.parsers import json_object
from speakr_site.core.api.schema import errors
from speakr_site.core.api.viewsets import ScopedViewSet

LIMIT, MAX_LIMIT = 50, 200
# Python itself reads no more than some thousand digits.
MAX_DIGITS = 100


@extend_schema(tags=["Webhooks"])
class WebhookViewSet(ScopedViewSet):
    model = Webhook
    scopes = {
        "list": "read",
        "create": "self",
        "retrieve": "read",
        "update": "edit",
        "destroy": "edit",
        "rotate_secret": "edit",
        "test": "edit",
    }
    reveals_existence = False
    pagination_class = None

    @extend_schema(summary="List webhooks", responses={200: out.WebhookListSerializer})
    def list(self, request: Request) -> Response:
        """The caller's own, the newest first, and what can be listened to."""
        return Response(
            {
                "webhooks": out.WebhookSerializer(self.get_queryset(), many=True).data,
                "event_types": EventType.values,
                "max_per_user": settings.WEBHOOK_MAX_PER_USER,
            }
        )

    @extend_schema(
        summary="Create a webhook",
        request=in_.WebhookCreateSerializer,
        responses={201: out.WebhookWithSecretSerializer, **errors(409)},
    )
    def create(self, request: Request) -> Response:
        """Tells a URL of the caller's recordings from now on. The answer has the secret that signs
        what is sent, this once. Beyond `max_per_user`: 409.
        """
        body = in_.WebhookCreateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        webhook, secret = create_webhook(by=request.user, spec=WebhookSpec(**body.validated_data))
        return with_secret(webhook, secret, status=201)

    @extend_schema(summary="Details of a webhook", responses=out.WebhookSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One of the caller's own."""
        return Response(out.WebhookSerializer(self.get_object()).data)

    @extend_schema(
        summary="Change a webhook",
        request=in_.WebhookUpdateSerializer,
        responses={200: out.WebhookSerializer, **errors(409)},
    )
    def update(self, request: Request, pk: str) -> Response:
        """Changes what is given and leaves the rest. What waits goes to a new URL."""
        webhook = self.get_object()
        body = in_.WebhookUpdateSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        webhook = update_webhook(webhook=webhook, by=request.user, changes=body.validated_data)
        return Response(out.WebhookSerializer(webhook).data)

    @extend_schema(summary="Delete a webhook", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """And its deliveries, those that wait too."""
        delete_webhook(webhook=self.get_object(), by=request.user)
        return Response(status=204)

    @extend_schema(
        summary="Rotate the secret of a webhook",
        request=in_.RotateSecretSerializer,
        responses={200: out.WebhookWithSecretSerializer},
    )
    def rotate_secret(self, request: Request, pk: str) -> Response:
        """Makes a new secret, which the answer has this once. It signs whatever is sent from now
        on, what waits already too.
        """
        webhook = self.get_object()
        body = in_.RotateSecretSerializer(data=json_object(request, optional=True))
        body.is_valid(raise_exception=True)
        secret = rotate_secret(webhook=webhook, by=request.user, **body.validated_data)
        return with_secret(self.get_object(), secret)

    @extend_schema(
        summary="Test a webhook",
        request=None,
        responses={202: out.DeliverySerializer, **errors(409)},
    )
    def test(self, request: Request, pk: str) -> Response:
        """Sends it an event `webhook.test`, whatever it listens to. While it is disabled: 409."""
        delivery = send_test(webhook=self.get_object(), by=request.user)
        return Response(out.DeliverySerializer(delivery).data, status=202)


@extend_schema(tags=["Webhooks"])
class DeliveryViewSet(ScopedViewSet):
    model = Webhook
    scopes = {"list": "read", "retrieve": "read", "replay": "edit"}
    reveals_existence = False
    pagination_class = None

    @extend_schema(
        summary="List the deliveries of a webhook",
        parameters=[
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": LIMIT},
                description="How many at most.",
            )
        ],
        responses={200: out.DeliveryListSerializer},
    )
    def list(self, request: Request, pk: str) -> Response:
        """The newest first. Old ones are deleted after some time."""
        limit = limit_of(request.query_params.get("limit", ""))
        deliveries = self.get_object().deliveries.for_list()[:limit]
        return Response(
            {"deliveries": out.DeliverySerializer(deliveries, many=True).data, "limit": limit}
        )

    @extend_schema(summary="Details of a delivery", responses=out.DeliveryDetailSerializer)
    def retrieve(self, request: Request, pk: str, delivery_id: str) -> Response:
        """With the body that was or will be sent."""
        delivery = self.find(self.get_object().deliveries.all(), delivery_id)
        return Response(out.DeliveryDetailSerializer(delivery).data)

    @extend_schema(
        summary="Replay a delivery",
        request=None,
        responses={202: out.DeliverySerializer, **errors(409)},
    )
    def replay(self, request: Request, pk: str, delivery_id: str) -> Response:
        """Sends the same event again as a new one: with an id and a time of its own, and
        `replayed_from`, the id of the earlier one. While the webhook is disabled: 409.
        """
        delivery = self.find(self.get_object().deliveries.all(), delivery_id)
        again = replay(delivery=delivery, by=request.user)
        return Response(out.DeliverySerializer(again).data, status=202)


def with_secret(webhook: Webhook, secret: str, status: int = 200) -> Response:
    shown: dict[str, Any] = {**out.WebhookSerializer(webhook).data, "secret": secret}
    return Response(shown, status=status, headers={"Cache-Control": "no-store"})


def limit_of(text: str) -> int:
    """Lenient on purpose (contract 15.2): what is no number gives the default."""
    text = text.strip()
    if len(text) > MAX_DIGITS or not text.removeprefix("-").isdecimal():
        return LIMIT
    return min(max(int(text), 1), MAX_LIMIT)
