"""django-q2's own command, with our sentinel. Name the lane with Q_CLUSTER_NAME=gpu (or text)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from django_q.management.commands.qcluster import Command as ClusterCommand

from speakr_site.core.cluster import use_watchful_sentinel
from speakr_site.core.processes import die_with_parent
from speakr_site.core.queue import ask_for_stamp


class Command(ClusterCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        if settings.SUPERVISED:
            die_with_parent()
        use_watchful_sentinel()
        ask_for_stamp()
        # A connection must not be shared with the processes forked next.
        connections.close_all()
        super().handle(*args, **options)
