"""SRT and WebVTT, contract 8.4."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.exports.subtitles import Cue, clock, srt, vtt

TWO = [Cue("Alice", "Hello everyone", 0.0, 2.5), Cue("Bob", "Hi.", 2.5, 3.0)]


def test_srt_is_plain_text_without_names():
    assert srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:02,500\nHello everyone\n\n"
        "2\n00:00:02,500 --> 00:00:03,000\nHi.\n"
    )


def test_vtt_says_who_speaks():
    assert vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\n<v Alice>Hello everyone\n\n"
        "00:00:02.500 --> 00:00:03.000\n<v Bob>Hi.\n"
    )


def test_no_segments_give_an_empty_file_of_each_kind():
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"


@pytest.mark.parametrize("name", [None, ""])
def test_a_cue_of_nobody_has_no_voice_tag(name):
    assert "<v" not in vtt([Cue(name, "Hello", 0, 1)])


def test_missing_times_begin_at_zero_and_last_a_second():
    assert "00:00:00,000 --> 00:00:01,000" in srt([Cue(None, "a", None, None)])
    assert "00:00:01.001 --> 00:00:02.001" in vtt([Cue(None, "a", 1.001, None)])
    assert "00:00:00,118 --> 00:00:01,118" in srt([Cue(None, "a", 0.118, None)])
    assert "00:00:00,000 --> 00:00:04,000" in srt([Cue(None, "a", None, 4)])


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (1.001, "00:00:01,001"),
        (0.0019, "00:00:00,001"),
        (1.9999, "00:00:01,999"),
        (4.35, "00:00:04,350"),
        (59.999, "00:00:59,999"),
        (3661.5, "01:01:01,500"),
        (100 * 3600 + 1, "100:00:01,000"),
        (-0.2, "00:00:00,000"),
        (1e-7, "00:00:00,000"),
        (None, "00:00:00,000"),
    ],
)
def test_times_are_cut_to_the_millisecond_and_hours_go_on(seconds, shown):
    assert clock(seconds, separator=",") == shown


def test_every_millisecond_of_a_minute_comes_out_as_it_went_in():
    shown = [clock(n / 1000, separator=",") for n in range(60_000)]
    assert shown == [f"00:00:{n // 1000:02d},{n % 1000:03d}" for n in range(60_000)]


def test_vtt_markup_in_names_and_texts_is_escaped():
    made = vtt([Cue("R&D <x>\nteam", "if a < b && b > c", 0, 1)])
    assert "<v R&amp;D &lt;x&gt; team>if a &lt; b &amp;&amp; b &gt; c\n" in made


def test_srt_keeps_the_characters_that_mean_nothing_there():
    assert "\na < b & c\n" in srt([Cue(None, "a < b & c", 0, 1)])


@pytest.mark.parametrize("text", ["one\ntwo", "one\r\n\r\ntwo", " one \n\n two ", "one\u2028two"])
def test_line_breaks_in_a_text_do_not_break_the_cue(text):
    assert srt([Cue(None, text, 0, 1)]).splitlines()[2:] == ["one two"]
    assert vtt([Cue(None, text, 0, 1)]).splitlines()[3:] == ["one two"]


@pytest.mark.parametrize("arrow", ["-->", "--->", "---->", "-->-->"])
def test_a_text_can_not_look_like_a_timing_line(arrow):
    cue = Cue(None, f"00:00:01,000 {arrow} 00:00:02,000", 0, 1)
    assert srt([cue]).count("-->") == 1
    assert vtt([cue]).count("-->") == 1


@given(st.floats(0, 1e7) | st.decimals(0, 1_000_000, places=3).map(float))
def test_a_time_is_cut_as_it_is_written(seconds: float) -> None:
    milliseconds = int(Decimal(str(seconds)) * 1000)
    assert clock(seconds, separator=".").endswith(f".{milliseconds % 1000:03d}")
    assert clock(milliseconds / 1000, separator=".") == clock(seconds, separator=".")
