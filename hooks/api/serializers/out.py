"""What the API answers about webhooks and their deliveries."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from hooks.event_types import EventType
from hooks.models import Delivery, Webhook
from speakr_site.core.api.fields import UtcDateTimeField


class WebhookSerializer(serializers.ModelSerializer):
    """Where somebody's events are sent to."""

    user_id = serializers.IntegerField(source="owner_id")
    events = serializers.ListField(child=serializers.ChoiceField(choices=EventType.choices))
    auto_paused = serializers.BooleanField(
        help_text="Switched off after too many failures. What waits is kept until it is enabled."
    )
    consecutive_failures = serializers.IntegerField(
        help_text="Deliveries in a row that ended without success."
    )
    created_at = UtcDateTimeField()
    updated_at = UtcDateTimeField()
    last_delivery_at = UtcDateTimeField(
        allow_null=True, help_text="Of the last attempt, whatever came of it."
    )

    class Meta:
        model = Webhook
        fields = [
            "id",
            "user_id",
            "name",
            "url",
            "allow_http",
            "events",
            "enabled",
            "auto_paused",
            "consecutive_failures",
            "created_at",
            "updated_at",
            "last_delivery_at",
        ]
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(help_text="The key of its signatures, shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class WebhookListSerializer(serializers.Serializer):
    webhooks = WebhookSerializer(many=True)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=EventType.choices),
        help_text="All that a webhook can be told of.",
    )
    max_per_user = serializers.IntegerField(help_text="How many webhooks a person may have.")


class DeliverySerializer(serializers.ModelSerializer):
    """One event on its way to one webhook."""

    webhook_id = serializers.IntegerField()
    attempt_count = serializers.IntegerField(help_text="Attempts whose outcome is known.")
    status = serializers.ChoiceField(
        source="wire_status",
        choices=Delivery.WireStatus.choices,
        help_text="`pending`: not tried yet; `failed`: tried, and it will be again; "
        "`permanent_failure`: it will not.",
    )
    response_status = serializers.IntegerField(allow_null=True)
    response_body_preview = serializers.CharField(
        allow_null=True,
        help_text="How the last answer began; null if the receiver is in a private network.",
    )
    error_message = serializers.CharField(
        allow_null=True, help_text="Why there was no answer to the last attempt."
    )
    next_retry_at = UtcDateTimeField(allow_null=True, help_text="The next attempt, not before.")
    created_at = UtcDateTimeField()
    delivered_at = UtcDateTimeField(allow_null=True)

    class Meta:
        model = Delivery
        fields = [
            "id",
            "webhook_id",
            "event_id",
            "event_type",
            "attempt_count",
            "status",
            "response_status",
            "response_body_preview",
            "error_message",
            "next_retry_at",
            "created_at",
            "delivered_at",
        ]
        read_only_fields = fields


class DeliveryDetailSerializer(DeliverySerializer):
    payload = serializers.CharField(help_text="The body that was or will be sent, as it is.")

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "payload"]
        read_only_fields = fields


# Otherwise an action called `list` is described as an array of these.
@extend_schema_serializer(many=False)
class DeliveryListSerializer(serializers.Serializer):
    deliveries = DeliverySerializer(many=True)
    limit = serializers.IntegerField(help_text="The one that was applied.")
