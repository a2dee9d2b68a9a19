"""Makes an API token for a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.management.base import PeopleCommand
from accounts.models import TOKEN_MAX_DAYS, ApiToken, User
from accounts.services import replace_token

LABEL_LENGTH = ApiToken._meta.get_field("name").max_length


class Command(PeopleCommand):
    help = (
        "Makes an API token for a person and prints it, alone, on standard output; it cannot be "
        "shown again. Earlier tokens of that person with the same label are revoked, so running "
        "the command again replaces the token. Use a label for each client."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--label", required=True, help="What the token is for.")
        parser.add_argument("--days", type=int, help="Days until it expires; without, it does not.")

    def handle(self, *args: Any, **options: Any) -> None:
        label, days = options["label"].strip(), options["days"]
        if not 0 < len(label) <= LABEL_LENGTH:
            raise CommandError(f"--label must have 1 to {LABEL_LENGTH} characters.")
        if days is not None and not 0 < days <= TOKEN_MAX_DAYS:
            raise CommandError(f"--days must be between 1 and {TOKEN_MAX_DAYS}.")
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        if not user.is_active:
            raise CommandError(f"{user} is not active: a token would be refused.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        _, secret = replace_token(user=user, name=label, expires_at=expires_at)
        self.stdout.write(secret)
