"""Search for a part of title or participants: the same answer as a look at every row."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from recordings.models.search import containing, fold
from recordings.services.removal import delete_recording
from tests.conftest import make_user
from tests.factories import make_recording

pytestmark = pytest.mark.django_db
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the index is SQLite's")

# Few letters, so that parts of one text turn up in others; all that is special to SQL, to FTS5 and
# to case folding.
ALPHABET = "aAbBß%_*\"'\\()^:-+. äÄǅσςΣİıiIſsSKkЖж日本ﬃ\u0307\u0301🙂ᲐაA"
TEXTS = st.text(ALPHABET, max_size=12) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
)


def found(text: str) -> set[int]:
    return set(Recording.objects.filter(containing(text)).values_list("pk", flat=True))


def by_looking(text: str) -> set[int]:
    """Of rows in hand, without any index. PostgreSQL folds in its own way, so it is asked row by
    row through a column that no index knows.
    """
    if connection.vendor != "sqlite":
        rows = Recording.objects.annotate(
            one=Concat("title", Value("")), other=Concat("participants", Value(""))
        )
        either = rows.filter(one__icontains=text) | rows.filter(other__icontains=text)
        return set(either.values_list("pk", flat=True))
    return {
        recording.pk
        for recording in Recording.objects.all()
        if any(
            fold(text) in fold(part) for part in (recording.title, recording.participants) if part
        )
    }


@pytest.fixture
def owner(alice: User) -> Iterator[User]:
    yield alice
    Recording.objects.all().delete()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(st.none() | TEXTS, st.none() | TEXTS), min_size=1, max_size=4),
    cut=st.tuples(st.integers(0, 12), st.integers(1, 12)),
    other=TEXTS.filter(bool),
)
@example(rows=[("Straße", None)], cut=(3, 3), other="SSE")
@example(rows=[("İstanbul", "IŞIK")], cut=(0, 4), other="istan")
@example(rows=[('say "hi"', "a*b")], cut=(4, 4), other="a*b")
@example(rows=[("abc", "def")], cut=(0, 3), other="cde")
def test_the_index_finds_what_a_look_at_every_row_finds(
    owner: User, rows: list[tuple[str | None, str | None]], cut: tuple[int, int], other: str
) -> None:
    Recording.objects.all().delete()
    Recording.objects.bulk_create(
        Recording(owner=owner, title=title, participants=participants, sha256="0" * 64)
        for title, participants in rows
    )
    start, length = cut
    part = (rows[0][0] or rows[0][1] or "")[start:][:length] or other
    for text in (part, part.upper(), part.lower(), part.swapcase(), other):
        assert found(text) == by_looking(text), text


@on_sqlite
def test_folding_joins_whatever_differs_in_case_alone() -> None:
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    missed = [
        letter
        for letter in letters
        for other in {letter.lower(), letter.upper(), letter.title()}
        if re.fullmatch(re.escape(letter), other, re.IGNORECASE) and fold(letter) != fold(other)
    ]
    assert missed == []


@pytest.mark.parametrize("part", ["ü", "ün", "ünC", "ÜNCH", "a, B", "100%", "_", "n_c"])
def test_a_changed_text_is_found_by_what_it_says_now(owner: User, part: str) -> None:
    recording = make_recording(owner=owner, title="Before", participants="Nobody")
    assert found("befor") == {recording.pk}
    Recording.objects.update(title="München_c 100%", participants="Anna, Bob")
    assert found("befor") == found("NOBODY") == set()
    assert found(part) == {recording.pk}
    recording.title, recording.participants = None, ""
    recording.save()
    assert found(part) == set()
    Recording.objects.bulk_update(
        [Recording(pk=recording.pk, title="München_c 100%", participants="Anna, Bob")],
        ["title", "participants"],
    )
    assert found(part) == {recording.pk}


@pytest.mark.parametrize("column", ["title", "participants"])
def test_either_text_may_change_alone(owner: User, column: str) -> None:
    recording = make_recording(owner=owner, title="Unchanged", participants="Unchanged")
    Recording.objects.update(**{column: "Something new"})
    assert found("thing ne") == {recording.pk}
    assert found("unchanged") == {recording.pk}


def test_a_deleted_recording_leaves_nothing_behind(owner: User) -> None:
    for delete in (
        lambda recording: recording.delete(),
        lambda recording: Recording.objects.filter(pk=recording.pk).delete(),
        lambda recording: delete_recording(recording=recording, by=owner),
        lambda recording: Recording.objects.filter(pk=recording.pk)._raw_delete("default"),
    ):
        delete(make_recording(owner=owner, title="Farewell", audio_key=""))
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM recordings_search")
                assert cursor.fetchone() == (0,)


def test_a_change_that_is_rolled_back_changes_no_answer(owner: User) -> None:
    recording = make_recording(owner=owner, title="Keep me")
    with transaction.atomic():
        Recording.objects.update(title="Never written")
        make_recording(owner=owner, title="Never made")
        transaction.set_rollback(True)
    assert found("keep") == {recording.pk}
    assert found("never") == set()


def test_a_part_must_lie_in_one_text(owner: User) -> None:
    make_recording(owner=owner, title="one two", participants="three four")
    assert found("two three") == found("twothree") == set()


def test_another_persons_text_finds_nothing(owner: User) -> None:
    carol = make_user("carol")
    make_recording(owner=carol, title="Secret plan")
    assert not Recording.objects.visible_to(owner).filter(containing("secret")).exists()


@on_sqlite
@pytest.mark.parametrize(("text", "is_indexed"), [("mee", True), ("ß1", True), ("me", False)])
def test_from_three_characters_on_the_index_answers(text: str, *, is_indexed: bool) -> None:
    plan = Recording.objects.filter(containing(text)).explain()
    assert (":M" in plan) is is_indexed, plan


@on_sqlite
@pytest.mark.parametrize("event", ["insert", "update", "delete"])
def test_migrating_mends_an_index_that_lost_a_trigger(owner: User, event: str) -> None:
    """As a copy of the table loses all of them."""
    gone = make_recording(owner=owner, title="Gone")
    changed = make_recording(owner=owner, title="Before")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER recordings_search_{event}")
    made = make_recording(owner=owner, title="Made")
    gone.delete()
    Recording.objects.filter(pk=changed.pk).update(title="After")
    call_command("migrate", verbosity=0)
    assert found("made") == {made.pk}
    assert found("after") == {changed.pk}
    assert found("before") == set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM recordings_search")
        assert cursor.fetchone() == (2,)
    made.delete()
    assert found("made") == set()


class TestThroughTheApi:
    def titles(self, client: APIClient, **query: Any) -> tuple[list[str], int]:
        answer = client.get("/api/v1/recordings", {"q": "plan", **query}).json()
        titles = [item["title"] for item in answer["recordings"]]
        return titles, answer["pagination"]["total"]

    @pytest.mark.parametrize("few", [0, 4, 5, 500])
    def test_pages_are_the_same_whether_hits_are_few_or_many(
        self,
        api: Callable[[User], APIClient],
        owner: User,
        monkeypatch: pytest.MonkeyPatch,
        few: int,
    ) -> None:
        monkeypatch.setattr("recordings.models.recording.FEW", few)
        for title in ("Plan C", "Plan A", "Other", "plan e", "PLAN D", "The plan B"):
            make_recording(owner=owner, title=title)
        make_recording(owner=make_user("carol"), title="Plan of another")
        client = api(owner)
        assert self.titles(client) == (["The plan B", "PLAN D", "plan e", "Plan A", "Plan C"], 5)
        assert self.titles(client, per_page=2, page=2) == (["plan e", "Plan A"], 5)
        assert self.titles(client, per_page=2, page=3) == (["Plan C"], 5)
        assert self.titles(client, sort_by="created_at", sort_order="asc", per_page=1)[0] == [
            "Plan C"
        ]
        assert self.titles(client, starred="true") == ([], 0)

    @on_sqlite
    def test_few_hits_are_found_without_a_walk_through_all_recordings(
        self, api: Callable[[User], APIClient], owner: User
    ) -> None:
        make_recording(owner=owner, title="Plan")
        with CaptureQueriesContext(connection) as captured:
            assert self.titles(api(owner))[1] == 1
        sql = next(query["sql"] for query in captured if "ORDER BY" in query["sql"])
        with connection.cursor() as cursor:
            plan = str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
        assert "INTEGER PRIMARY KEY" in plan


@on_sqlite
def test_copies_are_found_by_their_bytes(owner: User) -> None:
    """And not by a walk through the owner's recordings in the order of their dates."""
    copy = make_recording(owner=owner)
    with CaptureQueriesContext(connection) as captured:
        Recording.objects.copies_of(copy)
    with connection.cursor() as cursor:
        plan = str(cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}").fetchall())
    assert "recording_by_content" in plan
