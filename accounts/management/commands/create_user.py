"""Makes sure that a person exists."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from accounts.management.base import PeopleCommand
from accounts.services import ensure_user


class Command(PeopleCommand):
    help = (
        "Makes sure that a person exists. One who exists with the same name and e-mail is left as "
        "they are, password included, and that counts as success; any other conflict is an error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="At most 20 characters.")
        parser.add_argument("--email", required=True)
        parser.add_argument("--password", required=True)
        parser.add_argument("--admin", action="store_true", help="Make them an operator.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user, is_new = ensure_user(
                username=options["username"],
                email=options["email"],
                password=options["password"],
                is_admin=options["admin"],
            )
        except ValidationError as error:
            raise CommandError("\n".join(sentences(error))) from None
        self.stderr.write(f"{user} was made." if is_new else f"{user} exists already.")


def sentences(error: ValidationError) -> list[str]:
    """Complaints, each with its field where it has one."""
    if not hasattr(error, "error_dict"):
        return error.messages
    return [
        f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    ]
