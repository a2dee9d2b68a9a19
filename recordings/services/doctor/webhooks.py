"""The doctor on webhooks: whether what is due is sent, which are paused, whose secret is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from hooks.models import Webhook
from hooks.overview import overview
from recordings.services.doctor.findings import Finding, age, ok, problem, warning
from speakr_site.core.sealing import SealBroken

# The clock finds within a minute what a lost bell left lying; a slow host may have a few waiting.
OVERDUE = timedelta(minutes=5)


def sending() -> Iterator[Finding]:
    now = timezone.now()
    seen = overview(now)
    waiting = f"{seen.waiting} wait, {seen.failing} failed and are to be tried again"
    due = now - seen.due_since if seen.due_since else timedelta()
    if not settings.WEBHOOK_GLOBAL_ENABLED:
        yield warning(
            f"WEBHOOK_GLOBAL_ENABLED is false: no webhook is told of anything; {waiting}."
        )
    elif due > OVERDUE:
        yield warning(
            f"Deliveries to webhooks: the oldest has been due for {age(due)}; {waiting}. Does the "
            "lane speakr work, or is one receiver slow?"
        )
    else:
        yield ok(f"Deliveries to webhooks: {waiting}.")
    if seen.paused:
        names = ", ".join(f"“{hook}” of {hook.owner}" for hook in seen.paused)
        more = f" and {seen.paused_not_shown} more" if seen.paused_not_shown else ""
        yield warning(
            f"Webhooks paused: {names}{more}; deliveries held for them: {seen.held}. The console "
            "resumes them."
        )


def secrets() -> Iterator[Finding]:
    count = lost = 0
    for webhook in Webhook.objects.iterator():
        count += 1
        try:
            webhook.secrets(timezone.now())
        except SealBroken:
            lost += 1
    if lost:
        yield problem(
            f"The secrets of {lost} of {count} webhooks cannot be read: put the SECRET_KEY that "
            "they were made under into SECRET_KEY_FALLBACKS, or have their owners rotate them."
        )
    elif count:
        yield ok(f"The secrets of all {count} webhooks can be read.")
