"""The console's pages for what people used, by month. To read: the pipeline writes them."""

from __future__ import annotations

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.dateformat import format as date_format

from recordings.models import TokenUsage, TranscriptionUsage


class UsageAdmin(admin.ModelAdmin):
    list_select_related = ["user"]
    list_filter = ["month"]
    search_fields = ["user__username", "user__email"]
    search_help_text = "User name or e-mail."
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """They go with their person."""
        return False

    @admin.display(description="month", ordering="month")
    def calendar_month(self, usage: TokenUsage | TranscriptionUsage) -> str:
        return date_format(usage.month, "F Y")


@admin.register(TranscriptionUsage)
class TranscriptionUsageAdmin(UsageAdmin):
    list_display = ["calendar_month", "user", "connector", "minutes", "dollars", "requests"]
    fields = ["user", "calendar_month", "connector", "minutes", "dollars", "requests"]
    readonly_fields = ["calendar_month", "minutes", "dollars"]

    @admin.display(ordering="seconds")
    def minutes(self, usage: TranscriptionUsage) -> str:
        return f"{usage.seconds / 60:.1f}"

    @admin.display(description="estimated cost", ordering="cost")
    def dollars(self, usage: TranscriptionUsage) -> str:
        return f"{usage.cost:.4f} USD"


@admin.register(TokenUsage)
class TokenUsageAdmin(UsageAdmin):
    list_display = [
        "calendar_month",
        "user",
        "operation",
        "prompt_tokens",
        "completion_tokens",
        "requests",
    ]
    fields = [
        "user",
        "calendar_month",
        "operation",
        "prompt_tokens",
        "completion_tokens",
        "requests",
    ]
    readonly_fields = ["calendar_month"]
