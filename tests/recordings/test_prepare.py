from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import ApiToken, User
from recordings.management.commands import prepare

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_speech_model(settings: Any) -> None:
    """It has tests of its own; here its connector is not in use."""
    settings.TRANSCRIPTION_CONNECTOR = "asr_endpoint"
    settings.ADMIN_PASSWORD = ""


def run() -> dict[str, str]:
    printed = StringIO()
    call_command("prepare", json=True, stdout=printed)
    return json.loads(printed.getvalue())


def test_the_first_login_works_and_its_token_is_kept_as_a_digest_only() -> None:
    login = run()
    assert Client().login(username=login["username"], password=login["password"])
    assert User.objects.get().is_admin
    assert ApiToken.objects.presented(login["token"]).get().user.username == login["username"]
    assert login["token"] not in str(ApiToken.objects.values().get())


def test_login_and_token_are_shown_once() -> None:
    run()
    again = run()
    assert (again["password"], again["token"]) == ("", "")
    assert (User.objects.count(), ApiToken.objects.count()) == (1, 1)


def test_a_log_gets_neither_password_nor_token() -> None:
    printed = StringIO()
    call_command("prepare", "--logged", stdout=printed)
    assert "changepassword admin" in printed.getvalue()
    assert "Keep them" not in printed.getvalue()
    assert not ApiToken.objects.exists()
    assert User.objects.get().is_admin


def test_an_instance_with_an_operator_gets_no_other(otto: User) -> None:
    assert run()["username"] == "otto"
    assert not ApiToken.objects.exists()


def test_a_given_password_is_used_and_never_printed(settings: Any) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "ada", "lovelace-1843"
    printed = StringIO()
    call_command("prepare", stdout=printed)
    assert "lovelace" not in printed.getvalue()
    assert Client().login(username="ada", password="lovelace-1843")


def test_an_operator_name_that_is_taken_is_refused_with_a_sentence(
    alice: User, settings: Any
) -> None:
    settings.ADMIN_USERNAME = "alice"
    with pytest.raises(CommandError, match="already exists"):
        run()


def test_a_weak_password_is_refused_with_a_sentence(settings: Any) -> None:
    settings.ADMIN_PASSWORD = "12345678"
    with pytest.raises(CommandError, match="too common"):
        run()
    assert not User.objects.exists()


def test_a_database_that_never_answers_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "ensure_connection", refuse)
    monkeypatch.setattr(prepare, "DATABASE_WAIT_SECONDS", -1)
    with pytest.raises(CommandError, match="does not answer: connection refused"):
        prepare.wait_for_database()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("speakr.example.com", "http://speakr.example.com:8000"),
    ],
)
def test_the_address_is_one_that_a_browser_here_can_open(
    host: str, url: str, settings: Any
) -> None:
    settings.HOST, settings.PORT = host, 8000
    assert prepare.server_url() == url
