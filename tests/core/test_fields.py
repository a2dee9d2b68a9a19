"""What a field takes and refuses, and how a moment looks on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.http import QueryDict
from rest_framework import serializers

from speakr_site.core.api.fields import (
    QueryBooleanField,
    QueryIntegerField,
    StrictBooleanField,
    StrictIntegerField,
    TextField,
    UtcDateTimeField,
    is_storable,
    utc_text,
)


class Body(serializers.Serializer):
    flag = StrictBooleanField(required=False)
    number = StrictIntegerField(required=False, min_value=0)
    text = TextField(required=False)


class Query(serializers.Serializer):
    inbox = QueryBooleanField(required=False)
    tag_id = QueryIntegerField(required=False)
    date_from = UtcDateTimeField(required=False)
    date_to = UtcDateTimeField(required=False, end_of_day=True)


def query(text: str) -> Query:
    serializer = Query(data=QueryDict(text))
    serializer.is_valid()
    return serializer


@pytest.mark.parametrize(
    "body",
    [
        {"flag": True},
        {"flag": False},
        {"number": 0},
        {"number": 2**63 - 1},
        {"text": "Zoë \U0001f600"},
    ],
)
def test_a_body_of_the_right_types_passes_unchanged(body: dict[str, Any]) -> None:
    serializer = Body(data=body)
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data == body


@pytest.mark.parametrize("flag", ["true", "false", "", 1, 0, None, [], {}])
def test_only_json_booleans_are_booleans(flag: Any) -> None:
    assert not Body(data={"flag": flag}).is_valid()


@pytest.mark.parametrize("number", ["1", 1.0, 1.5, True, None, [1], 2**63, -(2**70), -1])
def test_only_whole_json_numbers_that_fit_a_column_are_integers(number: Any) -> None:
    assert not Body(data={"number": number}).is_valid()


@pytest.mark.parametrize("text", ["a\x00b", "\ud83d", 7, True, None, ["a"]])
def test_a_text_that_cannot_be_stored_is_refused(text: Any) -> None:
    assert not Body(data={"text": text}).is_valid()


@pytest.mark.parametrize("value", ["\x00", ["a", "\x00"], {"\x00": 1}, {"a": {"b": "\udc00"}}])
def test_a_json_value_that_cannot_be_stored_is_found_at_any_depth(value: Any) -> None:
    assert not is_storable(value)
    assert is_storable({"a": ["b", 1, None]})


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "Yes"])
def test_a_query_says_true_in_three_ways(text: str) -> None:
    assert query(f"inbox={text}").validated_data == {"inbox": True}


@pytest.mark.parametrize("text", ["false", "False", "0", "NO"])
def test_a_query_says_false_in_three_ways(text: str) -> None:
    assert query(f"inbox={text}").validated_data == {"inbox": False}


def test_a_query_without_a_value_says_nothing() -> None:
    for text in ("", "inbox=&tag_id=&date_from=&date_to="):
        assert query(text).validated_data == {}


def test_other_booleans_are_refused_with_the_list_of_what_is_allowed() -> None:
    complaint = query("inbox=banana").errors["inbox"][0]
    assert complaint == "inbox must be one of true, 1, yes, false, 0, no"


@pytest.mark.parametrize("text", ["x", "1.0", "1e3", "٣", "9" * 30, str(2**63), "%00"])
def test_a_malformed_id_in_a_query_is_refused(text: str) -> None:
    assert "tag_id" in query(f"tag_id={text}").errors


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-15T10:00:00Z", datetime(2024, 1, 15, 10, tzinfo=UTC)),
        ("2024-01-15T10:00:00", datetime(2024, 1, 15, 10, tzinfo=UTC)),
        ("2024-01-15T09:00:00%2B05:00", datetime(2024, 1, 15, 4, tzinfo=UTC)),
        ("2024-01-15", datetime(2024, 1, 15, tzinfo=UTC)),
    ],
)
def test_a_moment_is_converted_to_utc(text: str, moment: datetime) -> None:
    assert query(f"date_from={text}").validated_data == {"date_from": moment}


def test_a_day_as_upper_bound_includes_that_day() -> None:
    bound = query("date_to=2024-01-03").validated_data["date_to"]
    assert bound == datetime(2024, 1, 3, 23, 59, 59, 999999, tzinfo=UTC)
    assert query("date_to=2024-01-03T08:00").validated_data["date_to"].hour == 8


@pytest.mark.parametrize(
    "text", ["tomorrow", "2024-13-01", "15.01.2024", "0001-01-01T00:00:00%2B10:00", "%00", "1"]
)
def test_a_malformed_moment_is_refused(text: str) -> None:
    assert "date_from" in query(f"date_from={text}").errors


def test_moments_leave_in_utc_with_whole_seconds(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    moment = datetime(2024, 1, 15, 19, 0, 0, 999999, tzinfo=timezone(timedelta(hours=9)))
    assert UtcDateTimeField().to_representation(moment) == "2024-01-15T10:00:00Z"
    assert utc_text(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"
    assert utc_text(None) is None
