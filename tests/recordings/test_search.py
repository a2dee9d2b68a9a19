"""Search for a part of title or participants: the same answer as a look at every row."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
