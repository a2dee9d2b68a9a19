"""Whoever makes a tag or folder keep for a shorter time, however, is on record with the moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from organizing.models import Folder, Tag
from organizing.services import store_as_operator, update_folder, update_tag
from tests.factories import make_folder, make_tag

pytestmark = pytest.mark.django_db

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = BEFORE + timedelta(days=100)

CHANGES = [
    # from, to, lowered
    ({"retention_days": 90}, {"retention_days": 30}, True),
    ({"retention_days": 30}, {"retention_days": 90}, False),
    ({"retention_days": 30}, {"retention_days": 30}, False),
    ({"retention_days": -1}, {"retention_days": 90}, True),
    ({"retention_days": 90}, {"retention_days": -1}, False),
    ({"retention_days": None}, {"retention_days": 90}, True),
    # The server's rule may be shorter.
    ({"retention_days": 90}, {"retention_days": None}, True),
    ({"retention_days": -1}, {"retention_days": None}, True),
    ({"retention_days": None}, {"retention_days": None}, False),
    ({"retention_days": None}, {"retention_days": -1}, False),
    ({"retention_days": 90}, {"color": "#000000"}, False),
]
OF_TAGS = [
    ({"protect_from_deletion": True}, {"protect_from_deletion": False}, True),
    ({"protect_from_deletion": False}, {"protect_from_deletion": True}, False),
    ({"protect_from_deletion": False}, {"protect_from_deletion": False}, False),
    ({"protect_from_deletion": True}, {"color": "#000000"}, False),
]
CASES = [
    *[(make, *case) for make in (make_tag, make_folder) for case in CHANGES],
    *[(make_tag, *case) for case in OF_TAGS],
]


def by_service(row: Tag | Folder, by: User, changes: dict[str, Any]) -> None:
    if isinstance(row, Tag):
        update_tag(tag=row, by=by, changes=changes)
    else:
        update_folder(folder=row, by=by, changes=changes)


def by_console(row: Tag | Folder, by: User, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    store_as_operator(shelf=row, by=by)


@pytest.mark.parametrize("write", [by_service, by_console])
@pytest.mark.parametrize(("make", "was", "changes", "is_lowered"), CASES)
def test_what_is_lowered_is_noted(
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., None],
    make: Callable[..., Tag | Folder],
    was: dict[str, Any],
    changes: dict[str, Any],
    is_lowered: bool,
) -> None:
    row = make(owner=alice, retention_lowered_at=BEFORE, **was)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    write(row, alice, changes)
    row.refresh_from_db()
    assert row.retention_lowered_at == (NOW if is_lowered else BEFORE)


def test_a_form_that_was_opened_earlier_takes_no_note_away(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = make_tag(owner=alice, retention_days=90)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    update_tag(tag=Tag.objects.get(), by=alice, changes={"retention_days": 30})
    stale.color = "#000000"
    store_as_operator(shelf=stale, by=alice)
    assert Tag.objects.get().retention_lowered_at == NOW


def test_a_new_one_was_never_lowered(alice: User) -> None:
    store_as_operator(shelf=Tag(owner=alice, name="New", retention_days=1), by=alice)
    assert Tag.objects.get().retention_lowered_at is None
