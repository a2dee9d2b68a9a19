"""Puts deliveries to webhooks back into the queue: the same events with the same ids, which a
receiver that had them knows.

Takes those of a time that failed for good, or all that ended; what is on its way is left alone.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hooks.models import Webhook
from hooks.redelivery import Outcome, Selection, number
from hooks.services import redeliver
from speakr_site.core.limits import FIRST_YEAR, LAST_YEAR, may_be_kept


def moment(text: str) -> datetime:
    """A type of argument: ISO 8601, in UTC where it has no offset."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no time such as 2026-03-06, 2026-03-06T18:00 or 2026-03-06T18:00+01:00"
        ) from None
    if not may_be_kept(given):
        raise ArgumentTypeError(f"its year must be from {FIRST_YEAR} to {LAST_YEAR}")
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def webhook_id(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:19]) < 10**18:
        raise ArgumentTypeError(f"{text!r} is no number of a webhook")
    return int(text)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since",
            type=moment,
            required=True,
            metavar="TIME",
            help="Events from then on, in UTC unless it has an offset.",
        )
        parser.add_argument(
            "--until", type=moment, metavar="TIME", help="Events before then. Default: now."
        )
        parser.add_argument(
            "--webhook", type=webhook_id, metavar="NUMBER", help="Default: all webhooks."
        )
        parser.add_argument(
            "--status",
            choices=Outcome.values,
            default=Outcome.FAILED.value,
            help="failed: those that failed for good; all: also those that arrived. "
            "Default: failed.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be put back; do nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        until = options["until"] or timezone.now()
        if options["since"] >= until:
            raise CommandError("--since must be before --until, which is now unless it is given.")
        pk = options["webhook"]
        if pk is not None and not Webhook.objects.filter(pk=pk).exists():
            raise CommandError(f"There is no webhook {pk}.")
        selection = Selection(options["since"], until, options["status"], pk)
        lines = selection.lines()
        for line in lines:
            self.stdout.write(str(line))
        if options["dry_run"]:
            self.stdout.write(f"{number(lines)} would be put back.")
        else:
            self.stdout.write(f"{redeliver(deliveries=selection.deliveries(), by=None)} put back.")
        if not settings.WEBHOOK_GLOBAL_ENABLED:
            self.stdout.write("Nothing is sent while WEBHOOK_GLOBAL_ENABLED is false.")
