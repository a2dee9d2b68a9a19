"""What the commands about people share."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError


class PeopleCommand(BaseCommand):
    """Ends with a sentence where the database is not ready, as before the first start."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            raise CommandError(
                f"The database is not ready: {error}. Start the server once, or name its place "
                "with DATA_DIR."
            ) from None
