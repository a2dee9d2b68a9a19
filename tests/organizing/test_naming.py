"""Titles by a template."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from organizing.naming import TITLE_MAX_LENGTH, VARIABLES, group_names, named

MOMENT = datetime(2026, 3, 2, 14, 5, tzinfo=ZoneInfo("Europe/Berlin"))
ACME = r"(?P<client>[A-Z]\w+)_(?P<topic>\w+)?"


def title(template: str, **given: Any) -> str | None:
    values = {
        "pattern": None,
        "filename": "Acme_kick-off.final.mp3",
        "moment": MOMENT,
        "ai_title": lambda: "Bicycles in March",
    }
    return named(template, **{**values, **given})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ai_title}}", "Bicycles in March"),
        ("{{ ai_title }}", "Bicycles in March"),
        ("{{filename}}", "Acme_kick-off.final"),
        ("{{filename_full}}", "Acme_kick-off.final.mp3"),
        ("{{date}}", "2026-03-02"),
        ("{{datetime}}", "2026-03-02 14:05"),
        ("{{time}}", "14:05"),
        ("{{day}}/{{month}}/{{year}}", "02/03/2026"),
        ("{{client}}: {{topic}}", "Acme: kick"),
        ("Weekly", "Weekly"),
        ("{{Date}}{{nothing}}x{{}}", "x"),
        ("{date} {{{date}}}", "{date} {2026-03-02}"),
        ("  a\n\tb  \x00\x85\u2028c  ", "a b c"),
    ],
)
def test_what_is_filled_in(template: str, expected: str) -> None:
    assert title(template, pattern=ACME) == expected


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    assert title("{{ai_title}}", ai_title=lambda: "{{date}}") == "{{date}}"
    assert title("{{x}}", pattern="(?P<x>.+)", filename="{{date}}.mp3") == "{{date}}"


def test_what_joins_nothing_is_left_out() -> None:
    assert title("{{client}} - {{date}} - {{project}}") == "2026-03-02"


@pytest.mark.parametrize("nothing", [None, ""])
def test_the_file_s_name_stands_for_a_title_that_was_not_found(nothing: str | None) -> None:
    assert title("{{date}} {{ai_title}}", ai_title=lambda: nothing) == (
        "2026-03-02 Acme_kick-off.final"
    )


def test_the_file_s_name_is_the_title_where_nothing_is_left_of_a_template() -> None:
    assert title("{{project}}: ") == "Acme_kick-off.final"
    assert title("{{project}}", filename="") is None
    assert title("{{ai_title}}", filename="", ai_title=lambda: None) is None


def test_the_content_is_asked_for_only_where_it_is_named() -> None:
    def never() -> str:
        raise AssertionError

    assert title("{{date}} {{filename}} ai_title {{ai_titles}}", ai_title=never)
    with pytest.raises(AssertionError):
        title("{{date}} {{ ai_title}}", ai_title=never)


def test_groups_that_take_no_part_are_empty() -> None:
    assert title("[{{client}}{{topic}}]", pattern=ACME, filename="Acme_.mp3") == "[Acme]"
    assert title("[{{client}}]", pattern=ACME, filename="nothing.mp3") == "[]"


def test_a_pattern_sees_the_name_without_its_ending() -> None:
    assert title("{{last}}", pattern="(?P<last>[a-z]+)$", filename="one two.mp3") == "two"


def test_a_pattern_in_storage_that_is_none_any_more_captures_nothing() -> None:
    assert title("{{x}}{{date}}", pattern="(?P<x>") == "2026-03-02"


def test_a_pattern_that_would_hang_another_engine_does_not() -> None:
    assert title("{{x}}!", pattern="^(?P<x>(a|aa|a?)+)+$", filename="a" * 500 + "!.mp3") == "!"


def test_a_long_title_is_cut() -> None:
    assert title("x" * 500) == "x" * TITLE_MAX_LENGTH
    assert title("x" * (TITLE_MAX_LENGTH - 1) + " - " + "y" * 50) == "x" * (TITLE_MAX_LENGTH - 1)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("", ()),
        (r"\d+", ()),
        (r"(\d+)-(?P<a>\w)(?<b>.)", ("a", "b")),
        (r"(?i)(?P<été>x)", ("été",)),
    ],
)
def test_the_variables_that_a_pattern_adds(pattern: str, names: tuple[str, ...]) -> None:
    assert set(group_names(pattern)) == set(names)


@pytest.mark.parametrize(
    "pattern", ["(", "(?P<a", "x{1001}", "(?=a)b", r"(a)\1", "((a{100}){100}){100}", "\ud800"]
)
def test_what_re2_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern must be a regular expression as RE2"):
        group_names(pattern)


@pytest.mark.parametrize("name", VARIABLES)
def test_a_group_may_not_have_the_name_of_a_variable(name: str) -> None:
    with pytest.raises(ValueError, match=f"pattern must not name a group {name}: "):
        group_names(f"(?P<{name}>x)")
    # One that stands in the database nevertheless changes nothing.
    with_group = title(f"{{{{{name}}}}}", pattern=f"(?P<{name}>.+)", filename="y.mp3")
    assert with_group == title(f"{{{{{name}}}}}", filename="y.mp3")


any_text = st.text(st.characters(), max_size=300)
parts = st.sampled_from([*(f"{{{{{name}}}}}" for name in VARIABLES), "{{x}}", "{{ y }}", " ", "é"])


@given(
    template=any_text | st.lists(parts, max_size=60).map("".join),
    pattern=st.none() | any_text | st.sampled_from([r"(?P<x>\C)(?P<y>.*)", "(?P<x>.)(?P<y>.)?"]),
    filename=any_text,
    moment=st.datetimes(timezones=st.just(UTC)),
    content=st.none() | any_text,
)
@example("{{x}}", r"\C(?P<x>\C)", "é.mp3", MOMENT, None)
@example("\ud800{{x}}", "(?P<x>.)", "\ud800\x00", datetime.min.replace(tzinfo=UTC), "\udfff")
def test_nothing_raises_and_a_title_is_one_short_line(
    template: str, pattern: str | None, filename: str, moment: datetime, content: str | None
) -> None:
    made = named(
        template, pattern=pattern, filename=filename, moment=moment, ai_title=lambda: content
    )
    if made is not None:
        assert 0 < len(made) <= TITLE_MAX_LENGTH
        assert made == made.strip()
        assert len(made.splitlines()) == 1
        made.encode()
        assert "\x00" not in made
