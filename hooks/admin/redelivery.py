"""The console's form for putting back the deliveries of some time: it says how many, then does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone

from hooks.models import Webhook
from hooks.redelivery import Outcome, Selection, number
from hooks.services import redeliver
from speakr_site.core.limits import FIRST_YEAR, LAST_YEAR, may_be_kept

LINES_SHOWN = 50
# Without an operator's word, what failed last.
LAST = timedelta(days=1)
MOMENT = "%Y-%m-%dT%H:%M"


def in_calendar(moment: datetime) -> None:
    if not may_be_kept(moment):
        raise forms.ValidationError(f"Choose a year from {FIRST_YEAR} to {LAST_YEAR}.")


class MomentField(forms.DateTimeField):
    """In the server's time zone, to the minute."""

    widget = forms.DateTimeInput(format=MOMENT, attrs={"type": "datetime-local"})
    default_validators = [in_calendar]


class RedeliverForm(forms.Form):
    since = MomentField(label="From", help_text="When the event happened.")
    until = MomentField(label="Until", help_text="This minute is not part of it any more.")
    outcome = forms.ChoiceField(choices=Outcome.choices, initial=Outcome.FAILED, label="Which")
    webhook_id = forms.IntegerField(
        label="Webhook",
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="Its number, as in the list of webhooks; empty for all.",
    )

    def clean_webhook_id(self) -> int | None:
        pk = self.cleaned_data["webhook_id"]
        if pk is not None and not Webhook.objects.filter(pk=pk).exists():
            raise forms.ValidationError(f"There is no webhook {pk}.")
        return pk

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        since, until = given.get("since"), given.get("until")
        if since and until and since >= until:
            self.add_error("until", "This is not after the beginning.")
        return given


def redeliver_view(model_admin: admin.ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Sent once, the form says how many it would put back; sent with `confirmed` it does, unless
    they are not so many any more as the person was told.
    """
    if not model_admin.has_operate_permission(request):
        raise PermissionDenied
    now = timezone.now()
    form = RedeliverForm(
        request.POST if request.method == "POST" else None,
        initial={"since": now - LAST, "until": now + timedelta(minutes=1)},
    )
    context: dict[str, Any] = {}
    if form.is_valid():
        selection = Selection(**form.cleaned_data)
        lines = selection.lines()
        total = number(lines)
        if "confirmed" in request.POST and request.POST.get("counted") == str(total):
            count = redeliver(deliveries=selection.deliveries(), by=request.user)
            messages.success(request, f"Put back: {count}.")
            return redirect("admin:hooks_delivery_changelist")
        context = {
            "number": total,
            "lines": lines[:LINES_SHOWN],
            "not_shown": len(lines[LINES_SHOWN:]),
            "is_counted": True,
        }
    context |= {
        **model_admin.admin_site.each_context(request),
        "title": "Redeliver",
        "subtitle": None,
        "opts": model_admin.opts,
        "form": form,
    }
    return TemplateResponse(request, "admin/hooks/delivery/redeliver.html", context)
