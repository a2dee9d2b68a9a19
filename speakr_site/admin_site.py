"""The console: sections in an operator's order, a front page that says how the server is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG
from django.contrib.auth.views import PasswordChangeView
from django.db.models import Count, Min, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.forms import ConsoleLoginForm, OwnPasswordForm
from accounts.pages.attempts import CountsGuesses, too_many
from hooks.overview import overview as webhooks_overview
from recordings.models import Job, Recording
from recordings.services.lanes import healthy_lanes
from recordings.services.retention import brake
from speakr_site.core import attempts
from speakr_site.core.errors import NotAllowed
from speakr_site.core.limits import FIRST_YEAR, LAST_YEAR
from speakr_site.core.models import Canary

FAILURES_SHOWN = timedelta(days=1)

# Section: the models in it by label, in order, or whole apps by name.
SECTIONS = {
    "Work": (
        "recordings.Job",
        "hooks.Delivery",
        "django_q.OrmQ",
        "django_q.Failure",
        "django_q.Success",
    ),
    "Recordings": ("recordings",),
    "Organizing": ("organizing",),
    "Speakers": ("speakers",),
    "People": ("accounts.User", "accounts.Group", "accounts.ApiToken", "hooks.Webhook"),
    "System": ("constance", "django_q.Schedule", "core"),
}


class SpeakrAdminSite(admin.AdminSite):
    site_header = site_title = "Speakr"
    index_title = "Overview"
    login_form = ConsoleLoginForm

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict]:
        """Our sections instead of apps, except on an app's own page; what is in none comes last."""
        if app_label:
            return super().get_app_list(request, app_label)
        left = {
            f"{label}.{model['object_name']}": model
            for label, app in self._build_app_dict(request).items()
            for model in app["models"]
        }
        sections = [self._section(name, _take(left, members)) for name, members in SECTIONS.items()]
        sections.append(self._section("Other", list(left.values())))
        return [section for section in sections if section["models"]]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        """Django's own list of a year at the end of the calendar fails; it answers so for others
        that it cannot read.
        """
        page = super().admin_view(view, cacheable)

        @wraps(page)
        def within_the_calendar(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            years = [value for name, value in request.GET.items() if name.endswith("__year")]
            if all(_is_in_calendar(year) for year in years):
                return page(request, *args, **kwargs)
            return redirect(f"{request.path}?{ERROR_FLAG}=1")

        return within_the_calendar

    def _section(self, name: str, models: list[dict]) -> dict[str, Any]:
        label = name.lower()
        return {
            "name": name,
            "app_label": label,
            "app_url": f"{reverse('admin:index', current_app=self.name)}#{label}",
            "has_module_perms": True,
            "models": models,
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        health = overview() if request.user.has_perm("recordings.view_job") else {}
        if request.user.has_perms(["hooks.view_delivery", "hooks.view_webhook"]):
            health["webhooks"] = webhooks_overview(timezone.now())
        return super().index(request, {**health, **(extra_context or {})})

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Passwords can be guessed: after too many failures, here or on the pages, an address has
        to wait.
        """
        tries = request.method == "POST"
        if tries and (wait := attempts.must_wait(request, attempts.PASSWORDS)):
            return too_many(request, wait)
        response = super().login(request, extra_context)
        # Who is logged in already may guess at somebody else's.
        if tries and response.status_code != HTTPStatus.FOUND:
            attempts.failed(request, attempts.PASSWORDS)
        return response

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's, with a form that ends the person's tokens too."""
        request.current_app = self.name
        return OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)


class OwnPasswordView(CountsGuesses, PasswordChangeView):
    form_class = OwnPasswordForm
    guessed = "old_password"

    def form_valid(self, form: OwnPasswordForm) -> HttpResponse:
        try:
            return super().form_valid(form)
        except NotAllowed as error:
            # Errors of no field are not shown by Django's template.
            form.add_error("old_password", str(error))
            return self.form_invalid(form)


def overview() -> dict[str, Any]:
    """What the front page's cards show. Six queries, however much there is."""
    now = timezone.now()
    jobs = {row["lane"]: row for row in _jobs_by_lane(now - FAILURES_SHOWN)}
    healthy = healthy_lanes()
    canaries = dict(Canary.objects.values_list("lane", "stamped_at"))
    names = [settings.Q_CLUSTER["name"], *settings.Q_CLUSTER["ALT_CLUSTERS"]]
    lanes = [
        {
            "name": name,
            "stamped_at": canaries.get(name),
            "is_healthy": name in healthy,
            "has_jobs": name in Job.Lane.values,
            **{key: jobs.get(name, {}).get(key, 0) for key in ("waiting", "running", "failed")},
        }
        for name in names
    ]
    oldest = [row["oldest"] for row in jobs.values() if row["oldest"]]
    recordings = Recording.objects.exclude(audio_key="")
    return {
        "lanes": lanes,
        "oldest_waiting": min(oldest, default=None),
        "storage": recordings.aggregate(bytes=Sum("size_bytes", default=0), count=Count("pk")),
        "brake": brake(),
        "free_bytes": shutil.disk_usage(settings.MEDIA_ROOT).free,
    }


def _jobs_by_lane(failed_since: datetime) -> QuerySet:
    queued = Q(status=Job.Status.QUEUED)
    failed = Q(status=Job.Status.FAILED, finished_at__gte=failed_since)
    return (
        Job.objects.order_by()
        .values("lane")
        .annotate(
            waiting=Count("pk", filter=queued),
            running=Count("pk", filter=Q(status=Job.Status.RUNNING)),
            failed=Count("pk", filter=failed),
            oldest=Min("queued_at", filter=queued),
        )
    )


def _is_in_calendar(year: str) -> bool:
    return year.isdecimal() and FIRST_YEAR <= int(year[:5]) <= LAST_YEAR


def _take(left: dict[str, dict], members: tuple[str, ...]) -> list[dict]:
    """Removes from `left` what belongs to the members, which are models or whole apps, in order."""
    taken = []
    for member in members:
        keys = [key for key in left if member in (key, key.partition(".")[0])]
        taken += [left.pop(key) for key in keys]
    return taken
