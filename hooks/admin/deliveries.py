"""The console's pages for deliveries: what was and will be sent. To read, and to send again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from hooks.admin.redelivery import redeliver_view
from hooks.models import Delivery
from hooks.services import redeliver, replay
from speakr_site.core.console import act_on_each, short

HELD = "held"
UNSEEN = ("payload", "response_body_preview")
UNSEEN_OF_WEBHOOK = ("webhook__url", "webhook__sealed_secret", "webhook__sealed_previous_secret")
ON_THE_WAY = (Delivery.Status.QUEUED, Delivery.Status.RUNNING)


class StateFilter(admin.SimpleListFilter):
    """By the words of the API; what is held is one of its pending or failed ones."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list:
        wire = Delivery.WireStatus
        return [
            (wire.PENDING.value, "Pending"),
            (wire.FAILED.value, "Failed, to be tried again"),
            (wire.PERMANENT_FAILURE.value, "Failed for good"),
            (wire.SUCCESS.value, "Success"),
            (HELD, "Held, its webhook is paused"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wire = Delivery.WireStatus
        match self.value():
            case wire.PENDING:
                return queryset.filter(status__in=ON_THE_WAY, attempt_count=0)
            case wire.FAILED:
                return queryset.filter(status__in=ON_THE_WAY, attempt_count__gt=0)
            case wire.PERMANENT_FAILURE:
                return queryset.filter(status=Delivery.Status.FAILED)
            case wire.SUCCESS:
                return queryset.filter(status=Delivery.Status.DONE)
            case "held":
                return queryset.filter(status=Delivery.Status.QUEUED, webhook__auto_paused=True)
        return queryset


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """Changes and senders write them, so nobody changes one here; the actions ask the services."""

    list_display = [
        "event_type",
        "to",
        "owner",
        "state",
        "attempts",
        "answered",
        "error_message",
        "created",
        "next_attempt",
    ]
    list_select_related = ["webhook__owner"]
    list_filter = [StateFilter, "event_type"]
    date_hierarchy = "created_at"
    search_fields = ["webhook__name", "webhook__owner__username", "webhook__owner__email"]
    search_help_text = "Id of the event, name of the webhook, user name or e-mail of its owner."
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["put_back", "replay"]
    change_list_template = "admin/hooks/delivery/change_list.html"
    fieldsets = [
        (
            None,
            {
                "description": "Putting it back sends the same event again, which a receiver that "
                "had it knows by its id; a replay is a new event. Both are actions of the list.",
                "fields": ["event_type", "event_id", "to", "owner", "created_at"],
            },
        ),
        (
            "Attempts",
            {
                "description": "Those whose outcome is known. What a receiver in a private network "
                "answers is not kept.",
                "fields": [
                    "state",
                    "attempt_count",
                    "next_attempt",
                    "delivered_at",
                    "response_status",
                    "error_message",
                    "response",
                ],
            },
        ),
        (
            "Body",
            {
                "description": "As it is signed and sent, each time the same.",
                "fields": ["body"],
            },
        ),
    ]

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("redeliver/", guarded(self.redeliver_view), name="hooks_delivery_redeliver"),
            *super().get_urls(),
        ]

    def redeliver_view(self, request: HttpRequest) -> HttpResponse:
        return redeliver_view(self, request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may_redeliver = {"may_redeliver": self.has_operate_permission(request)}
        return super().changelist_view(request, {**may_redeliver, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer(*UNSEEN, *UNSEEN_OF_WEBHOOK)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """An id in full is looked up by its index."""
        try:
            return queryset.filter(event_id=uuid.UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Delivery | None = None) -> bool:
        """They go by themselves, or with their webhook."""
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("hooks.change_delivery")

    @admin.action(
        description="Put back the selected deliveries: the same events again",
        permissions=["operate"],
    )
    def put_back(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        asked = queryset.count()
        count = redeliver(deliveries=queryset, by=request.user)
        self.message_user(request, f"Put back: {count}.", messages.SUCCESS)
        if count < asked:
            self.message_user(
                request,
                f"Left: {asked - count}, which are on their way, or whose webhook is switched off.",
                messages.WARNING,
            )

    @admin.action(
        description="Replay the selected deliveries: as new events", permissions=["operate"]
    )
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        def replayed(delivery: Delivery) -> str:
            return f"queued as {replay(delivery=delivery, by=request.user).event_id}"

        act_on_each(self, request, queryset, replayed)

    @admin.display(description="webhook", ordering="webhook__name")
    def to(self, delivery: Delivery) -> str:
        url = reverse("admin:hooks_webhook_change", args=[delivery.webhook_id])
        return format_html('<a href="{}">{}</a>', url, delivery.webhook)

    @admin.display(ordering="webhook__owner__username")
    def owner(self, delivery: Delivery) -> str:
        return str(delivery.webhook.owner)

    @admin.display(description="status", ordering="status")
    def state(self, delivery: Delivery) -> str:
        said = str(Delivery.WireStatus(delivery.wire_status).label).lower()
        if delivery.status == Delivery.Status.QUEUED and delivery.webhook.auto_paused:
            return f"{said}, held"
        return said

    @admin.display(ordering="attempt_count")
    def attempts(self, delivery: Delivery) -> int:
        return delivery.attempt_count

    @admin.display(ordering="response_status")
    def answered(self, delivery: Delivery) -> int | None:
        return delivery.response_status

    @admin.display(ordering="created_at")
    def created(self, delivery: Delivery) -> str | None:
        return short(delivery.created_at)

    @admin.display(ordering="available_at")
    def next_attempt(self, delivery: Delivery) -> str | None:
        return short(delivery.next_retry_at)

    @admin.display(description="answer")
    def response(self, delivery: Delivery) -> str | None:
        return _verbatim(delivery.response_body_preview)

    @admin.display(description="JSON")
    def body(self, delivery: Delivery) -> str | None:
        return _verbatim(delivery.payload)


def _verbatim(text: str | None) -> str | None:
    if text is None:
        return None
    return format_html('<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', text)
