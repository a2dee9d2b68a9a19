"""Fills an account with made-up recordings."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from accounts.management.base import PeopleCommand
from accounts.models import User
from accounts.services import ensure_user
from recordings.management.commands.prepare import manage
from recordings.services.demo import Wanted, seed_demo
from speakr_site.core import system
from speakr_site.core.errors import is_disk_full

MAX_RECORDINGS = 1_000_000
MAX_TRANSCRIPT_KB = 10_000


def between(minimum: int, maximum: int) -> Callable[[str], int]:
    """A type of argument: a whole number."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not minimum <= int(text) <= maximum:
            raise ArgumentTypeError(f"must be a whole number from {minimum} to {maximum}")
        return int(text)

    return read


class Command(PeopleCommand):
    help = (
        "Makes sure that an account has so many recordings of a made-up firm: transcripts of "
        "several voices in three languages, participants, known speakers, tags, folders and "
        "summaries, over the last two years; 4 % of them failed. Two webhooks that are switched "
        "off have deliveries to look at. Nothing waits for work, and nothing is sent. Running it "
        "again makes what was deleted or is asked for on top, and deletes nothing. The "
        "recordings with --audio have silence of the right length; the audio of all others counts "
        "as deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recordings", type=between(1, MAX_RECORDINGS), default=200, help="Default: 200."
        )
        parser.add_argument(
            "--user", default="demo", help='Whose they are; made if need be. Default: "demo".'
        )
        parser.add_argument(
            "--transcript-kb",
            type=between(1, MAX_TRANSCRIPT_KB),
            default=20,
            help="Text of each new transcript, in units of 1024 bytes. Default: 20.",
        )
        parser.add_argument(
            "--audio",
            type=between(0, MAX_RECORDINGS),
            default=10,
            help="How many of the new recordings, the latest first, get audio. Default: 10.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = self._owner(options["user"])
        wanted = Wanted(
            recordings=options["recordings"],
            text_bytes=options["transcript_kb"] * 1024,
            with_audio=options["audio"],
        )
        try:
            made = self._seed(owner, wanted)
        except OSError as error:
            if not is_disk_full(error):
                raise
            raise CommandError("The disk is full. What was made until now stays.") from None
        self.stdout.write(
            f"{owner} got {made:,} recordings and has all {wanted.recordings:,} now."
            if made
            else f"{owner} has all {wanted.recordings:,} already; nothing was made."
        )
        if not system.current().enable_folders:
            self.stdout.write(
                f"Folders are off, so none is shown: {manage('constance set enable_folders True')}"
            )
        self.stdout.write(f"A token: {manage(f'create_token {owner} --label NAME')}")

    def _owner(self, username: str) -> User:
        owner = User.objects.filter(username=username).first()
        if owner is not None:
            self.stdout.write(f"{owner} exists already, and keeps what is there.")
            return owner
        try:
            owner, _ = ensure_user(
                username=username,
                email=f"{username}@localhost.localdomain",
                password=secrets.token_urlsafe(12),
            )
        except ValidationError as error:
            raise CommandError(
                f"A user {username!r} cannot be made: {' '.join(error.messages)}"
            ) from None
        self.stdout.write(f"{owner} was made; a password: {manage(f'changepassword {owner}')}")
        return owner

    def _seed(self, owner: User, wanted: Wanted) -> int:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("recordings", total=None)
            return seed_demo(
                owner=owner,
                wanted=wanted,
                on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
            )
