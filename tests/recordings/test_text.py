"""The transcript as text, contract 8.5 and 0.1 (8, 22)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordings.exports.subtitles import Cue
from recordings.exports.text import placeholder_count, render

LINES = [Cue("Alice", "Hello everyone", 0.0, 2.5), Cue("Bob", "Hi.", 3661.5, 3662.0)]
NOBODY = Cue(None, "Hm.", None, None)

WORDS = ("index", "speaker", "text")
TIMES = ("start_time", "end_time")
# Pieces of which templates and texts are made: well-formed placeholders among what comes close.
PIECES = [
    "{{index}}",
    "{{speaker|upper}}",
    "{{text}}",
    "{{start_time|srt}}",
    "{{end_time|upper|srt}}",
    "{{text|srt}}",
    "{{text|lower}}",
    "{{ text }}",
    "{{TEXT}}",
    "{{text|}}",
    "{{",
    "}}",
    "{",
    "}",
    "|",
    "upper",
    "srt",
    *WORDS,
    *TIMES,
    "\n",
    "\r\n",
    "\\1",
    "%s",
    "$text",
    "ß",
]
MIXED = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(
    "{}|untexdi_%", max_size=20
)
SECONDS = st.none() | st.floats(0, 500_000) | st.integers(0, 500_000)
CUES = st.builds(Cue, st.none() | MIXED, MIXED, SECONDS, SECONDS)


def stated(lines: list[Cue], template: str) -> str:
    """The rules once more, a character at a time."""
    return "\n".join(stated_line(index + 1, line, template) for index, line in enumerate(lines))


def stated_line(index: int, line: Cue, template: str) -> str:
    written, at = "", 0
    while at < len(template):
        end = template.find("}}", at)
        inside = template[at + 2 : end] if end != -1 and template.startswith("{{", at) else None
        value = None if inside is None else stated_value(index, line, *inside.split("|"))
        if value is None:
            written += template[at]
            at += 1
        else:
            written += value
            at = end + 2
    return written


def stated_value(index: int, line: Cue, name: str, *filters: str) -> str | None:
    """None: no such placeholder, or a filter that it does not know."""
    if name not in WORDS + TIMES or not set(filters) <= (
        {"upper", "srt"} if name in TIMES else {"upper"}
    ):
        return None
    if name in TIMES:
        seconds = line.start if name == "start_time" else line.end
        milliseconds = int(Decimal(str(seconds or 0)) * 1000)
        hours, rest = divmod(milliseconds, 3_600_000)
        shown = f"{hours:02}:{rest // 60_000:02}:{rest // 1000 % 60:02}"
        return f"{shown},{rest % 1000:03}" if "srt" in filters else shown
    shown = {"index": str(index), "speaker": line.name or "Unknown", "text": line.text}[name]
    return shown.upper() if filters else shown


@given(st.lists(CUES, max_size=3), MIXED)
@example([Cue("{{text}}", "{{speaker}}|upper}}", None, None)], "{{{{speaker}}{{text|upper}}}}")
def test_any_template_is_filled_by_the_rules(lines: list[Cue], template: str) -> None:
    assert render(lines, template) == stated(lines, template)


@pytest.mark.parametrize(
    ("template", "count"),
    [
        ("{{text}}{{text|upper}} {{start_time|srt|upper}}\n{{index}}", 4),
        ("{{{text}}}", 1),
        ("{{other}} {{text|srt}} {{ text }} {{text", 0),
        ("", 0),
    ],
)
def test_what_is_filled_in_counts_as_a_placeholder(template: str, count: int) -> None:
    assert placeholder_count(template) == count


def test_without_a_template_it_is_the_speaker_and_the_text_on_each_line():
    assert render(LINES, None) == "Alice: Hello everyone\nBob: Hi."


def test_a_segment_of_nobody_is_its_text_alone():
    assert render([LINES[0], NOBODY], None) == "Alice: Hello everyone\nHm."


def test_no_segments_give_no_text():
    assert render([], None) == ""
    assert render([], "{{text}}") == ""


@pytest.mark.parametrize(
    ("template", "second_line"),
    [
        ("{{index}}. {{text}}", "2. Hi."),
        ("[{{start_time}}-{{end_time}}] {{speaker}}", "[01:01:01-01:01:02] Bob"),
        ("{{start_time|srt}} --> {{end_time|srt}}", "01:01:01,500 --> 01:01:02,000"),
        ("[{{start_time|srt}}] {{speaker|upper}}: {{text}}", "[01:01:01,500] BOB: Hi."),
        ("{{start_time|srt|upper}} {{text|upper}}", "01:01:01,500 HI."),
        ("{{start_time|upper|srt}} {{index|upper}}", "01:01:01,500 2"),
        ("{{other}} {{text|lower}} {{text|srt}}", "{{other}} {{text|lower}} {{text|srt}}"),
        ("{{text|upper|srt}} {{index|srt}}", "{{text|upper|srt}} {{index|srt}}"),
        ("{{ text }} {text} {{text}", "{{ text }} {text} {{text}"),
        ("{{{text}}}", "{Hi.}"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_a_template_is_filled_once_per_segment(template, second_line):
    assert render(LINES, template).split("\n")[1] == second_line


def test_line_breaks_of_the_template_are_kept_and_segments_are_joined_with_one():
    assert render(LINES, "{{speaker}}\n{{text}}\n") == "Alice\nHello everyone\n\nBob\nHi.\n"


def test_what_was_said_is_never_expanded():
    said = Cue("{{text}}", "{{end_time}} {{speaker|upper}}", 0, 1)
    assert render([said], "{{speaker}}: {{text}}") == "{{text}}: {{end_time}} {{speaker|upper}}"


def test_backslashes_in_a_text_mean_nothing():
    assert render([Cue("A", r"C:\new\1", 0, 1)], "{{text}}") == r"C:\new\1"


def test_a_template_shows_unknown_for_nobody_and_zero_for_no_time():
    shown = render([NOBODY], "{{speaker}} {{start_time}} {{end_time|srt}} {{speaker|upper}}")
    assert shown == "Unknown 00:00:00 00:00:00,000 UNKNOWN"
