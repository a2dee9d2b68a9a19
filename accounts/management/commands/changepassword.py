"""Sets a person's password. In place of Django's command of this name, which ends no token."""

from __future__ import annotations

from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.management.base import PeopleCommand
from accounts.models import User
from accounts.services import set_password

TRIES = 3


class Command(PeopleCommand):
    help = "Sets a person's password, asked for twice. Their sessions and API tokens end with it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        set_password(user=user, password=self._asked(user), by=None)
        self.stderr.write(f"{user} has a new password. Earlier log-ins and API tokens have ended.")

    def _asked(self, user: User) -> str:
        for _ in range(TRIES):
            password = getpass("Password: ")
            if password != getpass("Password (again): "):
                self.stderr.write("The two are not the same.")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
                continue
            return password
        raise CommandError("The password stays as it was.")
