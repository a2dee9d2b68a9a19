"""The operator's settings as a snapshot."""

from __future__ import annotations

from typing import Any

import pytest
from constance import config
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from speakr_site.core import system

pytestmark = pytest.mark.django_db


def test_what_is_set_is_read_in_one_query(django_assert_num_queries: Any) -> None:
    config.max_file_size_mb = 7
    config.admin_default_hotwords = "Speakr"
    with django_assert_num_queries(1):
        now = system.current()
    assert (now.max_file_size_mb, now.admin_default_hotwords) == (7, "Speakr")
    assert now.asr_timeout_seconds == system.defaults().asr_timeout_seconds == 1800


@pytest.mark.parametrize(("word", "is_on"), [("off", False), ("No", False), ("on", True)])
def test_a_switch_is_set_by_a_word(word: str, is_on: bool) -> None:
    call_command("constance", "set", "enable_folders", str(not is_on))
    call_command("constance", "set", "enable_folders", word)
    assert system.current().enable_folders is is_on


def test_a_word_that_is_no_switch_is_refused() -> None:
    with pytest.raises((CommandError, ValidationError)):
        call_command("constance", "set", "enable_folders", "maybe")
    assert system.current().enable_folders is False


def test_without_a_database_there_is_no_policy() -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        system.current()


@pytest.mark.parametrize(
    ("document", "choices"),
    [
        ("", []),
        (
            '["base", {"value": " small ", "label": "Small"}, {"value": ""}, {"label": "x"}, 5]',
            [{"value": "base", "label": "base"}, {"value": "small", "label": "Small"}],
        ),
        ('[{"value": "tiny", "label": " "}]', [{"value": "tiny", "label": "tiny"}]),
    ],
)
def test_the_operators_models_may_be_written_in_two_ways(
    document: str, choices: list[dict[str, str]]
) -> None:
    assert system.model_choices(document) == choices
