"""System checks: what would go wrong later and can be seen at start."""

from __future__ import annotations

import os
import shutil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOW_DISK_BYTES = 1024**3


@register(Tags.database)
def check_times_are_utc(**_: Any) -> list[CheckMessage]:
    zone = settings.DATABASES["default"].get("TIME_ZONE")
    if settings.USE_TZ and zone in (None, "UTC"):
        return []
    return [Error("Times must be stored in UTC: keep USE_TZ, set no TIME_ZONE.", id="core.E001")]


@register
def check_folders_are_writable(**_: Any) -> list[CheckMessage]:
    folders = (settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR, settings.SCRATCH_DIR)
    problems: list[CheckMessage] = [
        Error(f"{folder} cannot be written to.", id="core.E002")
        for folder in folders
        if not os.access(folder, os.W_OK | os.X_OK)
    ]
    media, incoming = settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR
    if not problems and media.stat().st_dev != incoming.stat().st_dev:
        problems.append(
            Warning(
                f"{incoming} is on another file system than {media}.",
                hint="Keeping an upload copies it instead of renaming it.",
                id="core.W003",
            )
        )
    return problems


@register
def check_lane_timings(**_: Any) -> list[CheckMessage]:
    lanes = {"speakr": settings.Q_CLUSTER, **settings.Q_CLUSTER["ALT_CLUSTERS"]}
    return [
        Error(
            f"Lane {name}: retry ({lane['retry']} s) must exceed timeout ({lane['timeout']} s).",
            hint="A message would be handed out again while its work still runs.",
            id="core.E004",
        )
        for name, lane in lanes.items()
        if lane["retry"] <= lane["timeout"]
    ]


@register
def check_counters_are_shared(**_: Any) -> list[CheckMessage]:
    if settings.WEB_PROCESSES == 1 or settings.REDIS_URL:
        return []
    return [
        Warning(
            f"{settings.WEB_PROCESSES} web processes count requests and failed log-ins each for "
            "itself: every limit is that many times as wide.",
            hint="Set REDIS_URL, or WEB_CONCURRENCY=1 and more WEB_THREADS.",
            id="core.W006",
        )
    ]


@register
def check_links_in_mails_lead_here(**_: Any) -> list[CheckMessage]:
    if settings.PUBLIC_URL or not settings.EMAIL_HOST:
        return []
    return [
        Warning(
            "Without PUBLIC_URL no mail can hold a link: who forgot their password cannot ask for "
            "a new one.",
            hint="Set PUBLIC_URL to what people reach this server by, or unset SMTP_HOST.",
            id="core.W007",
        )
    ]


@register
def check_sessions_stay_encrypted(**_: Any) -> list[CheckMessage]:
    if settings.SESSION_COOKIE_SECURE or not settings.PUBLIC_URL.startswith("https://"):
        return []
    return [
        Warning(
            "PUBLIC_URL is https, but browsers send the cookie of a log-in over plain http too.",
            hint="Set SESSION_COOKIE_SECURE=true, unless people also log in by an http address.",
            id="core.W008",
        )
    ]


@register
def check_disk_has_room(**_: Any) -> list[CheckMessage]:
    if not settings.MEDIA_ROOT.is_dir():
        return []
    free = shutil.disk_usage(settings.MEDIA_ROOT).free
    if free >= LOW_DISK_BYTES:
        return []
    return [
        Warning(
            f"Only {free // 1024**2} MB are free for uploads in {settings.MEDIA_ROOT}.",
            id="core.W005",
        )
    ]
