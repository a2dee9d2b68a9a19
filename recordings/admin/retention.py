"""The console's page of what goes next, and what it says about when a recording goes."""

from __future__ import annotations

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format

from recordings.models import DeletionMark, Recording
from recordings.retention import MARKED_NOTICE
from recordings.services.retention import verdict_of


def outlook(recording: Recording) -> str:
    """A sentence: when a recording goes and why, or why never."""
    verdict = verdict_of(recording)
    if verdict.goes_at is None:
        return f"Never: {verdict.reason}."
    over = _local(verdict.goes_at)
    if verdict.goes_at > timezone.now():
        return f"In a night after {over}: {verdict.reason}."
    mark = DeletionMark.objects.filter(recording=recording).first()
    if mark is not None:
        return f"In a night after {_local(mark.marked_at + MARKED_NOTICE)}: {verdict.reason}."
    wait = "once the work on it is done" if verdict.is_busy else "tonight"
    return f"Due since {over}: {verdict.reason}. It is marked {wait}, and goes a later night."


@admin.register(DeletionMark)
class DeletionMarkAdmin(admin.ModelAdmin):
    list_display = ["recording", "owner", "marked_at", "goes_after", "removes", "reason"]
    fields = ["recording", "owner", "marked_at", "goes_after", "goes_at", "removes", "reason"]
    readonly_fields = ["owner", "goes_after"]
    list_select_related = ["recording__owner"]
    search_fields = ["recording__owner__username", "recording__owner__email"]
    search_help_text = "User name or e-mail of the owner."
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeletionMark]:
        unseen = ("notes", "summary", "prompt_variables", "warnings")
        return super().get_queryset(request).defer(*(f"recording__{name}" for name in unseen))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: DeletionMark | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: DeletionMark | None = None) -> bool:
        """A mark would be made again: who wants a recording kept exempts it."""
        return False

    @admin.display(ordering="recording__owner__username")
    def owner(self, mark: DeletionMark) -> str:
        return str(mark.recording.owner)

    @admin.display(ordering="marked_at")
    def goes_after(self, mark: DeletionMark) -> str:
        return _local(mark.marked_at + MARKED_NOTICE)


def _local(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
