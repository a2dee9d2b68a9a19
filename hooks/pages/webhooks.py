"""One's webhooks. A secret stands in the answer to the form that made it, and nowhere else: not in
an address, a session or a message.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse, reverse_lazy
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from hooks.event_types import EventType
from hooks.models import Webhook
from hooks.services import (
    WebhookSpec,
    create_webhook,
    delete_webhook,
    rotate_secret,
    send_test,
    update_webhook,
)
from speakr_site.core.once import NonceField, OncePage
from speakr_site.core.pages import AccountPage, ConfirmPage, EditPage, FormPage

EVENTS = {
    EventType.CREATED: "An upload was accepted",
    EventType.TRANSCRIPTION_STARTED: "A transcription begins",
    EventType.TRANSCRIPTION_COMPLETED: "A transcript is there",
    EventType.TRANSCRIPTION_FAILED: "A transcription failed",
    EventType.SUMMARY_COMPLETED: "A summary is there",
    EventType.SUMMARY_FAILED: "A summary failed",
    EventType.EVENTS_EXTRACTED: "Dates were found",
    EventType.UPDATED: "A recording was changed",
    EventType.DELETED: "A recording was deleted",
    EventType.TEST: "A test; those come in any case",
}
OVERLAPS = {
    "0": "At once",
    "3600": "In an hour; until then both sign",
    "86400": "In a day; until then both sign",
}
SENT_AGAIN = "This form was sent before, and its webhook is in the list. Its secret was shown then."
DELIVERIES_SHOWN = 50


class EventBoxes(forms.CheckboxSelectMultiple):
    def id_for_label(self, id_: str, index: str | None = None) -> str:
        """Of the first box, where none is asked for: there a mistake leads to."""
        return super().id_for_label(id_, index or "0")


class WebhookForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        choices=[(kind.value, label) for kind, label in EVENTS.items()],
        widget=EventBoxes,
        label="When it is told",
    )

    class Meta:
        model = Webhook
        fields = ["name", "url", "allow_http", "events"]
        labels = {"url": "Address", "allow_http": "Without encryption"}
        help_texts = {
            "name": "For yourself.",
            "url": "Where your events are sent to, beginning with https://.",
            "allow_http": "For an address that begins with http://. What is sent can be read on "
            "the way.",
        }
        widgets = {
            "url": forms.TextInput(
                attrs={"class": "code", "spellcheck": "false", "inputmode": "url"}
            )
        }


class NewWebhookForm(WebhookForm):
    nonce = NonceField()


class WebhooksPage(AccountPage, TemplateView):
    template_name = "pages/webhooks/list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            webhooks=Webhook.objects.visible_to(self.request.user),
            maximum=settings.WEBHOOK_MAX_PER_USER,
            is_on=settings.WEBHOOK_GLOBAL_ENABLED,
            **kwargs,
        )


class OwnWebhook:
    """The webhook that the address names; there is no page about anybody else's."""

    success_url = reverse_lazy("account-webhooks")

    @cached_property
    def webhook(self) -> Webhook:
        mine = Webhook.objects.editable_by(self.request.user)
        return get_object_or_404(mine, pk=self.kwargs["pk"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(webhook=self.webhook, **kwargs)


class ShowsSecret:
    """A form's answer is a page with what `made` has: a webhook and its new secret."""

    made: tuple[Webhook, str]

    def done(self) -> HttpResponse:
        webhook, secret = self.made
        self.template_name = "pages/webhooks/secret_made.html"
        return self.render_to_response({"view": self, "webhook": webhook, "secret": secret})


class NewWebhookPage(ShowsSecret, OncePage):
    form_class = NewWebhookForm
    template_name = "pages/webhooks/form.html"
    success_url = reverse_lazy("account-webhooks")
    sent_again = SENT_AGAIN
    initial = {"events": [EventType.TRANSCRIPTION_COMPLETED.value]}

    def save(self, form: NewWebhookForm) -> None:
        given = {name: form.cleaned_data[name] for name in form._meta.fields}
        spec = WebhookSpec(**{**given, "events": tuple(given["events"])})
        self.made = create_webhook(by=self.request.user, spec=spec)


class WebhookPage(OwnWebhook, EditPage):
    form_class = WebhookForm
    template_name = "pages/webhooks/form.html"

    @property
    def row(self) -> Webhook:
        return self.webhook

    def save(self, form: WebhookForm) -> None:
        """What was not touched is not looked at again: an address may be away for a moment."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        update_webhook(webhook=self.webhook, by=self.request.user, changes=changes)


class DeliveriesPage(OwnWebhook, AccountPage, TemplateView):
    template_name = "pages/webhooks/deliveries.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        deliveries = self.webhook.deliveries.for_list()[:DELIVERIES_SHOWN]
        return super().get_context_data(deliveries=deliveries, **kwargs)


class SecretForm(forms.Form):
    overlap = forms.ChoiceField(
        choices=OVERLAPS.items(),
        initial="0",
        label="When the secret of now ends",
        help_text="In an overlap webhook-signature has a value of each; Speakr-Signature has the "
        "new one's.",
    )


class SecretPage(ShowsSecret, OwnWebhook, FormPage):
    form_class = SecretForm
    template_name = "pages/webhooks/secret.html"

    def save(self, form: SecretForm) -> None:
        secret = rotate_secret(
            webhook=self.webhook,
            by=self.request.user,
            overlap_seconds=int(form.cleaned_data["overlap"]),
        )
        self.made = self.webhook, secret


class TestPage(OwnWebhook, ConfirmPage):
    template_name = "pages/webhooks/test.html"
    saved = "A test is on its way. Look at this page again for what came of it."

    def get_success_url(self) -> str:
        return reverse("account-webhook-deliveries", args=[self.webhook.pk])

    def save(self, form: forms.Form) -> None:
        send_test(webhook=self.webhook, by=self.request.user)


class OnPage(OwnWebhook, ConfirmPage):
    template_name = "pages/webhooks/on.html"

    @property
    def saved(self) -> str:
        return f"“{self.webhook}” is on."

    def save(self, form: forms.Form) -> None:
        update_webhook(webhook=self.webhook, by=self.request.user, changes={"enabled": True})


class OffPage(OwnWebhook, ConfirmPage):
    template_name = "pages/webhooks/off.html"

    @property
    def saved(self) -> str:
        return f"“{self.webhook}” is switched off."

    def save(self, form: forms.Form) -> None:
        update_webhook(webhook=self.webhook, by=self.request.user, changes={"enabled": False})


class DeletePage(OwnWebhook, ConfirmPage):
    template_name = "pages/webhooks/delete.html"

    @property
    def saved(self) -> str:
        return f"The webhook “{self.webhook}” is deleted."

    def save(self, form: forms.Form) -> None:
        delete_webhook(webhook=self.webhook, by=self.request.user)
