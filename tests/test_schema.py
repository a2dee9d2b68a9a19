"""The shape of the database and of the server's settings: nothing forgotten, nothing dangerous."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


@pytest.mark.django_db
def test_a_deployment_check_finds_no_error() -> None:
    call_command("check", "--deploy", "--fail-level", "ERROR", stdout=StringIO())
