"""What a model answers is read with patience, and never raises."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recordings.llm import replies
from recordings.llm.replies import (
    EVENTS_MAX,
    EventDraft,
    events_of,
    json_of,
    shortened,
    speaker_map_of,
    streamed_without_thinking,
    title_of,
    without_thinking,
)
from recordings.models import calendar

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 11, 23)
LABELS = ["SPEAKER_00", "SPEAKER_01", "SPEAKER_02"]

# Pieces that come close to what is looked for.
PIECES = [
    "<think>", "</think>", "<THINKING>", "</reasoning>", "```", "```json\n", "{", "}", "[", "]",
    '"', "'", ":", ",", "\\", "\n", " ", "Title:", "**", "# ", "- ", "“", "”", "(", ")", "events",
    "title", '"title": "Review"', '"start_datetime": "2026-11-23T10:00"', "null", "NaN", "1e999",
    "\ud800", "\x00", "unknown", "SPEAKER_00", "Anna", "9" * 5000, "é", "，",
]  # fmt: skip
ANSWERS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(PIECES),
    st.datetimes().map(datetime.isoformat), st.dates().map(date.isoformat),
    st.times().map(str), st.sampled_from(LABELS),
)  # fmt: skip
KEYS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [*LABELS, "events", "title", "start_datetime", "end", "end_datetime", "start", "attendees",
         "reminder_minutes", "location", "description", "label", "name", "speaker"]
    ),
)  # fmt: skip
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(KEYS, inner)),
    max_leaves=30,
)


def is_storable(text: str) -> bool:
    text.encode()
    return "\x00" not in text


def drafts(*rows: Any, zone: ZoneInfo = BERLIN) -> list[EventDraft]:
    found, _ = events_of({"events": list(rows)}, zone=zone, reference=MONDAY)
    return found


def draft(start: Any = "2026-11-24T10:00", **row: Any) -> EventDraft:
    (found,) = drafts({"title": "Review", "start_datetime": start, **row})
    return found


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


class TestNothingRaises:
    @settings(max_examples=400, deadline=None)
    @given(ANSWERS, st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"]))
    @example("[" * 100_000, "UTC")
    @example('{"a":' * 100_000, "UTC")
    @example('{"events": ' + "[" * 900 + "]" * 900 + "}", "UTC")
    @example('{"title": ' + "9" * 5000 + "}", "UTC")
    def test_whatever_the_answer(self, answer: str, zone: str) -> None:
        assert is_storable(without_thinking(answer))
        data = json_of(answer)
        assert data is None or isinstance(data, dict | list)
        events_of(data, zone=ZoneInfo(zone), reference=MONDAY)
        speaker_map_of(data, LABELS)
        title = title_of(answer)
        assert is_storable(title) and len(title) <= 200 and title == " ".join(title.split())

    @settings(max_examples=400, deadline=None)
    @given(DOCUMENTS, st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]))
    @example({"events": [{"title": "x", "start": "1970-01-01"}]}, "Pacific/Apia")
    @example({"events": [{"title": "x", "start": "9999-12-31T23:59:59-23:59"}]}, "UTC")
    @example({"events": [{"title": "x", "start": "0001-01-01T00:00:00+23:59"}]}, "UTC")
    def test_whatever_the_document(self, data: Any, zone: str) -> None:
        found, skipped = events_of(data, zone=ZoneInfo(zone), reference=MONDAY)
        assert skipped >= 0 and len(found) <= EVENTS_MAX
        for event in found:
            assert event.title and len(event.title) <= 200 and is_storable(event.title)
            assert event.start.tzinfo is UTC and 1970 <= event.start.year <= 2200
            assert event.end is None or event.start < event.end
            assert event.location is None or 0 < len(event.location) <= 500
            assert event.description is None or is_storable(event.description)
            assert all(name and is_storable(name) for name in event.attendees)
            assert 0 <= event.reminder_minutes <= 40_320
        names = speaker_map_of(data, LABELS)
        assert list(names) == LABELS
        for name in names.values():
            assert len(name) <= 100 and is_storable(name) and name == " ".join(name.split())

    @pytest.mark.parametrize(
        "answer",
        [
            "<think>" * 500_000,
            "</think><think>" * 200_000,
            "```" * 1_000_000,
            "```" + " " * 1_000_000,
            '"' * 1_000_000,
            "(" * 1_000_000,
            '["a"b' * 20_000,
            "{" * 1_000_000,
            "\n".join(["**x**"] * 100_000),
            "**x " * 100_000,
            "*_" * 100_000,
            "x" + " #" * 100_000,
        ],
        ids=range(12),
    )
    def test_no_answer_of_megabytes_takes_for_ever(self, answer: str) -> None:
        started = time.process_time()
        events_of(json_of(answer), zone=BERLIN, reference=MONDAY)
        speaker_map_of({"SPEAKER_00": answer}, LABELS)
        title_of(answer)
        assert time.process_time() - started < 20


class TestThinking:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("<think>Hm.</think>\n\nYes.", "Yes."),
            ("<THINKING>\nHm.\n</THINKING>Yes.", "Yes."),
            ("Yes. <think>Or?</think>Quite.", "Yes. Quite."),
            ("Let me see. </think> Yes.", "Yes."),
            ("<think>Never done", ""),
            ("\n <think>Never done", ""),
            ("Yes: the <think> tag.", "Yes: the <think> tag."),
            ("<think>Hm.</think>The </think> tag.", "The  tag."),
            ("<think>a <think> b</think>Yes.", "Yes."),
            (" plain\x00 \ud800", "plain"),
            ("1 < 2 <b>", "1 < 2 <b>"),
        ],
    )
    def test_only_what_was_said_is_left(self, text: str, said: str) -> None:
        assert without_thinking(text) == said

    @pytest.mark.parametrize(
        "text",
        ["<think>Hm, 1 < 2.</think>\n\nYes, 2 > 1.", "Yes.", "<b>Yes</b>, I think.", "<x", "", " "],
    )
    @given(data=st.data())
    def test_a_stream_says_the_same_however_it_is_cut(self, text: str, data: st.DataObject) -> None:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
        places = [0, *cuts, len(text)]
        deltas = [text[one:other] for one, other in zip(places, places[1:], strict=False)]
        assert "".join(streamed_without_thinking(deltas)) == without_thinking(text)

    def test_a_stream_does_not_wait_for_its_end(self) -> None:
        def deltas() -> Any:
            yield from ("<thi", "nk>Hm.", "</thin", "k>\n", "Yes")
            raise AssertionError("it read on")

        assert next(streamed_without_thinking(deltas())) == "Yes"

    def test_thinking_that_never_ends_says_nothing(self) -> None:
        assert list(streamed_without_thinking(["<think>", "and ", "so on"])) == []


class TestJson:
    @pytest.mark.parametrize(
        "text",
        [
            '{"events": [{"title": "Review"}]}',
            '```json\n{"events": [{"title": "Review"}]}\n```',
            'Here you are:\n```\n{"events": [{"title": "Review"}]}\n```\nAnything [else]?',
            'As [requested] above: {"events": [{"title": "Review"}]} Done.',
            "<think>{}</think>{'events': [{'title': 'Review',}]}",
            '{"events": [{"title": "Review"',
            '{"events": [{"title": "Review"}],',
            'Sure! {events: [{title: "Review"}]}',
        ],
    )
    def test_an_object_is_found(self, text: str) -> None:
        assert json_of(text) == {"events": [{"title": "Review"}]}

    def test_an_array_of_objects_is_found_whole(self) -> None:
        assert json_of('The list: [{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]
        assert json_of('[{"a": 1}]') == [{"a": 1}]
        assert json_of('[{"a": 1}, {"a": 2') == [{"a": 1}, {"a": 2}]

    def test_what_was_cut_off_keeps_its_first_rows(self) -> None:
        rows = [{"title": f"Event {number}"} for number in range(40)]
        text = json.dumps({"events": rows})
        assert json_of(text[: len(text) // 2])["events"][:19] == rows[:19]

    @pytest.mark.parametrize("text", ["", "No events.", "[sic] yes", "42", '"text"', "null"])
    def test_prose_is_none(self, text: str) -> None:
        assert json_of(text) is None


class TestEvents:
    def test_a_full_row_is_taken_as_it_is_and_no_more_of_it(self) -> None:
        (found,) = drafts(
            {
                "title": " Budget\nreview ", "description": "Bring figures.\n\nAll of them.",
                "start_datetime": "2026-11-24T10:00:00", "end_datetime": "2026-11-24T11:30:00",
                "location": "Room 4", "attendees": ["Anna", {"name": "Bob"}, "anna", 5, ""],
                "reminder_minutes": 30, "owner_id": 1, "recording_id": 7, "id": 3,
            }
        )  # fmt: skip
        assert found == EventDraft(
            title="Budget review",
            start=utc(2026, 11, 24, 9),
            end=utc(2026, 11, 24, 10, 30),
            description="Bring figures.\n\nAll of them.",
            location="Room 4",
            attendees=("anna", "Bob"),
            reminder_minutes=30,
        )

    @pytest.mark.parametrize(
        ("text", "start"),
        [
            ("2026-07-24T10:00", utc(2026, 7, 24, 8)),
            ("2026-07-24 10:00:30", utc(2026, 7, 24, 8, 0, 30)),
            ("2026-07-24T10:00:00Z", utc(2026, 7, 24, 10)),
            ("2026-07-24t10:00:00z", utc(2026, 7, 24, 10)),
            ("2026-07-24T10:00:00.5-05:00", utc(2026, 7, 24, 15)),
            ("2026-07-24", utc(2026, 7, 24, 7)),
            ("14:30", utc(2026, 11, 23, 13, 30)),
            # Clocks skip 2:30 in Berlin, and show it twice.
            ("2026-03-29T02:30", utc(2026, 3, 29, 1, 30)),
            ("2026-10-25T02:30", utc(2026, 10, 25, 0, 30)),
        ],
    )
    def test_a_start_is_read_in_the_owners_zone(self, text: str, start: datetime) -> None:
        assert draft(text).start == start

    @pytest.mark.parametrize(
        "start",
        [None, "", "tomorrow", "2026", "24.11.2026", 1764000000, True, [], "1969-12-31T10:00",
         "2201-06-01", "2026-13-01", "25:00"],
    )  # fmt: skip
    def test_a_row_whose_start_cannot_be_read_is_counted(self, start: Any) -> None:
        rows = [{"title": "Review", "start_datetime": start}, {"title": "B", "start": "2026-11-24"}]
        found, skipped = events_of({"events": rows}, zone=BERLIN, reference=MONDAY)
        assert [event.title for event in found] == ["B"] and skipped == 1

    @pytest.mark.parametrize(
        "row", [{"start": "2026-11-24"}, {"title": " "}, "Review", None, 7, []]
    )
    def test_a_row_that_is_no_event_is_counted(self, row: Any) -> None:
        assert events_of({"events": [row]}, zone=BERLIN, reference=MONDAY) == ([], 1)

    @pytest.mark.parametrize(
        ("text", "end"),
        [
            ("2026-11-24T11:00", utc(2026, 11, 24, 10)),
            ("11:00", utc(2026, 11, 24, 10)),
            ("2026-11-26", utc(2026, 11, 26, 23)),
            ("2026-11-24", None),
            ("2026-11-24T09:00", None),
            ("2026-11-24T10:00", None),
            ("9999-12-31", None),
            ("late", None),
            (None, None),
        ],
    )
    def test_an_end_is_after_the_start_or_left_out(self, text: Any, end: datetime | None) -> None:
        assert draft(end_datetime=text).end == end

    def test_texts_are_cut_to_what_the_contract_allows(self) -> None:
        found = draft(location="x" * 501, description="d\x00" * 9_000, attendees="Anna, Bob")
        assert len(found.location) == 500 and len(found.description) == 5_000
        assert found.attendees == ("Anna", "Bob")
        (cut,) = drafts({"title": "word " * 60, "start": "2026-11-24"})
        assert len(cut.title) <= 200 and cut.title.endswith("word")
        assert len(draft(attendees=[str(number) for number in range(80)]).attendees) == 50

    @pytest.mark.parametrize("value", [None, "soon", -1, 40_321, True, float("nan"), float("inf")])
    def test_a_strange_reminder_is_the_usual_one(self, value: Any) -> None:
        assert draft(reminder_minutes=value).reminder_minutes == 15

    def test_no_reminder_and_the_longest_are_kept(self) -> None:
        assert draft(reminder_minutes=0).reminder_minutes == 0
        assert draft(reminder_minutes=40_320.0).reminder_minutes == 40_320

    def test_the_same_title_and_start_is_one_event(self) -> None:
        found, skipped = events_of(
            [
                {"events": [{"title": "Review", "start": "2026-11-24T10:00"}]},
                {"events": [{"title": "REVIEW", "start": "2026-11-24T09:00Z"}]},
                [{"title": "Review", "start": "2026-11-25T10:00"}],
                {"title": "Lunch", "start": "2026-11-24T10:00"},
            ],
            zone=BERLIN,
            reference=MONDAY,
        )
        assert [event.title for event in found] == ["Review", "Review", "Lunch"] and skipped == 0

    def test_more_than_a_hundred_are_counted_and_left_out(self) -> None:
        rows = [{"title": f"Event {number}", "start": "2026-11-24"} for number in range(130)]
        found, skipped = events_of([*rows, *rows[:50]], zone=BERLIN, reference=MONDAY)
        assert len(found) == EVENTS_MAX and found[99].title == "Event 99" and skipped == 30

    @pytest.mark.parametrize(
        "data", [None, {}, [], "none", 7, {"events": None}, {"events": "none"}]
    )
    def test_no_rows_are_no_events(self, data: Any) -> None:
        found, skipped = events_of(data, zone=BERLIN, reference=MONDAY)
        assert found == [] and skipped <= 1

    def test_the_limits_are_those_of_the_columns(self) -> None:
        for name in ("TITLE_MAX_LENGTH", "LOCATION_MAX_LENGTH", "REMINDER_MINUTES"):
            assert getattr(replies, name) == getattr(calendar, name)


class TestSpeakers:
    @pytest.mark.parametrize(
        "data",
        [
            {"SPEAKER_00": "Anna Weber", "SPEAKER_01": "Bob"},
            {"speaker_map": {"SPEAKER_00": "Anna Weber", "SPEAKER_01": "Bob"}},
            {"speakers": [{"label": "SPEAKER_00", "name": "Anna Weber"}, {"SPEAKER_01": "Bob"}]},
            {"Anna Weber": "SPEAKER_00", "Bob": "SPEAKER_01"},
            {"Speaker 00": {"name": "Anna Weber"}, "[SPEAKER_01]": "Bob (host)"},
            {
                "SPEAKER_00": " **Anna\nWeber**, the chair",
                "SPEAKER_01": '"Bob"',
                "SPEAKER_09": "Eve",
            },
            {"SPEAKER_00": "Anna Weber", "SPEAKER_01": "Bob", "SPEAKER_02": "SPEAKER_01"},
        ],
    )
    def test_names_come_to_their_labels(self, data: Any) -> None:
        names = {"SPEAKER_00": "Anna Weber", "SPEAKER_01": "Bob", "SPEAKER_02": ""}
        assert speaker_map_of(data, LABELS) == names

    @pytest.mark.parametrize(
        "value",
        ["Unknown", "unknown speaker", "UNKNOWN.", "N/A", "none", "null", "not mentioned",
         "Speaker 1", "Speaker A", "unidentified", "(not named)", "?", "-", "", "Unnamed person",
         "Unbekannt", "SPEAKER_02", "Speaker_00", "unknown (maybe Anna)", None, 7, [],
         {"name": None}],
    )  # fmt: skip
    def test_nobody_is_empty(self, value: Any) -> None:
        assert speaker_map_of({"SPEAKER_00": value}, LABELS)["SPEAKER_00"] == ""

    @pytest.mark.parametrize(
        "name",
        ["Nona", "Ann", "Naomi", "Nilsson", "Dr. Noname-Weber", "李雷", "Ünal", "Bo", "O'Neil"],
    )
    def test_names_that_look_like_nobody_stay(self, name: str) -> None:
        assert speaker_map_of({"SPEAKER_00": name}, LABELS)["SPEAKER_00"] == name

    def test_a_name_has_a_hundred_characters_at_most(self) -> None:
        found = speaker_map_of({"SPEAKER_00": "x" * 500}, LABELS)["SPEAKER_00"]
        assert found == "x" * 100

    def test_labels_of_a_person_are_labels_too(self) -> None:
        assert speaker_map_of({"Ann": "Anna"}, ["Ann", "Bob"]) == {"Ann": "Anna", "Bob": ""}

    @pytest.mark.parametrize("data", [None, [], "Anna", 3])
    def test_no_map_names_nobody(self, data: Any) -> None:
        assert speaker_map_of(data, LABELS) == dict.fromkeys(LABELS, "")


class TestTitles:
    @pytest.mark.parametrize(
        "answer",
        [
            "Budget for 2027",
            '"Budget for 2027"',
            "Title: Budget for 2027",
            '**Title:** "Budget for 2027"',
            "# Budget for 2027\n\nThis title says what it is about.",
            "<think>short</think>\n“Budget for 2027”",
            "Here is a title:\n\n- *Budget   for 2027*",
            '{"title": "Budget for 2027"}',
            '```json\n{"title": "Budget for 2027"}\n```',
            "1. Budget for 2027\n2. Money",
        ],
    )
    def test_it_is_undressed(self, answer: str) -> None:
        assert title_of(answer) == "Budget for 2027"

    @pytest.mark.parametrize(
        ("answer", "title"),
        [
            ("**Budget** for `2027`", "Budget for 2027"),
            ("### The *new* budget for __2027__ ###", "The new budget for 2027"),
            ("Title: The ***new*** and ~~old~~ budget", "The new and old budget"),
            ("**Budget**: the `first` draft", "Budget: the first draft"),
            ("关于**预算**的会议", "关于预算的会议"),
            ("**`Budget`**, “second” draft", "Budget, “second” draft"),
        ],
    )
    def test_no_markdown_is_left_inside(self, answer: str, title: str) -> None:
        assert title_of(answer) == title

    @pytest.mark.parametrize(
        "title",
        ["3. Quartal", "Anna's “small” plan", "Q: and A", "Zeit für Titel", "预算会议",
         "2**8 or 3**4?", "my_file_name and a_b", "5 * 3 * 2", "C# and F#", "Ticket #7"],
    )  # fmt: skip
    def test_what_belongs_to_it_stays(self, title: str) -> None:
        assert title_of(title) == title

    @pytest.mark.parametrize("answer", ["", "\n", '""', "**", "<think>Hm", '"'])
    def test_nothing_is_no_title(self, answer: str) -> None:
        assert title_of(answer) == ""

    def test_it_is_cut_between_words(self) -> None:
        title = title_of("meeting " * 60)
        assert title == ("meeting " * 25).strip()
        assert title_of("x" * 300) == "x" * 200

    @given(st.text(), st.integers(1, 30))
    def test_a_shortened_text_is_a_start(self, text: str, most: int) -> None:
        found = shortened(text, most)
        assert text.startswith(found) and len(found) <= most
        assert found == text or len(text) > most


def test_random_damage_to_json_is_survived() -> None:
    rng = random.Random(5)
    whole = json.dumps({"events": [{"title": f"E{n}", "start": "2026-11-24"} for n in range(20)]})
    for _ in range(300):
        broken = list(whole)
        for _ in range(rng.randint(1, 30)):
            place = rng.randrange(len(broken))
            broken[place] = rng.choice(["", '"', "{", "]", "\\", ":", "\x00", "\ud800", "\n"])
        events_of(json_of("".join(broken)), zone=BERLIN, reference=MONDAY)
