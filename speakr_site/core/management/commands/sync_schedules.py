"""Writes settings.SCHEDULES into django-q2's table. Run after every migrate; safe to repeat."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from speakr_site.core.queue import save_schedules


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        save_schedules()
