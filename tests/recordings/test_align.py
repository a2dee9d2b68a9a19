"""Words and turns become labelled segments: who gets a word, and where the text is cut."""

from __future__ import annotations

import random

import pytest

from recordings.connectors.base import SpokenSegment, Word
from recordings.pipeline.align import (
    LONGEST_CHARACTERS,
    LONGEST_SECONDS,
    assign_labels,
    labelled_segments,
)
from recordings.pipeline.sentences import ends_sentence
from speakers.diarization.base import Turn

A, B = "SPEAKER_00", "SPEAKER_01"


def spoken(
    text: str, *, start: float = 0.0, each: float = 0.4, gaps: dict[int, float] | None = None
) -> SpokenSegment:
    """Touching words of `each` seconds; `gaps`: seconds of silence before the nth word."""
    words, now = [], start
    for number, word in enumerate(text.split()):
        now += (gaps or {}).get(number, 0.0)
        words.append(Word(round(now, 3), round(now + each, 3), word))
        now += each
    return SpokenSegment(start, now, text, words=tuple(words))


def spelled(text: str, pieces: list[str], *, each: float = 0.3) -> SpokenSegment:
    """A segment whose words are `pieces`, whatever the spaces in `text` are."""
    words = tuple(
        Word(number * each, (number + 1) * each, piece) for number, piece in enumerate(pieces)
    )
    return SpokenSegment(0.0, len(pieces) * each, text, words=words)


def texts(*segments: SpokenSegment, turns: tuple[Turn, ...] = ()) -> list[str]:
    return [segment.text for segment in labelled_segments(segments, turns)]


class TestLabelsOfWords:
    def test_a_word_takes_the_label_of_the_turn_that_overlaps_it_most(self):
        words = [Word(0.0, 0.5, "yes."), Word(0.5, 1.0, "No."), Word(0.9, 1.4, "Well")]
        turns = [Turn(0.0, 0.55, A), Turn(0.55, 2.0, B)]
        assert assign_labels(words, turns) == [A, B, B]

    def test_two_short_turns_of_one_voice_outweigh_a_longer_one_of_another(self):
        turns = [Turn(0.0, 0.3, A), Turn(0.3, 0.7, B), Turn(0.7, 1.0, A)]
        assert assign_labels([Word(0.0, 1.0, "Hm.")], turns) == [A]

    def test_a_long_turn_is_seen_behind_short_ones_inside_it(self):
        turns = [Turn(0.0, 60.0, A), Turn(1.0, 2.0, B), Turn(3.0, 4.0, B)]
        assert assign_labels([Word(50.0, 50.4, "still")], turns) == [A]

    def test_a_word_in_a_gap_takes_the_nearest_turn(self):
        turns = [Turn(0.0, 1.0, A), Turn(2.0, 3.0, B)]
        words = [Word(1.1, 1.3, "so."), Word(1.8, 1.9, "And")]
        assert assign_labels(words, turns) == [A, B]

    def test_a_word_far_from_every_turn_goes_with_its_sentence(self):
        turns = [Turn(0.0, 1.0, A), Turn(3.9, 4.5, B)]
        words = [
            Word(0.5, 1.0, "It"),
            Word(1.0, 2.6, "was"),
            Word(2.6, 2.7, "so"),
            Word(2.7, 2.8, "far."),
        ]
        assert assign_labels(words, turns) == [A, A, A, A]

    def test_a_lonely_far_word_takes_the_nearest_turn_anyway(self):
        turns = [Turn(0.0, 1.0, A), Turn(10.0, 11.0, B)]
        assert assign_labels([Word(7.0, 7.2, "Hm.")], turns) == [B]

    def test_without_turns_no_word_has_a_label(self):
        assert assign_labels([Word(0.0, 1.0, "yes")], []) == [None]

    def test_a_word_without_length_takes_the_turn_around_it(self):
        turns = [Turn(0.0, 1.0, A), Turn(1.0, 2.0, B)]
        words = [Word(0.5, 0.5, "a."), Word(1.0, 1.0, "B.")]
        assert assign_labels(words, turns) == [A, B]

    def test_a_lone_doubtful_word_goes_with_its_neighbours(self):
        words = spoken("we meet at ten today").words
        turns = [Turn(0.0, 0.95, A), Turn(0.95, 1.1, B), Turn(1.1, 2.0, A)]
        assert assign_labels(words, turns) == [A] * 5
        beside_the_word = [Turn(0.0, 0.8, A), Turn(0.8, 1.03, B), Turn(1.03, 2.0, A)]
        assert assign_labels(words, beside_the_word) == [A] * 5

    def test_a_lone_word_with_a_turn_of_its_own_keeps_it(self):
        words = spoken("we meet yes at ten").words
        turns = [Turn(0.0, 0.8, A), Turn(0.8, 1.2, B), Turn(1.2, 2.0, A)]
        assert assign_labels(words, turns) == [A, A, B, A, A]

    def test_a_lone_doubtful_word_between_pauses_keeps_its_turn(self):
        words = spoken("we meet hm at ten", gaps={2: 0.7, 3: 0.7}).words
        turns = [Turn(0.0, 1.4, A), Turn(1.45, 1.75, B), Turn(1.75, 4.0, A)]
        assert assign_labels(words, turns)[2] == B

    def test_of_two_doubtful_words_neither_decides_for_the_other(self):
        words = spoken("Yes, okay.").words
        turns = [Turn(0.0, 0.25, A), Turn(0.25, 0.7, B)]
        assert assign_labels(words, turns) == [A, B]

    def test_the_first_word_of_a_sentence_does_not_stay_with_the_speaker_before(self):
        words = spoken("All right. That works for me.").words
        turns = [Turn(0.0, 1.05, A), Turn(1.05, 3.0, B)]
        assert assign_labels(words, turns) == [A, A, B, B, B, B]

    def test_ten_hours_of_words_are_labelled_in_seconds(self):
        turns = [Turn(n * 3.0, n * 3.0 + 3.0, (A, B)[n % 2]) for n in range(12_000)]
        words = [Word(n * 0.36, n * 0.36 + 0.36, "word") for n in range(100_000)]
        assert set(assign_labels(words, turns)) == {A, B}


class TestCuttingIntoSentences:
    def test_a_thirty_second_block_becomes_its_sentences(self):
        block = spoken("We meet on Tuesday. Where do we meet? In Berlin, of course! That is fine.")
        assert texts(block) == [
            "We meet on Tuesday.",
            "Where do we meet?",
            "In Berlin, of course!",
            "That is fine.",
        ]

    def test_a_sentence_goes_on_over_the_border_of_two_engine_segments(self):
        first, second = spoken("We meet on"), spoken("Tuesday at ten.", start=1.2)
        assert texts(first, second) == ["We meet on Tuesday at ten."]

    def test_a_change_of_speaker_cuts_inside_a_sentence(self):
        block = spoken("do we meet at ten yes we do")
        turns = (Turn(0.0, 2.0, A), Turn(2.0, 4.0, B))
        cut = labelled_segments([block], turns)
        assert [(part.speaker, part.text) for part in cut] == [
            (A, "do we meet at ten"),
            (B, "yes we do"),
        ]
        assert (cut[1].start, cut[1].end) == (2.0, 3.2)

    def test_a_pause_of_a_second_cuts_and_a_breath_does_not(self):
        assert texts(spoken("and then we left", gaps={2: 1.0})) == ["and then", "we left"]
        assert texts(spoken("and then we left", gaps={2: 0.6})) == ["and then we left"]

    @pytest.mark.parametrize(
        "sentence",
        [
            "Please ask Dr. Miller about it.",
            "We need tools, e.g. Python or make.",
            "Ask J. R. Tolkien about No. 5 today.",
            "It costs approx. 20 dollars a day.",
            "It opens at 8 a.m. and closes late.",
            "Wir treffen uns am 8. Dezember um zehn.",
        ],
    )
    def test_an_abbreviation_does_not_end_a_sentence(self, sentence):
        assert texts(spoken(sentence)) == [sentence]

    def test_a_decimal_that_the_engine_split_stays_whole(self):
        block = spelled("It costs 3.5 million.", ["It", "costs", "3", ".5", "million."])
        turns = (Turn(0.0, 0.9, A), Turn(0.9, 9.0, B))
        assert texts(block, turns=turns) == ["It costs 3.5", "million."]

    def test_a_full_stop_inside_a_written_word_does_not_end_a_sentence(self):
        pieces = ["Go", "and", "see", "www.", "Example", ".Com", "today."]
        written = "Go and see www.Example.Com today."
        assert texts(spelled(written, pieces)) == [written]

    def test_an_abbreviation_before_a_pause_does_end_it(self):
        assert texts(spoken("We saw the Dr. Then we left.", gaps={4: 0.7})) == [
            "We saw the Dr.",
            "Then we left.",
        ]

    def test_closing_quotes_belong_to_the_sentence_they_close(self):
        quoted = spelled(
            'He said "no." Then he left.', ["He", "said", "no.", "Then", "he", "left."]
        )
        assert texts(quoted) == ['He said "no."', "Then he left."]

    def test_a_number_can_end_a_sentence_and_a_number_can_begin_one(self):
        assert texts(spoken("We meet at ten. 20 people come to see.")) == [
            "We meet at ten.",
            "20 people come to see.",
        ]

    def test_a_word_or_two_go_with_the_next_sentence_of_the_same_speaker(self):
        assert texts(spoken("Yes. Okay. Then we meet at ten.")) == [
            "Yes. Okay. Then we meet at ten."
        ]
        assert texts(spoken("Yes. Then we meet.", gaps={1: 0.6})) == ["Yes.", "Then we meet."]
        other = (Turn(0.0, 0.4, A), Turn(0.4, 3.0, B))
        assert texts(spoken("Yes. Then we meet."), turns=other) == ["Yes.", "Then we meet."]

    def test_a_long_sentence_is_cut_at_a_comma_near_the_middle(self):
        part = "one two three four five six seven eight nine ten"
        cut = texts(spoken(f"well, {part} {part}, {part} {part} {part}", each=0.2))
        assert cut == [f"well, {part} {part},", f"{part} {part} {part}"]

    def test_a_long_sentence_without_a_comma_is_cut_at_a_breath(self):
        part = "one two three four five six seven eight nine ten"
        cut = texts(spoken(f"{part} {part} {part} {part} {part}", each=0.2, gaps={20: 0.9}))
        assert cut == [f"{part} {part}", f"{part} {part} {part}"]

    def test_a_sentence_without_any_mark_still_has_a_longest_length(self):
        cut = labelled_segments([spoken("word " * 400)], ())
        assert max(part.end - part.start for part in cut) <= LONGEST_SECONDS
        assert max(len(part.text) for part in cut) <= LONGEST_CHARACTERS
        assert min(len(part.words) for part in cut) > 10


class TestSpacing:
    def test_chinese_has_no_spaces_and_ends_at_its_own_full_stop(self):
        block = spelled(
            "我们星期二见面。你来吗？好！", ["我们", "星期二", "见面。", "你", "来", "吗？", "好！"]
        )
        assert texts(block) == ["我们星期二见面。", "你来吗？", "好！"]

    def test_japanese_quotes_close_with_their_sentence(self):
        block = spelled("「行きます。」と言った。", ["「行き", "ます。」", "と言っ", "た。"])
        assert texts(block) == ["「行きます。」", "と言った。"]

    def test_an_opening_quote_belongs_to_the_sentence_it_opens(self):
        assert texts(spelled("他走了。「再见」", ["他", "走", "了。", "再见"])) == [
            "他走了。",
            "「再见」",
        ]

    def test_thai_is_written_together_where_the_engine_writes_it_so(self):
        assert texts(spelled("สวัสดีครับ ผมชื่อ", ["สวัส", "ดี", "ครับ", "ผม", "ชื่อ"])) == ["สวัสดีครับ ผมชื่อ"]

    def test_chinese_is_cut_between_speakers_though_no_space_is_there(self):
        block = spelled("你好吗我很好", ["你好", "吗", "我", "很好"])
        turns = (Turn(0.0, 0.6, A), Turn(0.6, 2.0, B))
        assert texts(block, turns=turns) == ["你好吗", "我很好"]

    def test_engine_segments_are_put_together_with_a_space_only_where_the_script_has_one(self):
        assert texts(spoken("We meet"), spoken("today.", start=0.8)) == ["We meet today."]
        first, second = spelled("我们", ["我们"]), spelled("见面。", ["见面。"])
        assert texts(first, second) == ["我们见面。"]

    def test_a_written_word_in_two_pieces_is_not_parted_between_speakers(self):
        block = spelled("at ten o'clock sharp", ["at", "ten", "o", "'clock", "sharp"])
        turns = (Turn(0.0, 0.9, A), Turn(0.9, 9.0, B))
        assert texts(block, turns=turns) == ["at ten o'clock", "sharp"]

    def test_text_that_has_no_word_times_is_kept(self):
        block = spelled("In 2014 we met.  Again in 2016!", ["In", "we", "met.", "Again", "in"])
        assert texts(block) == ["In 2014 we met.", "Again in 2016!"]
        block = spelled("Then we met. 2014 was good.", ["Then", "we", "met.", "was", "good."])
        assert texts(block) == ["Then we met.", "2014 was good."]

    def test_words_that_are_not_in_the_text_are_written_by_their_script(self):
        assert texts(spelled("something else", ["we", "met."])) == ["we met."]
        assert texts(spelled("别的", ["我们", "见面。"])) == ["我们见面。"]


class TestSegmentsWithoutWords:
    def test_it_stays_whole_and_takes_the_label_with_most_overlap(self):
        segment = SpokenSegment(0.0, 10.0, " We met.  And left. ")
        made = labelled_segments([segment], [Turn(0.0, 4.0, A), Turn(4.0, 10.0, B)])
        assert [(part.speaker, part.start, part.end, part.text, part.words) for part in made] == [
            (B, 0.0, 10.0, "We met. And left.", ())
        ]

    def test_it_stands_in_its_place_between_others(self):
        middle = SpokenSegment(1.0, 2.0, "without")
        assert texts(spoken("with one"), middle, spoken("with two", start=2.0)) == [
            "with one",
            "without",
            "with two",
        ]

    def test_an_empty_one_is_left_out(self):
        assert labelled_segments([SpokenSegment(0.0, 1.0, "  ")], []) == []


class TestLabelsOfTheEngine:
    def test_they_are_kept_where_there_are_no_turns(self):
        first = SpokenSegment(0.0, 0.4, "Yes", label="S1", words=(Word(0.0, 0.4, "Yes"),))
        second = SpokenSegment(0.4, 0.8, "no", label="S2", words=(Word(0.4, 0.8, "no"),))
        third = SpokenSegment(1.0, 2.0, "maybe", label="S1")
        made = labelled_segments([first, second, third], [])
        assert [(part.speaker, part.text) for part in made] == [
            ("S1", "Yes"),
            ("S2", "no"),
            ("S1", "maybe"),
        ]

    def test_nothing_said_gives_nothing(self):
        assert labelled_segments([], [Turn(0.0, 1.0, A)]) == []


def random_talk(seed: int) -> tuple[list[SpokenSegment], list[Turn]]:
    """Untidy segments and turns: odd marks, missing spaces, missing words, overlaps, crosstalk."""
    draw = random.Random(seed)
    vocabulary = [
        "so",
        "Dr.",
        "3",
        ".5",
        "yes.",
        "No!",
        "e.g.",
        "我们",
        "见面。",
        "well,",
        '"go."',
        "-",
    ]
    segments, now = [], 0.0
    for _ in range(draw.randint(0, 6)):
        words, text = [], ""
        for _ in range(draw.randint(0, 80)):
            word = draw.choice(vocabulary)
            text += draw.choice(["", " ", " ", "  ", " untimed "]) + word
            length = draw.choice([0.0, 0.1, 0.3, 0.9])
            words.append(Word(now, now + length, word))
            now += length + draw.choice([-0.05, 0.0, 0.0, 0.2, 0.6, 1.5])
        shown = text if draw.random() < 0.8 else "not these words"
        segments.append(SpokenSegment(0.0, now, shown, draw.choice([None, A]), tuple(words)))
    turns = [
        Turn(start, start + draw.uniform(0.1, 9.0), draw.choice([A, B, "SPEAKER_02"]))
        for start in (draw.uniform(0.0, now + 1) for _ in range(draw.randint(0, 12)))
    ]
    return segments, turns


@pytest.mark.parametrize("seed", range(150))
def test_every_word_is_kept_exactly_once_and_in_order(seed):
    segments, turns = random_talk(seed)
    made = labelled_segments(segments, turns)
    given = [word for segment in segments for word in segment.words]
    assert [word for part in made for word in part.words] == given
    for part in made:
        assert part.start == (part.words[0].start if part.words else part.start)
        assert part.end >= part.start
        assert part.text and part.text == part.text.strip()
        # Turns and engine labels never leave a word without a label where there are turns.
        assert part.speaker is not None or not turns


@pytest.mark.parametrize("seed", range(150))
def test_every_letter_is_kept_exactly_once_and_in_order(seed):
    segments, turns = random_talk(seed)
    given = "".join(
        segment.text
        if segment.text != "not these words" or not segment.words
        else "".join(word.text for word in segment.words)
        for segment in segments
    )
    made = "".join(part.text for part in labelled_segments(segments, turns))
    assert "".join(made.split()) == "".join(given.split())


@pytest.mark.parametrize(
    ("text", "following", "gap", "expected"),
    [
        ("there.", "Then", 0.0, True),
        ("there.", "then", 0.0, False),
        ("there.", "then", 0.6, True),
        ("really?", "Yes", 0.0, True),
        ("there", "Then", 9.0, False),
        ("I.", "You", 0.0, True),
        ("1.", "August", 0.0, False),
        ("!", "We", 0.0, True),
        ("", "We", 0.0, False),
    ],
)
def test_the_end_of_a_sentence(text, following, gap, expected):
    assert ends_sentence(text, following, gap) is expected
