"""In the place of django-q2's command: one lane's cluster, until SIGTERM or Ctrl-C.

The lane is named by Q_CLUSTER_NAME=gpu (or text); without it, it is the default one.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from speakr_site.core.cluster import run_cluster
from speakr_site.core.processes import die_with_parent


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.SUPERVISED:
            die_with_parent()
        run_cluster()
