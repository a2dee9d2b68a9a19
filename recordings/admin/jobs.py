"""The console's pages for jobs: what waits, runs and failed. To read, to retry, to cancel."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from recordings.models import Job
from recordings.services.processing import cancel_job, retry_job
from speakr_site.core.audit import record_audit
from speakr_site.core.console import act_on_each, short
from speakr_site.core.errors import Conflict

ENDED = (Job.Status.DONE, Job.Status.FAILED, Job.Status.CANCELLED)
UNSEEN = (
    "recording__notes",
    "recording__summary",
    "recording__prompt_variables",
    "recording__warnings",
    "recording__text_warnings",
)


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """Workers write jobs, so nobody changes one here; the actions ask the services."""

    list_display = [
        "id",
        "about",
        "owner",
        "lane",
        "status",
        "stage",
        "percent",
        "attempts",
        "error_message",
        "queued",
        "claimed",
        "finished",
    ]
    list_select_related = ["recording", "owner"]
    list_filter = ["status", "lane"]
    date_hierarchy = "queued_at"
    search_fields = ["=id", "recording__title", "owner__username", "owner__email"]
    search_help_text = "Number of the job, title of the recording, user name or e-mail."
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["retry", "cancel"]
    fieldsets = [
        (
            None,
            {
                "description": "Retry and cancel are actions of the list.",
                "fields": [
                    "about",
                    "owner",
                    "lane",
                    "status",
                    "stage",
                    "percent",
                    "cancel_requested",
                ],
            },
        ),
        (
            "Tries",
            {
                "description": "A run that fails for a passing reason is tried again after a "
                "while; a new window or answer starts the count of attempts afresh. When a text "
                "job fails its recording is completed all the same, with a warning.",
                "fields": ["attempts", "error_code", "error_message", "available_at"],
            },
        ),
        (
            "Times",
            {
                "description": "A running job holds a lease that its worker renews every few "
                "seconds; when it runs out the job goes back to the queue.",
                "fields": ["queued_at", "claimed_at", "lease_expires_at", "finished_at"],
            },
        ),
        (
            "Options",
            {
                "description": "What was asked for, and what it came to with the owner's "
                "preferences and the server's defaults.",
                "fields": ["asked_for", "resolved_to"],
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        return super().get_queryset(request).defer("requested", "options", *UNSEEN)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """A job that waits or runs is cancelled first, so that its recording comes to rest."""
        ended = obj is None or obj.status in ENDED
        return ended and super().has_delete_permission(request, obj)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("recordings.change_job")

    @admin.action(description="Retry the selected jobs", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        def retried(job: Job) -> str:
            if job.status not in ENDED:
                raise Conflict(f"is still {job.status}")
            again = retry_job(job)
            record_audit(by=request.user, action="job.retry", target=job, detail=str(again))
            return f"its work is {again.status} as {again}"

        act_on_each(self, request, queryset.select_related("recording__owner", "owner"), retried)

    @admin.action(description="Cancel the selected jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        def cancelled(job: Job) -> str:
            if not cancel_job(job):
                raise Conflict("had ended already")
            record_audit(by=request.user, action="job.cancel", target=job)
            return "was asked to stop" if job.status == Job.Status.RUNNING else "cancelled"

        act_on_each(self, request, queryset, cancelled)

    @admin.display(description="recording", ordering="recording__title")
    def about(self, job: Job) -> str:
        url = reverse("admin:recordings_recording_change", args=[job.recording_id])
        return format_html('<a href="{}">{}</a>', url, job.recording)

    @admin.display(description="progress", ordering="progress")
    def percent(self, job: Job) -> str:
        return f"{job.progress:.0%}"

    @admin.display(ordering="queued_at")
    def queued(self, job: Job) -> str | None:
        return short(job.queued_at)

    @admin.display(ordering="claimed_at")
    def claimed(self, job: Job) -> str | None:
        return short(job.claimed_at)

    @admin.display(ordering="finished_at")
    def finished(self, job: Job) -> str | None:
        return short(job.finished_at)

    @admin.display
    def asked_for(self, job: Job) -> str:
        return _document(job.requested)

    @admin.display
    def resolved_to(self, job: Job) -> str:
        return _document(job.options)


def _document(values: dict[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value is not None}
    if not given:
        return "nothing in particular"
    return format_html("<pre>{}</pre>", json.dumps(given, indent=2, ensure_ascii=False))
