"""What a person types, and what a script reads from it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import ApiToken, User

PASSWORD = "correct horse battery"


def run(*arguments: str) -> tuple[str, str]:
    stdout, stderr = StringIO(), StringIO()
    call_command(*arguments, stdout=stdout, stderr=stderr)
    return stdout.getvalue(), stderr.getvalue()


def create_user(*further: str, name: str = "erin", email: str = "erin@example.com") -> str:
    return run("create_user", name, "--email", email, "--password", PASSWORD, *further)[1]


def test_a_person_is_made_once(db: None) -> None:
    assert create_user() == "erin was made.\n"
    assert create_user() == "erin exists already.\n"
    erin = User.objects.get()
    assert erin.check_password(PASSWORD)
    assert (erin.is_staff, erin.is_superuser) == (False, False)


def test_an_operator_may_enter_the_console(db: None) -> None:
    create_user("--admin")
    erin = User.objects.get()
    assert (erin.is_staff, erin.is_superuser) == (True, True)


def test_a_conflict_is_named(alice: User) -> None:
    with pytest.raises(CommandError, match="e-mail exists already"):
        create_user(email="ALICE@example.com")
    with pytest.raises(CommandError, match="username: A user with that name"):
        create_user(name="alice")
    with pytest.raises(CommandError, match="not an operator"):
        create_user("--admin", name="alice", email="alice@example.com")


def test_a_token_stands_alone_on_standard_output_and_works(alice: User) -> None:
    stdout, stderr = run("create_token", "alice", "--label", "phone")
    assert (len(stdout.strip()), stdout.count("\n"), stderr) == (43, 1, "")
    token = ApiToken.objects.presented(stdout.strip()).get()
    assert (token.user, token.name, token.expires_at) == (alice, "phone", None)


def test_the_same_label_replaces_the_token(alice: User) -> None:
    first = run("create_token", "alice", "--label", "phone")[0].strip()
    second = run("create_token", "alice", "--label", "phone")[0].strip()
    assert not ApiToken.objects.presented(first).exists()
    assert ApiToken.objects.presented(second).exists()


def test_a_token_may_expire(alice: User) -> None:
    run("create_token", "alice", "--label", "phone", "--days", "30")
    left = ApiToken.objects.get().expires_at - timezone.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody", "--label", "phone"),
        ("alice", "--label", " "),
        ("alice", "--label", "x" * 101),
        ("alice", "--label", "phone", "--days", "0"),
        ("alice", "--label", "phone", "--days", "999999999"),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(alice: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("create_token", *arguments)
    assert not ApiToken.objects.exists()


def test_who_is_not_active_gets_no_token(alice: User) -> None:
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="not active"):
        run("create_token", "alice", "--label", "phone")


def test_a_database_that_is_not_ready_is_a_sentence(db: None) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("no such table: accounts_user")

    for command in (
        ("create_user", "erin", "--email", "e@x.org", "--password", PASSWORD),
        ("create_token", "erin", "--label", "laptop"),
    ):
        with (
            connection.execute_wrapper(refuse),
            pytest.raises(CommandError, match="not ready: no such table.* with DATA_DIR"),
        ):
            run(*command)


def test_a_new_password_is_asked_for_and_ends_the_tokens(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = run("create_token", "alice", "--label", "phone")[0].strip()
    typed = iter(
        ["short", "short", "a new password", "another", "a new password", "a new password"]
    )
    monkeypatch.setattr(
        "accounts.management.commands.changepassword.getpass", lambda _prompt: next(typed)
    )
    said = run("changepassword", "alice")[1].splitlines()
    assert "too short" in said[0]
    assert said[-1] == "alice has a new password. Earlier log-ins and API tokens have ended."
    alice.refresh_from_db()
    assert alice.check_password("a new password")
    assert not ApiToken.objects.presented(secret).exists()


def test_a_new_password_that_is_never_good_is_not_set(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.management.commands.changepassword.getpass", lambda _prompt: "x")
    with pytest.raises(CommandError, match="stays as it was"):
        run("changepassword", "alice")
    with pytest.raises(CommandError, match="no user"):
        run("changepassword", "nobody")
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
