"""Makes an instance ready: database, schedules, speech model, first login; safe to repeat."""

from __future__ import annotations

import json
import logging
import os
import secrets
import shlex
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from accounts.models import User
from accounts.services import ensure_user, issue_token
from recordings.connectors.base import ConnectorError
from recordings.connectors.weights import ensure_default

logger = logging.getLogger(__name__)

DATABASE_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Login:
    """The first operator; `password` and `token` are empty but in the run that made them."""

    url: str
    data_dir: str
    username: str
    password: str = ""
    token: str = ""


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print the login as JSON.")
        parser.add_argument(
            "--logged",
            action="store_true",
            help="What is printed goes to a log: show no password and make no token.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # The database file is nobody's but the server's and its group's.
        os.umask(0o027)
        wait_for_database()
        call_command("migrate", verbosity=0, interactive=False)
        call_command("sync_schedules")
        if settings.TRANSCRIPTION_CONNECTOR == "faster_whisper":
            try:
                ensure_default(settings.MODELS_DIR)
            except ConnectorError as error:
                self.stderr.write(f"Warning: {error}")
        login = first_login(with_token=not options["logged"])
        if options["logged"]:
            login = replace(login, password="")
        self.stdout.write(json.dumps(asdict(login)) if options["json"] else summary(login))


def wait_for_database() -> None:
    """Returns once the database answers; CommandError when it does not within a minute."""
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    is_told = False
    while True:
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            if time.monotonic() > deadline:
                raise CommandError(f"The database does not answer: {error}") from None
            if not is_told:
                logger.warning("the database does not answer yet; waiting up to a minute")
                is_told = True
            time.sleep(1)
        else:
            return


def first_login(*, with_token: bool) -> Login:
    """The operator that the environment names, made if there is no operator at all."""
    places = (server_url(), str(settings.DATA_DIR))
    operator = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if operator is not None:
        return Login(*places, operator.username)
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
    try:
        operator, _ = ensure_user(
            username=settings.ADMIN_USERNAME,
            email=settings.ADMIN_EMAIL,
            password=password,
            is_admin=True,
        )
    except ValidationError as error:
        raise CommandError(
            "The first operator cannot be made from ADMIN_USERNAME, ADMIN_EMAIL and "
            f"ADMIN_PASSWORD: {' '.join(error.messages)}"
        ) from None
    secret = issue_token(user=operator, name="First token")[1] if with_token else ""
    return Login(*places, operator.username, "" if settings.ADMIN_PASSWORD else password, secret)


def server_url() -> str:
    """Where a browser on this machine finds the server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def manage(command: str) -> str:
    """A management command as it can be pasted into the shell that this one was started from."""
    python = os.path.relpath(sys.executable)
    place = f"DATA_DIR={shlex.quote(str(settings.DATA_DIR))} "
    is_usual = settings.DATA_DIR == settings.BASE_DIR / "data"
    return f"{'' if is_usual else place}{python} manage.py {command}"


def summary(login: Login) -> str:
    lines = [
        f"Speakr: {login.url}/admin/ (console), {login.url}/api/v1/docs (API)",
        f"  user      {login.username}",
    ]
    if login.token:
        password = login.password or "as given in ADMIN_PASSWORD"
        lines += [
            f"  password  {password}",
            f"  token     {login.token}",
            "  Keep them: they are not stored and not shown again.",
        ]
    else:
        lines += [
            f"  password  as before; a new one: {manage(f'changepassword {login.username}')}",
            "  token     as before; another one: "
            f"{manage(f'create_token {login.username} --label NAME')}",
        ]
    return "\n".join(lines)
