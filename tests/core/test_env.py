"""What the environment may say, and what stops the start."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from speakr_site import env
from speakr_site.database import database
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(("given", "flag"), [("yes", True), ("0", False), ("", True), (" ", True)])
def test_an_empty_flag_means_its_default(
    monkeypatch: pytest.MonkeyPatch, given: str, flag: bool
) -> None:
    monkeypatch.setenv("VIDEO_RETENTION", given)
    assert env.flag("VIDEO_RETENTION", default=True) is flag


def test_nonsense_stops_the_start_with_the_name_and_the_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("X", "maybe")
    for read in (
        lambda: env.flag("X", default=True),
        lambda: env.integer("X", 1),
        lambda: env.choice("X", "a", ("a", "b")),
        lambda: env.zone("X", "UTC"),
        lambda: env.rate("X", "60/minute"),
    ):
        with pytest.raises(ImproperlyConfigured, match=r"^X .*'maybe'"):
            read()
    monkeypatch.setenv("X", "99")
    with pytest.raises(ImproperlyConfigured, match="between 0 and 9, not 99"):
        env.integer("X", 1, maximum=9)


def started() -> dict[str, Any]:
    """The settings, read anew."""
    return runpy.run_path(str(REPOSITORY / "speakr_site" / "settings.py"))


@pytest.mark.parametrize(
    ("name", "most", "beyond", "sentence"),
    [
        (
            "WEBHOOK_RETRY_DELAYS",
            "0,2592000",
            "0,2592001",
            "WEBHOOK_RETRY_DELAYS must be whole numbers of at most 2592000 with commas between "
            "them, such as 0,30,120,600,3600.",
        ),
        (
            "WEBHOOK_DELIVERY_RETENTION_DAYS",
            "36500",
            "36501",
            "WEBHOOK_DELIVERY_RETENTION_DAYS must be between 1 and 36500, not 36501.",
        ),
    ],
)
def test_times_that_no_calendar_could_add_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, most: str, beyond: str, sentence: str
) -> None:
    monkeypatch.setenv(name, most)
    assert str(started()[name]).strip("[]").replace(" ", "") == most
    for given in (beyond, beyond.replace("1", "1" * 30)):
        monkeypatch.setenv(name, given)
        with pytest.raises(ImproperlyConfigured) as stopped:
            started()
        assert str(stopped.value) == sentence.replace(beyond, given)


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ("", (60, 60)),
        ("5/m", (5, 60)),
        ("5/Minute", (5, 60)),
        ("1000/h", (1000, 3600)),
        ("7/s", (7, 1)),
        ("1/10s", (1, 10)),
        ("9/day", (9, 86_400)),
    ],
)
def test_a_rate_is_so_many_in_so_many_seconds(
    monkeypatch: pytest.MonkeyPatch, given: str, rate: tuple[int, int]
) -> None:
    monkeypatch.setenv("X", given)
    assert env.rate("X", "60/minute") == rate


@pytest.mark.parametrize("given", ["60", "0/m", "5/0s", "-1/m", "5/x", "5/m5", "1.5/m", "5/ m"])
def test_no_other_rate_is_taken(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("X", given)
    with pytest.raises(ImproperlyConfigured, match=r"^X must be a rate such as 60/minute"):
        env.rate("X", "60/minute")


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hush\n")
    monkeypatch.setenv("X_FILE", str(file))
    assert env.secret("X") == "hush"
    file.unlink()
    with pytest.raises(ImproperlyConfigured, match="X_FILE cannot be read"):
        env.secret("X")


def test_a_generated_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    made = env.kept_secret(path)
    assert len(made) > 50
    assert env.kept_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(
    ("url", "engine"),
    [
        ("", "django.db.backends.sqlite3"),
        ("postgresql+psycopg2://u:p@h/speakr", "django.db.backends.postgresql"),
        ("sqlite:////tmp/x.db", "django.db.backends.sqlite3"),
    ],
)
def test_a_database_url_may_be_sqlalchemys(url: str, engine: str, tmp_path: Path) -> None:
    assert database(url, tmp_path)["ENGINE"] == engine


def test_another_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="runs on SQLite and PostgreSQL, not on 'mysql'"):
        database("mysql://h/speakr", tmp_path)
