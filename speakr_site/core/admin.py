"""The console's pages for what core keeps: the audit trail, to read."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from speakr_site.core.models import AuditEntry

# Its command line, or retention.
SERVER = "the server"


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    list_display = ["created_at", "who", "action", "object_type", "object_id", "detail"]
    list_filter = ["action"]
    date_hierarchy = "created_at"
    search_fields = [
        "actor_name",
        "actor__username",
        "actor__email",
        "action",
        "=object_id",
        "detail",
    ]
    search_help_text = "Who did it or to whom, what, the number of what it was done to."
    show_full_result_count = False

    @admin.display(ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or SERVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False
