"""The transcript as text, contract 8.5 and 0.1 (8, 22)."""

from __future__ import annotations

import pytest

from recordings.exports.subtitles import Cue
from recordings.exports.text import render

LINES = [Cue("Alice", "Hello everyone", 0.0, 2.5), Cue("Bob", "Hi.", 3661.5, 3662.0)]
NOBODY = Cue(None, "Hm.", None, None)


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
