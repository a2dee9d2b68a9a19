"""Summaries and titles without a model: what was said, by whom, when, from start to end."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.extractive import BAR_SECONDS, talk
from recordings.exports.subtitles import Cue
from recordings.llm import extractive
from recordings.llm.extractive import (
    NOTICE,
    STRETCH_SENTENCES,
    extractive_summary,
    extractive_title,
    key_phrases,
    key_sentences,
)

ROOT = Path(__file__).resolve().parents[3]
MEETING = [
    Cue(name, text, number * 5.0, number * 5.0 + 4)
    for number, line in enumerate((ROOT / "samples/meeting.txt").read_text().splitlines())
    for name, text in [line.split(": ", 1)]
]
CHINESE = [
    Cue("李雷", "我们今天讨论明年的预算，然后决定谁来负责。", 0.0, 4.0),
    Cue("韩梅梅", "预算比去年增加了百分之十。好的。", 4.0, 8.0),
    Cue("李雷", "我觉得市场部的预算太高了，应该减少。", 8.0, 12.0),
    Cue("韩梅梅", "今天天气很好。", 12.0, 15.0),
    Cue("李雷", "下周二我们再开会讨论市场部的预算。", 15.0, 20.0),
]
THAI = [
    Cue("สมชาย", "เราจะประชุมเรื่องงบประมาณในวันอังคารหน้า", 0.0, 4.0),
    Cue("สมหญิง", "งบประมาณของปีหน้าเพิ่มขึ้นสิบเปอร์เซ็นต์", 4.0, 8.0),
    Cue("สมชาย", "อากาศวันนี้ดีมาก", 8.0, 12.0),
    Cue("สมหญิง", "ขอให้ทุกคนเตรียมรายงานงบประมาณ", 12.0, 16.0),
]
HOUR = talk()[:1_250]


def texts(lines: list[Cue]) -> set[str]:
    return {line.text for line in lines}


class TestSentences:
    def test_they_are_said_words_with_their_speaker_and_time_in_order(self) -> None:
        picked = key_sentences(MEETING, most=5, language="en")
        assert len(picked) == 5
        for sentence in picked:
            (line,) = [line for line in MEETING if sentence.text in line.text]
            assert (sentence.name, sentence.start) == (line.name, line.start)
        assert [one.start for one in picked] == sorted(one.start for one in picked)

    def test_what_is_talked_about_is_picked_and_small_talk_is_not(self) -> None:
        aside = [Cue("A", f"Oh well, {word} indeed, quite.", 0.0, 1.0) for word in "abcdefgh"]
        topic = [
            Cue("B", "The budget of the marketing team grows by ten percent.", 5.0, 9.0),
            Cue("B", "We must cut the marketing budget before the board meets.", 9.0, 12.0),
            Cue("C", "The board wants the marketing team to explain its budget.", 12.0, 15.0),
        ]
        picked = key_sentences([*aside, *topic], most=3, language="en")
        assert {one.text for one in picked} == texts(topic)

    def test_every_stretch_gives_its_share(self) -> None:
        picked = key_sentences(HOUR, most=8, language="en")
        stretches = len(HOUR) // STRETCH_SENTENCES
        duration = HOUR[-1].end
        places = {int(one.start * stretches / duration) for one in picked}
        assert len(picked) == 8 and places == set(range(stretches))

    def test_more_stretches_than_places_still_reach_the_end(self) -> None:
        picked = key_sentences(HOUR, most=2, language="en")
        assert len(picked) == 2 and picked[-1].start > HOUR[-1].end / 2

    def test_the_same_is_not_picked_twice(self) -> None:
        lines = [Cue("A", "We shall meet on Tuesday at ten.", float(n), None) for n in range(40)]
        (picked,) = key_sentences([*lines, Cue("B", "we shall meet on Tuesday, at ten!", 50, None)],
                                  most=5, language="en")  # fmt: skip
        assert picked.start == 0.0

    def test_few_words_are_picked_only_where_there_is_nothing_else(self) -> None:
        short = [Cue("A", "Yes.", 0.0, 1.0), Cue("B", "All right.", 1.0, 2.0)]
        assert [one.text for one in key_sentences(short, most=5)] == ["Yes.", "All right."]
        longer = Cue("A", "The workshop is on the eighth of December.", 2.0, 3.0)
        assert [one.text for one in key_sentences([*short, longer], most=5)] == [longer.text]

    def test_a_segment_gives_its_sentences_one_by_one(self) -> None:
        text = (
            "Who will pay for it? The board will pay (next year). “Then we are done!” And so on …"
        )
        found = key_sentences([Cue("A", text, 0.0, None)], most=9, language="en")
        assert [one.text for one in found] == [
            "Who will pay for it?", "The board will pay (next year).", "“Then we are done!”"
        ]  # fmt: skip

    @pytest.mark.parametrize("word", ["word ", "预算", "ที่", "x"])
    def test_unpunctuated_speech_is_cut_to_a_readable_length(self, word: str) -> None:
        text = "".join(f"{word}{chr(0x4E00 + n)} " if n % 7 else word for n in range(20_000))
        picked = key_sentences([Cue(None, text, 0.0, None)], most=5)
        assert len(picked) == 5
        assert all(one.text in text and len(one.text) < 700 for one in picked)

    def test_scripts_without_spaces_are_picked_from(self) -> None:
        picked = [one.text for one in key_sentences(CHINESE, most=3, language="zh")]
        assert "今天天气很好。" not in picked and len(picked) == 3
        thai = [one.text for one in key_sentences(THAI, most=3, language="th")]
        assert "อากาศวันนี้ดีมาก" not in thai and len(thai) == 3

    # Norwegian has codes of its own; for the others there is no list, or no stemmer.
    @pytest.mark.parametrize(
        "language", ["de", "pl", "cs", "sk", "nb", "hi", "yue", "pt-BR", "xx", "", "?", None]
    )
    def test_every_language_has_something(self, language: str | None) -> None:
        lines = [
            Cue("A", f"Wort{n} auf dem Tisch liegt {n} mal.", float(n), None) for n in range(9)
        ]
        assert len(key_sentences(lines, most=4, language=language)) == 4

    @pytest.mark.parametrize(
        ("language", "code"),
        [
            ("en", "en"), ("EN-us", "en"), ("pt_BR", "pt"), ("zh-Hans", "zh"), ("english", "en"),
            ("ger", "de"), ("deu", "de"), ("nob", "no"), ("nn", "no"), ("yue", "zh"),
            ("haw", "xx"), ("fil", "xx"), ("elvish", "xx"), ("x", "xx"), ("", "xx"), (None, "xx"),
        ],
    )  # fmt: skip
    def test_no_language_is_taken_for_another(self, language: str | None, code: str) -> None:
        assert extractive._code(language) == code

    def test_a_library_s_own_codes_are_known(self) -> None:
        assert "protože" in extractive._stop_words("cs")
        # Breton, and not Brazilian.
        assert "você" not in extractive._stop_words("br")


class TestSummary:
    def test_it_says_what_it_is_and_cites(self) -> None:
        notice, phrases, sentences = extractive_summary(MEETING, language="en").split("\n\n")
        assert notice == NOTICE
        assert re.fullmatch(r"\*\*Key phrases:\*\* \w.+, .+", phrases) and "workshop" in phrases
        for line in sentences.splitlines():
            assert re.match(r"- \*\*(slt|rms)\*\* \(00:00:\d\d\): \S", line)

    def test_nothing_said_has_none(self) -> None:
        assert extractive_summary([]) == ""
        assert extractive_summary([Cue("A", " \n", 0.0, None)]) == ""

    def test_what_is_not_known_is_left_out(self) -> None:
        text = "The workshop is on the eighth of December."
        for name, start, head in [
            (None, 3.0, "(00:00:03): "), ("Anna", None, "**Anna**: "), (None, None, "")
        ]:  # fmt: skip
            summary = extractive_summary([Cue(name, text, start, None)], language="en")
            assert summary.endswith(f"\n- {head}{text}")

    def test_what_was_said_is_shown_and_never_marks_up(self) -> None:
        lines = [Cue("SPEAKER_00 *x*", "Use [this](http://x) <b> and __init__ or `a_b` now.", 0, 1)]
        summary = extractive_summary(lines, language="en")
        assert "**SPEAKER_00 \\*x\\***" in summary
        assert "\\[this\\](http://x) \\<b\\> and \\_\\_init\\_\\_ or \\`a_b\\` now." in summary

    def test_longer_talk_has_more_sentences_up_to_a_limit(self) -> None:
        counts = [
            extractive_summary(lines, language="en").count("\n- ") for lines in (MEETING, HOUR)
        ]
        assert counts == [5, 12]

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.one_of(st.none(), st.text(max_size=10)),
                st.text(max_size=80),
                st.one_of(st.none(), st.floats(0, 1e6)),
            ).map(lambda parts: Cue(*parts, None)),
            max_size=15,
        ),
        st.sampled_from(["en", "zh", "ru", None]),
    )
    @example([Cue("\ud800", "\ud800 " * 9, 0.0, None)] * 9, "en")
    @example([Cue(None, "... !!! ???", 0.0, None)], "en")
    @example([Cue(None, "the and of to", 0.0, None)] * 9, "en")
    def test_anything_can_be_summarised(self, lines: list[Cue], language: str | None) -> None:
        extractive_summary(lines, language=language)
        title = extractive_title(lines, language=language)
        assert len(title) <= 80 and "\n" not in title

    def test_four_hours_take_less_than_the_bar(self) -> None:
        started = time.process_time()
        extractive_summary(talk(), language="en")
        assert time.process_time() - started < BAR_SECONDS

    @pytest.mark.parametrize("text", ["x" * 500_000, ".! " * 150_000], ids=["letters", "dots"])
    def test_what_is_no_speech_takes_no_time(self, text: str) -> None:
        started = time.process_time()
        extractive_summary([Cue("A", text, 0.0, None)], language="en")
        assert time.process_time() - started < BAR_SECONDS

    def test_it_is_the_same_in_every_process(self) -> None:
        code = (
            "from benchmarks.extractive import talk\n"
            "from recordings.llm.extractive import *\n"
            "lines = talk()[:400]\n"
            "print(extractive_summary(lines, language='en'), extractive_title(lines))"
        )
        outputs = {
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True,
            ).stdout
            for seed in ("1", "2")
        }  # fmt: skip
        assert len(outputs) == 1


class TestTitleAndPhrases:
    def test_a_title_is_made_of_what_was_talked_about(self) -> None:
        title = extractive_title(MEETING, language="en")
        assert "workshop" in title.casefold() and "Tuesday" in title
        assert title[0].isupper() and len(title) <= 80

    def test_greetings_fillers_and_who_was_called_are_no_subject(self) -> None:
        text = (
            "Hello, Julia. Good. Julia, how is the budget?\nGood. Well, the budget is fine, Julia."
        )
        phrases = {phrase.casefold() for phrase in key_phrases(text, most=9, language="en")}
        assert "budget" in phrases and phrases.isdisjoint({"julia", "good", "hello"})
        about_her = text + " The budget is what Julia works on. We need Julia. So Julia it is then!"
        about_her += " And then Julia will tell us."
        assert "Julia" in key_phrases(about_her, most=9, language="en")

    def test_a_script_without_spaces_gives_a_sentence(self) -> None:
        assert extractive_title(CHINESE, language="zh") in "".join(texts(CHINESE))
        assert key_phrases("我们今天讨论明年的预算", most=3, language="zh") == []

    def test_nothing_said_has_no_title(self) -> None:
        assert extractive_title([]) == ""

    def test_phrases_do_not_repeat_each_other(self) -> None:
        text = "The marketing budget grows. The marketing budget is the budget of marketing. " * 5
        phrases = key_phrases(text, most=5, language="en")
        words = [set(phrase.casefold().split()) for phrase in phrases]
        assert phrases
        for index, one in enumerate(words):
            assert not any(one <= other for other in words[:index])

    def test_no_word_of_the_transcript_reaches_the_log(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import yake.core.yake

        def fails(**_: object) -> None:
            raise ValueError("broken")

        monkeypatch.setattr(yake.core.yake, "DataCore", fails)
        assert key_phrases("a secret plan", most=3, language="en") == []
        assert "secret" not in caplog.text
