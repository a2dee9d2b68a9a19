"""The shape of the database and of the server's settings: nothing forgotten, nothing dangerous."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core import checks
from django.core.management import call_command


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    printed = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=printed)
    assert printed.getvalue() == "No changes detected\n"


@pytest.mark.django_db
def test_a_deployment_check_finds_no_error() -> None:
    found = checks.run_checks(include_deployment_checks=True)
    assert [message for message in found if message.level >= checks.ERROR] == []
