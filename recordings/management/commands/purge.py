"""Does the night's work of retention now: marks what is due, deletes what was marked long enough.

Nothing goes within 24 hours of its mark. When more than a tenth of all recordings come due at once,
nothing is marked or deleted until an operator says with --allow how many may.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recordings.models import Recording
from recordings.retention import Verdict
from recordings.services.retention import BATCH, Plan, current_rules, preview, run

CLOCK = "The clock was put back since retention last looked at it: "


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be done and why; do nothing."
        )
        parser.add_argument(
            "--allow",
            type=int,
            default=0,
            metavar="NUMBER",
            help="Let so many recordings come due at once, this time.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not current_rules().is_enabled:
            self.stdout.write("Automatic deletion is switched off (ENABLE_AUTO_DELETION).")
        if options["dry_run"]:
            self._preview(options["allow"])
            return
        outcome = run(allow=options["allow"])
        if outcome.plan is None:
            raise CommandError(f"{CLOCK}every mark was dropped. Nothing was deleted.")
        if outcome.plan.is_braked:
            raise CommandError(braked(outcome.plan))
        marked, unmarked = len(outcome.plan.mark), len(outcome.plan.unmark)
        self.stdout.write(f"{marked} marked, {unmarked} unmarked, {outcome.deleted} deleted.")

    def _preview(self, allow: int) -> None:
        plan = preview(allow=allow)
        if plan is None:
            self.stdout.write(f"{CLOCK}every mark would be dropped.")
            return
        self._list("unmark", plan.unmark)
        self._list("mark", plan.mark)
        self._list(f"delete {current_rules().removes}", plan.delete)
        counts = f"{len(plan.mark)} to mark, {len(plan.unmark)} to unmark"
        self.stdout.write(f"{counts}, {len(plan.delete)} to delete.")
        if plan.is_braked:
            self.stdout.write(self.style.ERROR(braked(plan)))

    def _list(self, action: str, verdicts: Mapping[int, Verdict]) -> None:
        """A line for each, such as `mark  #12 of alice "Team meeting": 30 days by the ...`."""
        ids = list(verdicts)
        for start in range(0, len(ids), BATCH):
            rows = Recording.objects.filter(pk__in=ids[start : start + BATCH]).order_by("pk")
            for row in rows.select_related("owner").only("title", "owner__username"):
                verdict = verdicts[row.pk]
                said = verdict.reason
                if verdict.goes_at is not None:
                    said += f"; its time ends {verdict.goes_at:%Y-%m-%d %H:%M} UTC"
                self.stdout.write(f'{action}  #{row.pk} of {row.owner} "{row}": {said}')


def braked(plan: Plan) -> str:
    return (
        f"The brake is on: {plan.due} of {plan.total} recordings came due at once, so nothing is "
        f"marked or deleted. See purge --dry-run; if that is meant, purge --allow {plan.due}."
    )
