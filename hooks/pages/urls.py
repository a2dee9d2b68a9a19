"""The account page's part about webhooks."""

from __future__ import annotations

from django.urls import path

from hooks.pages import webhooks

urlpatterns = [
    path("account/webhooks", webhooks.WebhooksPage.as_view(), name="account-webhooks"),
    path("account/webhooks/new", webhooks.NewWebhookPage.as_view(), name="account-webhook-new"),
    path("account/webhooks/<int:pk>", webhooks.WebhookPage.as_view(), name="account-webhook"),
    path(
        "account/webhooks/<int:pk>/deliveries",
        webhooks.DeliveriesPage.as_view(),
        name="account-webhook-deliveries",
    ),
    path(
        "account/webhooks/<int:pk>/secret",
        webhooks.SecretPage.as_view(),
        name="account-webhook-secret",
    ),
    path(
        "account/webhooks/<int:pk>/test", webhooks.TestPage.as_view(), name="account-webhook-test"
    ),
    path("account/webhooks/<int:pk>/on", webhooks.OnPage.as_view(), name="account-webhook-on"),
    path("account/webhooks/<int:pk>/off", webhooks.OffPage.as_view(), name="account-webhook-off"),
    path(
        "account/webhooks/<int:pk>/delete",
        webhooks.DeletePage.as_view(),
        name="account-webhook-delete",
    ),
]
