"""Examines this installation and says in plain sentences what is in order and what is not.

Exit code 0 when there is no problem, 1 when there is one.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand

from recordings.services.doctor import Finding, Level, examine


class Command(BaseCommand):
    help = __doc__
    # They are among what is examined, and must not end the examination.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        has_problem = False
        # What the parts log on the way is said again, in sentences.
        logging.disable(logging.WARNING)
        try:
            for finding in examine():
                has_problem |= finding.level is Level.PROBLEM
                self.stdout.write(self.line(finding))
                self.stdout.flush()
        finally:
            logging.disable(logging.NOTSET)
        if has_problem:
            sys.exit(1)

    def line(self, finding: Finding) -> str:
        """In colour where standard output is a terminal."""
        styles = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING}
        paint = styles.get(finding.level, self.style.ERROR)
        return f"{paint(f'{finding.level:<8}')} {finding.sentence}"
