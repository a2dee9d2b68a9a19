"""django-q2's own command, with our sentinel. Name the lane with Q_CLUSTER_NAME=gpu (or text)."""

from __future__ import annotations

from typing import Any

from django_q.management.commands.qcluster import Command as ClusterCommand

from speakr_site.core.cluster import use_watchful_sentinel


class Command(ClusterCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        use_watchful_sentinel()
        super().handle(*args, **options)
