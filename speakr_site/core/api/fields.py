"""Serializer fields that take exactly what the contract says (1.2).

They refuse what a database cannot hold: a value that passes here never makes a query fail.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField
from rest_framework import serializers
from rest_framework.fields import empty

from speakr_site.core.limits import FIRST_YEAR, LAST_YEAR, SPEAKERS_MAX, may_be_kept

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
TRUE = {"true", "1", "yes"}
FALSE = {"false", "0", "no"}


def utc_text(moment: datetime | None) -> str | None:
    """A moment as the wire has it: UTC, whole seconds, Z. For rows that are plain dicts."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def parsed_moment(text: str) -> datetime:
    """ISO 8601, in UTC; without an offset it is UTC already.

    Raises ValueError, and OverflowError for an offset that leads out of the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def is_date(text: str) -> bool:
    """Whether an ISO 8601 text is a date without a time, in any of its forms."""
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


class StrictBooleanField(serializers.BooleanField):
    """JSON true and false; no strings, no numbers."""

    default_error_messages = {"invalid": "{name} must be true or false"}
    default_empty_html = empty

    def to_internal_value(self, data: Any) -> bool:
        if data is True or data is False:
            return data
        return self.fail("invalid", name=self.field_name)


class QueryBooleanField(serializers.BooleanField):
    """A boolean of a query string or form; an empty one counts as not given."""

    default_error_messages = {"invalid": "{name} must be one of true, 1, yes, false, 0, no"}
    default_empty_html = empty

    def to_internal_value(self, data: Any) -> bool:
        text = str(data).strip().lower()
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        return self.fail("invalid", name=self.field_name)


class StrictIntegerField(serializers.IntegerField):
    """A whole JSON number that a column can hold; no strings, booleans or fractions."""

    default_error_messages = {
        "invalid": "{name} must be a whole number",
        "too_big": "{name} is out of range",
    }

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid", name=self.field_name)
        if abs(data) > BigIntegerField.MAX_BIGINT:
            self.fail("too_big", name=self.field_name)
        return data


class QueryIntegerField(StrictIntegerField):
    """A whole number in the digits of a query string; an empty one counts as not given."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data).strip()
        if not re.fullmatch(r"-?[0-9]{1,20}", text):
            self.fail("invalid", name=self.field_name)
        return super().to_internal_value(int(text))


class UtcDateTimeField(serializers.DateTimeField):
    """ISO-8601 in, UTC out. A moment without an offset is UTC.

    `end_of_day`: a date without a time means that day's last moment rather than its first.
    """

    default_error_messages = {
        "invalid": "{name} must be an ISO-8601 date or time, such as 2024-01-15T10:00:00Z"
    }

    def __init__(self, *, end_of_day: bool = False, **kwargs: Any) -> None:
        self.end_of_day = end_of_day
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", name=self.field_name)
        try:
            moment = parsed_moment(value)
        except (ValueError, OverflowError):
            self.fail("invalid", name=self.field_name)
        if self.end_of_day and is_date(value):
            moment += timedelta(days=1) - timedelta(microseconds=1)
        return moment

    def to_representation(self, value: datetime | None) -> str | None:
        return utc_text(value)


class KeptMomentField(UtcDateTimeField):
    """For a column; one that is only compared with may be any moment."""

    default_error_messages = {
        "out_of_range": f"{{name}} must lie in the years {FIRST_YEAR} to {LAST_YEAR}"
    }

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        if not may_be_kept(moment):
            self.fail("out_of_range", name=self.field_name)
        return moment


class TextField(serializers.CharField):
    """A JSON string; no numbers. CharField itself refuses NUL and lone surrogates."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class RequiredTextField(TextField):
    """A text with something in it. `refusal`: the sentence for any other, by default
    `<name> is required`.
    """

    def __init__(self, refusal: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.refusal = refusal

    def bind(self, field_name: str, parent: serializers.BaseSerializer) -> None:
        super().bind(field_name, parent)
        refusal = self.refusal or f"{field_name} is required"
        self.error_messages |= dict.fromkeys(("required", "null", "blank"), refusal)

    def run_validation(self, data: Any = empty) -> str:
        if isinstance(data, str) and not data.strip():
            self.fail("blank")
        return super().run_validation(data)


class SpeakerCountField(StrictIntegerField):
    """How many voices there are, from 1 up; null where nobody says."""

    def __init__(self, **kwargs: Any) -> None:
        bounds = {"min_value": 1, "max_value": SPEAKERS_MAX}
        super().__init__(required=False, allow_null=True, **bounds, **kwargs)


class OptionalTextField(TextField):
    """A text or null; a blank one is null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = empty) -> str | None:
        return super().run_validation(data) or None


def is_storable(value: Any) -> bool:
    """Whether all texts in a JSON value, keys included, can be stored."""
    if isinstance(value, str):
        return UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(is_storable(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(is_storable(part) for part in value)
    return True
