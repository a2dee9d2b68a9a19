"""The routes of webhooks and their deliveries."""

from __future__ import annotations

from django.urls import re_path

from hooks.api.views import DeliveryViewSet, WebhookViewSet

ONE = {"get": "retrieve", "patch": "update", "delete": "destroy"}
WEBHOOK = r"^webhooks/(?P<pk>[0-9]+)"
DELIVERY = rf"{WEBHOOK}/deliveries/(?P<delivery_id>[0-9]+)"

urlpatterns = [
    re_path(r"^webhooks\Z", WebhookViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"{WEBHOOK}\Z", WebhookViewSet.as_view(ONE)),
    re_path(rf"{WEBHOOK}/rotate-secret\Z", WebhookViewSet.as_view({"post": "rotate_secret"})),
    re_path(rf"{WEBHOOK}/test\Z", WebhookViewSet.as_view({"post": "test"})),
    re_path(rf"{WEBHOOK}/deliveries\Z", DeliveryViewSet.as_view({"get": "list"})),
    re_path(rf"{DELIVERY}\Z", DeliveryViewSet.as_view({"get": "retrieve"})),
    re_path(rf"{DELIVERY}/replay\Z", DeliveryViewSet.as_view({"post": "replay"})),
]
