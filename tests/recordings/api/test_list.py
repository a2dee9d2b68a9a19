"""GET /recordings: filters, order, pages (http-contract.md, 8.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording, make_transcript

pytestmark = pytest.mark.django_db

LIST = "/api/v1/recordings"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def answer(client: APIClient, **query: Any) -> dict[str, Any]:
    response = client.get(LIST, query)
    assert response.status_code == 200, response.content
    return response.json()


def titles(client: APIClient, **query: Any) -> list[str | None]:
    return [item["title"] for item in answer(client, **query)["recordings"]]


def refusal(client: APIClient, **query: Any) -> str:
    response = client.get(LIST, query)
    assert response.status_code == 400, response.content
    return response.json()["error"]


def test_a_list_shows_only_the_callers_own(
    client: APIClient, alice: User, bob: User, carol: User
) -> None:
    for owner in (alice, bob, carol):
        make_recording(owner=owner, title=owner.username)
    assert titles(client) == ["alice"]


def test_an_operator_sees_nobody_elses(
    api: Callable[[User], APIClient], alice: User, otto: User
) -> None:
    make_recording(owner=alice)
    assert titles(api(otto)) == []


def test_an_empty_list_has_no_pages(client: APIClient) -> None:
    assert answer(client) == {
        "recordings": [],
        "pagination": {
            "page": 1,
            "per_page": 25,
            "total": 0,
            "total_pages": 0,
            "has_next": False,
            "has_prev": False,
        },
    }


STATUSES = {
    "all": ["COMPLETED", "FAILED", "PENDING", "PROCESSING", "SUMMARIZING"],
    "pending": ["PENDING"],
    "processing": ["PROCESSING", "SUMMARIZING"],
    "completed": ["COMPLETED"],
    "FAILED": ["FAILED"],
    "": ["COMPLETED", "FAILED", "PENDING", "PROCESSING", "SUMMARIZING"],
}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_filter_keeps_those_in_it(client: APIClient, alice: User, status: str) -> None:
    for value in Recording.Status.values:
        make_recording(owner=alice, title=value, status=value)
    assert sorted(titles(client, status=status)) == STATUSES[status]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("status", "queued", ["all", "pending", "processing", "completed", "failed"]),
        ("status", "COMPLETED,FAILED", ["all", "pending"]),
        ("sort_by", "id", ["created_at", "meeting_date", "title", "file_size"]),
        ("sort_by", "owner__password", ["created_at"]),
        ("sort_order", "up", ["asc", "desc"]),
        ("inbox", "maybe", ["true", "1", "yes", "false", "0", "no"]),
        ("starred", "2", ["true", "1", "yes", "false", "0", "no"]),
    ],
)
def test_an_unknown_word_is_refused_with_those_that_are_known(
    client: APIClient, name: str, value: str, allowed: list[str]
) -> None:
    sentence = refusal(client, **{name: value})
    assert name in sentence
    assert all(word in sentence for word in allowed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date_from", "yesterday"),
        ("date_from", "2024-13-01"),
        ("date_to", "15.01.2024"),
        ("date_to", "0001-01-01T00:00:00+14:00"),
        ("tag_id", "work"),
        ("tag_id", "1.5"),
        ("tag_id", "9" * 19),
        ("folder_id", "mine"),
        ("folder_id", "-1"),
        ("q", "a\0b"),
        ("q", "x" * 60_000),
    ],
)
def test_a_malformed_value_is_refused(client: APIClient, name: str, value: str) -> None:
    assert name in refusal(client, **{name: value})


FILTERS = ("status", "sort_by", "sort_order", "date_from", "date_to", "tag_id", "folder_id", "q")


@pytest.mark.parametrize("name", [*FILTERS, "inbox", "starred", "page", "per_page"])
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_counts_as_not_given(
    client: APIClient, alice: User, name: str, empty: str
) -> None:
    make_recording(owner=alice)
    assert len(titles(client, **{name: empty})) == 1


@pytest.mark.parametrize("folder", ["none", "NONE", "5"])
def test_folders_are_refused_while_there_are_none(client: APIClient, folder: str) -> None:
    response = client.get(LIST, {"folder_id": folder})
    assert response.status_code == 403
    assert response.json() == {"error": "Folders feature is not enabled"}


def test_no_recording_carries_an_unknown_tag(client: APIClient, alice: User) -> None:
    make_recording(owner=alice)
    assert titles(client, tag_id=1) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("budget", ["Budget 100%"]),
        ("BUDGET", ["Budget 100%"]),
        ("  budget ", ["Budget 100%"]),
        ("%", ["Budget 100%"]),
        ("_", ["plan_b"]),
        ("\\", ["a\\b"]),
        ("100%", ["Budget 100%"]),
        ("1%0", []),
        ("dana", ["Weekly"]),
        ("Alice, Da", ["Weekly"]),
        ("alpha", []),
        ("'; drop table", []),
        ("x" * 500, []),
    ],
)
def test_a_search_finds_a_part_of_title_or_participants(
    client: APIClient, alice: User, query: str, found: list[str]
) -> None:
    for title in ("Budget 100%", "plan_b", "a\\b", None, ""):
        make_recording(owner=alice, title=title, notes="alpha", summary="alpha")
    make_recording(owner=alice, title="Weekly", participants="Alice, Dana")
    assert titles(client, q=query) == found


def test_a_search_knows_the_cases_of_every_alphabet(client: APIClient, alice: User) -> None:
    make_recording(owner=alice, title="Über uns (Zürich)")
    make_recording(owner=alice, title="Встреча")
    assert titles(client, q="über uns (ZÜ") == ["Über uns (Zürich)"]
    assert titles(client, q="ВСТРЕЧА") == ["Встреча"]


def test_inbox_and_starred_are_told_apart(client: APIClient, alice: User) -> None:
    make_recording(owner=alice, title="new", is_inbox=True, is_highlighted=False)
    make_recording(owner=alice, title="old star", is_inbox=False, is_highlighted=True)
    for yes, no in (("true", "false"), ("1", "0"), ("YES", "No")):
        assert titles(client, inbox=yes) == ["new"]
        assert titles(client, inbox=no) == ["old star"]
        assert titles(client, starred=yes) == ["old star"]
        assert titles(client, starred=no) == ["new"]
    assert titles(client, inbox="true", starred="true") == []


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"date_from": "2024-01-02"}, ["late", "noon", "midnight"]),
        ({"date_to": "2024-01-02"}, ["noon", "midnight", "before"]),
        ({"date_to": "20240102"}, ["noon", "midnight", "before"]),
        ({"date_from": "2024-01-02", "date_to": "2024-01-02"}, ["noon", "midnight"]),
        ({"date_from": "2024-01-02T12:00:00Z"}, ["late", "noon"]),
        ({"date_to": "2024-01-02T12:00:00Z"}, ["noon", "midnight", "before"]),
        ({"date_from": "2024-01-02T12:00:01"}, ["late"]),
        ({"date_from": "2024-01-02T17:00:00+05:00"}, ["late", "noon"]),
        ({"date_to": "2024-01-01T19:00:00-05:00"}, ["midnight", "before"]),
        ({"date_to": "9999-12-31"}, ["late", "noon", "midnight", "before"]),
        ({"date_from": "2025-01-01", "date_to": "2024-01-01"}, []),
    ],
)
def test_dates_are_inclusive_bounds_in_utc(
    client: APIClient, alice: User, bounds: dict[str, str], found: list[str]
) -> None:
    for title, created in {
        "before": "2024-01-01T23:59:59",
        "midnight": "2024-01-02T00:00:00",
        "noon": "2024-01-02T12:00:00",
        "late": "2024-01-03T00:00:00",
    }.items():
        make_recording(owner=alice, title=title, created_at=moment(created))
    assert titles(client, **bounds) == found


SORTED = {
    "created_at": ["first", "second", "third"],
    "meeting_date": ["third", "first", None],
    "title": ["first", "second", "third"],
    "file_size": ["second", "first", None],
    "status": ["first", "third", "second"],
}


@pytest.fixture
def three(alice: User) -> dict[str, Recording]:
    rows = {
        "first": ("2024-01-01", "2023-05-05", 20, "COMPLETED"),
        "second": ("2024-01-02", None, 10, "PENDING"),
        "third": ("2024-01-03", "2023-01-01", None, "FAILED"),
    }
    return {
        title: make_recording(
            owner=alice,
            title=title,
            created_at=moment(created),
            meeting_date=moment(meeting) if meeting else None,
            size_bytes=size,
            status=status,
        )
        for title, (created, meeting, size, status) in rows.items()
    }


@pytest.mark.parametrize("column", SORTED)
@pytest.mark.usefixtures("three")
def test_every_column_sorts_both_ways_with_nulls_last(client: APIClient, column: str) -> None:
    known = [title for title in SORTED[column] if title]
    missing = {"first", "second", "third"} - set(known)
    assert titles(client, sort_by=column, sort_order="asc") == [*known, *missing]
    assert titles(client, sort_by=column.upper(), sort_order="DESC") == [*known[::-1], *missing]


@pytest.mark.usefixtures("three")
def test_by_default_the_newest_comes_first(client: APIClient) -> None:
    assert titles(client) == ["third", "second", "first"]
    assert titles(client, sort_by="title") == ["third", "second", "first"]
    assert titles(client, sort_order="asc") == ["first", "second", "third"]


@pytest.mark.parametrize("column", SORTED)
def test_ties_are_broken_by_id_so_that_pages_do_not_overlap(
    client: APIClient, alice: User, column: str
) -> None:
    same = {"created_at": moment("2024-01-01"), "meeting_date": None, "size_bytes": None}
    ids = [make_recording(owner=alice, **same).pk for _ in range(7)]
    for order, expected in (("asc", ids), ("desc", ids[::-1])):
        pages = [
            answer(client, sort_by=column, sort_order=order, per_page=3, page=page)["recordings"]
            for page in (1, 2, 3)
        ]
        assert [item["id"] for page in pages for item in page] == expected


@pytest.mark.parametrize(
    ("query", "page", "per_page", "rows"),
    [
        ({"per_page": "2"}, 1, 2, 2),
        ({"per_page": "2", "page": "2"}, 2, 2, 1),
        ({"per_page": "2", "page": "3"}, 3, 2, 0),
        ({"page": "1000000000"}, 1_000_000_000, 25, 0),
        ({"page": "9" * 40}, int("9" * 40), 25, 0),
        ({"page": "0"}, 1, 25, 3),
        ({"page": "-1"}, 1, 25, 3),
        ({"page": "two"}, 1, 25, 3),
        ({"page": "1.5"}, 1, 25, 3),
        ({"per_page": "0"}, 1, 25, 3),
        ({"per_page": "-5"}, 1, 25, 3),
        ({"per_page": "all"}, 1, 25, 3),
        ({"per_page": "100"}, 1, 100, 3),
        ({"per_page": "101"}, 1, 100, 3),
        ({"per_page": "9" * 17}, 1, 100, 3),
    ],
)
@pytest.mark.usefixtures("three")
def test_pages_are_lenient_about_their_numbers(
    client: APIClient, query: dict[str, str], page: int, per_page: int, rows: int
) -> None:
    body = answer(client, **query)
    total_pages = -(-3 // per_page)
    assert len(body["recordings"]) == rows
    assert body["pagination"] == {
        "page": page,
        "per_page": per_page,
        "total": 3,
        "total_pages": total_pages,
        "has_next": page < total_pages,
        "has_prev": page > 1,
    }


def test_filters_are_combined_and_counted(client: APIClient, alice: User) -> None:
    make_recording(owner=alice, title="Plan A", is_inbox=False)
    make_recording(owner=alice, title="Plan B", status="FAILED")
    make_recording(owner=alice, title="Plan C")
    body = answer(client, q="plan", inbox="true", status="completed")
    assert [item["title"] for item in body["recordings"]] == ["Plan C"]
    assert body["pagination"]["total"] == 1


def test_an_item_tells_what_there_is(client: APIClient, alice: User) -> None:
    full = make_recording(owner=alice, summary="## Plan")
    make_transcript(recording=full)
    make_recording(owner=alice, summary="", audio_key="", audio_deleted_at=moment("2024-01-01"))
    bare, complete = answer(client)["recordings"]
    for name in ("has_transcription", "has_summary", "audio_available"):
        assert (complete[name], bare[name]) == (True, False)
    assert (complete["audio_duration"], bare["audio_duration"]) == (4.0, None)


def test_a_failed_rerun_keeps_the_transcript_that_was_there(client: APIClient, alice: User) -> None:
    recording = make_recording(owner=alice, status="FAILED", error_message="The engine died.")
    make_transcript(recording=recording)
    (item,) = answer(client)["recordings"]
    assert item["has_transcription"] is True
    assert item["error_message"] == "The engine died."
