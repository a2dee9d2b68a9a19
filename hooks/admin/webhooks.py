"""The console's page for webhooks: whose they are, where they lead, whether they are on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from hooks.models import Webhook
from hooks.services import delete_webhook, resume, update_webhook
from speakr_site.core.console import act_on_each
from speakr_site.core.errors import Conflict, NotFound

# Secrets, and what may hold some: a path, a query, or the name of somebody's channel. No address
# may filter by them.
UNSEEN = ("url", "sealed_secret", "sealed_previous_secret", "previous_secret_until")
ON, PAUSED, OFF = "on", "paused", "off"


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        return [(ON, "On"), (PAUSED, "Paused after failures"), (OFF, "Switched off")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "on":
                return queryset.filter(enabled=True)
            case "paused":
                return queryset.filter(enabled=False, auto_paused=True)
            case "off":
                return queryset.filter(enabled=False, auto_paused=False)
        return queryset


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):
    """Owners make and change them; operators switch them on and off, and delete them."""

    list_display = [
        "name",
        "id",
        "owner",
        "target",
        "state",
        "consecutive_failures",
        "last_delivery_at",
        "deliveries",
    ]
    list_filter = [StateFilter]
    search_fields = ["=id", "name", "target", "owner__username", "owner__email"]
    search_help_text = "Number, name or host of the webhook, user name or e-mail of its owner."
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["resume", "switch_off"]
    fieldsets = [
        (
            None,
            {
                "description": "A webhook belongs to its owner, who alone changes where it leads "
                "and what it is told, and has its secret.",
                "fields": ["name", "id", "owner", "told", "deliveries"],
            },
        ),
        (
            "Leads to",
            {
                "description": "Without path and query, which may hold a password.",
                "fields": ["scheme", "target"],
            },
        ),
        (
            "State",
            {
                "description": "Too many deliveries in a row that failed for good pause a webhook. "
                "What waits for a paused one is held; what waits for one that is switched off is "
                "dropped. Both are actions of the list.",
                "fields": ["state", "consecutive_failures", "last_delivery_at"],
            },
        ),
        ("Dates", {"fields": ["created_at", "updated_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return super().get_queryset(request).select_related("owner").defer(*UNSEEN)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        asked = lookup.partition("__")[0]
        return asked not in UNSEEN and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Webhook | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("hooks.change_webhook")

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        self.delete_queryset(request, [obj])

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Webhook]) -> None:
        for webhook in queryset:
            # Somebody else was faster.
            with suppress(NotFound):
                delete_webhook(webhook=webhook, by=request.user)

    def get_deleted_objects(
        self, objs: Iterable[Webhook], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A line for each. Django's own loads every delivery and asks for rights on them."""
        webhooks = list(objs)
        lines = [f"{webhook} of {webhook.owner}, with its deliveries" for webhook in webhooks]
        return lines, {"webhooks": len(webhooks)}, set(), []

    @admin.action(description="Resume the selected webhooks", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        def resumed(webhook: Webhook) -> str:
            if webhook.enabled:
                raise Conflict("is on already")
            if not webhook.auto_paused:
                raise Conflict("was switched off on purpose; its owner can switch it on")
            resume(webhook=webhook, by=request.user)
            return "resumed; what was held is sent"

        act_on_each(self, request, queryset, resumed)

    @admin.action(
        description="Switch the selected webhooks off, drop what waits", permissions=["operate"]
    )
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        def switched_off(webhook: Webhook) -> str:
            if state_of(webhook) == OFF:
                raise Conflict("is off already")
            update_webhook(webhook=webhook, by=request.user, changes={"enabled": False})
            return "switched off; its owner can switch it on again"

        act_on_each(self, request, queryset, switched_off)

    @admin.display(ordering="enabled")
    def state(self, webhook: Webhook) -> str:
        state = state_of(webhook)
        if state != PAUSED:
            return state
        failures = f"{webhook.consecutive_failures} deliveries failed in a row"
        return f"paused: {webhook.pause_reason or failures}"

    @admin.display(description="events")
    def told(self, webhook: Webhook) -> str:
        return ", ".join(webhook.events)

    @admin.display
    def scheme(self, webhook: Webhook) -> str:
        return webhook.url.partition(":")[0].lower()

    @admin.display
    def deliveries(self, webhook: Webhook) -> str:
        url = reverse("admin:hooks_delivery_changelist")
        return format_html('<a href="{}?webhook__id__exact={}">Deliveries</a>', url, webhook.pk)


def state_of(webhook: Webhook) -> str:
    if webhook.enabled:
        return ON
    return PAUSED if webhook.auto_paused else OFF
