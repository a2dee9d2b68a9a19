"""Retention at work: marked one night, deleted a later one, and all that keeps it from that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from constance import config
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

from accounts.models import User
from organizing.models import Tag
from organizing.services import update_folder, update_tag
from recordings import tasks
from recordings.models import DeletionMark, Job, Recording, RecordingTag, RetentionState
from recordings.services import retention
from recordings.services.edit import edit_recording
from recordings.services.filing import add_tags
from speakr_site.core.models import AuditEntry
from tests.factories import make_folder, make_job, make_recording, make_tag, make_transcript
from tests.recordings.clock import OLD, World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]


def marked() -> list[int]:
    return list(DeletionMark.objects.order_by("recording").values_list("recording", flat=True))


def is_there(recording: Recording) -> bool:
    return Recording.objects.filter(pk=recording.pk).exists()


def a_day_passes(world: World) -> None:
    world.wait(hours=24, seconds=1)


def trail() -> list[tuple[Any, str, int, str]]:
    return list(AuditEntry.objects.values_list("actor", "action", "object_id", "detail"))


def test_what_is_due_is_marked_and_goes_a_day_later(old: Recording, world: World) -> None:
    retention.run()
    assert marked() == [old.pk]
    mark = DeletionMark.objects.get()
    assert (mark.reason, mark.removes) == ("30 days by the server's rule", "recording")
    world.wait(hours=23, minutes=59)
    assert retention.run().deleted == 0
    assert is_there(old)
    world.wait(minutes=1, seconds=1)
    assert retention.run().deleted == 1
    assert not is_there(old)
    assert Recording.objects.count() == 9
    assert trail() == [(None, "recording.delete", old.pk, "30 days by the server's rule")]


def test_the_stored_bytes_go_with_it(
    old: Recording, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    key = default_storage.save("audio/1/2026/01/old.flac", ContentFile(b"audio"))
    Recording.objects.filter(pk=old.pk).update(audio_key=key)
    retention.run()
    a_day_passes(world)
    with django_capture_on_commit_callbacks() as callbacks:
        retention.run()
    assert default_storage.exists(key)
    for callback in callbacks:
        callback()
    assert not default_storage.exists(key)


def test_only_the_audio_goes_where_the_server_says_so(
    old: Recording, world: World, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.DELETION_MODE = "audio_only"
    key = default_storage.save("audio/1/2026/01/old.flac", ContentFile(b"audio"))
    Recording.objects.filter(pk=old.pk).update(audio_key=key, summary="What was said")
    transcript = make_transcript(recording=old)
    retention.run()
    a_day_passes(world)
    with django_capture_on_commit_callbacks() as callbacks:
        retention.run()
    assert default_storage.exists(key)
    for callback in callbacks:
        callback()
    assert not default_storage.exists(key)
    old.refresh_from_db()
    assert (old.audio_key, old.audio_deleted_at) == ("", world.now)
    assert (old.summary, old.current_transcript, old.status) == (
        "What was said",
        transcript,
        Recording.Status.COMPLETED,
    )
    assert [row[1] for row in trail()] == ["recording.delete_audio"]
    a_day_passes(world)
    retention.run()
    assert marked() == []


def test_a_mark_for_the_audio_is_none_for_the_recording(
    old: Recording, world: World, settings: Any
) -> None:
    settings.DELETION_MODE = "audio_only"
    retention.run()
    settings.DELETION_MODE = "full_recording"
    a_day_passes(world)
    retention.run()
    assert is_there(old)
    assert DeletionMark.objects.get().marked_at == world.now


def protect(old: Recording, owner: User) -> None:
    tag = make_tag(owner=owner, protect_from_deletion=True)
    add_tags(recording=old, by=owner, tag_ids=[tag.pk])


def keep_in_a_folder(old: Recording, owner: User) -> None:
    folder = make_folder(owner=owner, retention_days=-1)
    Recording.objects.filter(pk=old.pk).update(folder=folder)


@pytest.mark.parametrize(
    "keep",
    [
        protect,
        keep_in_a_folder,
        lambda old, owner: edit_recording(
            recording=old, by=owner, changes={"deletion_exempt": True}
        ),
        lambda old, owner: make_job(recording=old),
        lambda old, owner: make_job(recording=old, status=Job.Status.RUNNING),
    ],
)
def test_a_mark_goes_when_the_recording_is_kept_after_all(
    old: Recording, alice: User, world: World, keep: Callable[[Recording, User], Any]
) -> None:
    retention.run()
    keep(old, alice)
    a_day_passes(world)
    retention.run()
    assert is_there(old)
    assert marked() == []
    a_day_passes(world)
    retention.run()
    assert is_there(old)


def test_another_rule_needs_another_mark(old: Recording, alice: User, world: World) -> None:
    retention.run()
    tag = make_tag(owner=alice, retention_days=20)
    add_tags(recording=old, by=alice, tag_ids=[tag.pk])
    a_day_passes(world)
    assert retention.run().deleted == 0
    assert DeletionMark.objects.get().reason == '20 days by the tag "Work"'
    a_day_passes(world)
    assert retention.run().deleted == 1


def test_a_tag_counts_without_a_rule_of_the_server(
    old: Recording, alice: User, bob: User, world: World, settings: Any
) -> None:
    settings.GLOBAL_RETENTION_DAYS = 0
    own = make_tag(owner=alice, retention_days=7)
    theirs = make_tag(owner=bob, retention_days=7)
    tagged, noted = (
        make_recording(owner=alice, created_at=world.now - timedelta(days=8)) for _ in "12"
    )
    RecordingTag.objects.create(recording=tagged, tag=own, position=0, added_by=alice)
    RecordingTag.objects.create(recording=noted, tag=theirs, position=0, added_by=bob)
    retention.run()
    assert marked() == [tagged.pk]


def test_a_folder_counts_while_folders_are_switched_on(
    old: Recording, alice: User, settings: Any
) -> None:
    settings.GLOBAL_RETENTION_DAYS = 0
    Recording.objects.filter(pk=old.pk).update(folder=make_folder(owner=alice, retention_days=7))
    retention.run()
    assert marked() == []
    config.enable_folders = True
    retention.run()
    assert marked() == [old.pk]
    config.enable_folders = False
    retention.run()
    assert marked() == []


@pytest.mark.parametrize("kind", ["tag", "folder"])
def test_who_lowers_a_period_deletes_nothing_for_a_week(
    old: Recording, alice: User, world: World, settings: Any, kind: str
) -> None:
    config.enable_folders = True
    settings.GLOBAL_RETENTION_DAYS = 0
    if kind == "tag":
        tag = make_tag(owner=alice, retention_days=90)
        add_tags(recording=old, by=alice, tag_ids=[tag.pk])
        update_tag(tag=tag, by=alice, changes={"retention_days": 1})
    else:
        folder = make_folder(owner=alice, retention_days=90)
        edit_recording(recording=old, by=alice, changes={"folder_id": folder.pk})
        update_folder(folder=folder, by=alice, changes={"retention_days": 1})
    world.wait(days=6, hours=23)
    retention.run()
    assert marked() == []
    world.wait(hours=1)
    retention.run()
    assert marked() == [old.pk]


class TestTheClock:
    def test_a_jump_ahead_shortens_no_notice(self, old: Recording, world: World) -> None:
        retention.run()
        world.put_clock(days=2)
        assert retention.run().deleted == 0
        world.wait(hours=23)
        assert retention.run().deleted == 0
        world.wait(hours=1, seconds=1)
        assert retention.run().deleted == 1

    def test_a_clock_that_is_put_back_drops_every_mark(self, old: Recording, world: World) -> None:
        world.put_clock(days=2)
        retention.run()
        world.put_clock(days=-2)
        world.wait(hours=25)
        assert retention.run().plan is None
        assert (marked(), is_there(old)) == ([], True)
        assert retention.run().plan is not None
        assert marked() == [old.pk]

    def test_a_clock_that_is_kept_right_does_no_harm(self, old: Recording, world: World) -> None:
        retention.run()
        world.put_clock(seconds=-30)
        assert retention.run().plan is not None
        assert marked() == [old.pk]

    def test_time_across_a_restart_does_not_count(self, old: Recording, world: World) -> None:
        retention.run()
        world.wait(hours=1)
        retention.run()
        world.restart()
        world.wait(hours=23, seconds=1)
        retention.run()
        world.wait(hours=2)
        assert retention.run().deleted == 0
        world.wait(hours=21, seconds=1)
        assert retention.run().deleted == 1


class TestTheBrake:
    @pytest.fixture
    def many(self, old: Recording, alice: User, world: World) -> list[Recording]:
        """Seven of sixteen are due."""
        return [old, *(make_recording(owner=alice, created_at=world.now - OLD) for _ in range(6))]

    def test_nothing_goes_while_many_come_due_at_once(
        self, old: Recording, alice: User, world: World
    ) -> None:
        retention.run()
        for _ in range(6):
            make_recording(owner=alice, created_at=world.now - timedelta(days=29, hours=12))
        a_day_passes(world)
        outcome = retention.run()
        assert (outcome.plan.is_braked, outcome.deleted) == (True, 0)
        assert (outcome.plan.due, outcome.plan.total) == (6, 16)
        assert marked() == [old.pk]
        assert is_there(old)
        state = retention.brake()
        assert (state.came_due, state.out_of, state.braked_at) == (6, 16, world.now)

    def test_they_do_not_pass_in_slices(
        self, old: Recording, alice: User, world: World, settings: Any
    ) -> None:
        settings.GLOBAL_RETENTION_DAYS = 0
        tag = make_tag(owner=alice, retention_days=1)
        for count in (4, 3):
            for _ in range(count):
                recording = make_recording(owner=alice, created_at=world.now - OLD)
                add_tags(recording=recording, by=alice, tag_ids=[tag.pk])
            outcome = retention.run()
            world.wait(hours=1)
        assert (outcome.plan.is_braked, outcome.plan.due, len(marked())) == (True, 7, 4)

    def test_it_goes_off_when_it_is_no_longer_so(
        self, many: list[Recording], alice: User, world: World
    ) -> None:
        assert retention.run().plan.is_braked
        for recording in many[1:]:
            edit_recording(recording=recording, by=alice, changes={"deletion_exempt": True})
        retention.run()
        assert retention.brake() is None
        assert marked() == [many[0].pk]

    def test_an_operator_lets_go_of_it_knowingly(self, many: list[Recording], world: World) -> None:
        assert retention.run(allow=6).plan.is_braked
        assert marked() == []
        assert not retention.run(allow=7).plan.is_braked
        assert retention.brake() is None
        assert len(marked()) == 7
        world.wait(hours=1)
        assert not retention.run().plan.is_braked
        world.wait(hours=23, seconds=1)
        assert retention.run().deleted == 7


class TestTheNight:
    @pytest.fixture
    def go_on(self) -> Callable[[], bool]:
        return lambda: False

    def test_its_work_is_done_once(
        self, old: Recording, world: World, alice: User, go_on: Callable[[], bool]
    ) -> None:
        retention.run_nightly(go_on)
        assert marked() == [old.pk]
        later = make_recording(owner=alice, created_at=world.now - OLD)
        world.wait(hours=13, minutes=45)
        retention.run_nightly(go_on)
        assert marked() == [old.pk]
        world.wait(minutes=15)  # two o'clock
        retention.run_nightly(go_on)
        assert marked() == [old.pk, later.pk]
        for _ in range(4 * 24 * 2):
            world.wait(minutes=15)
            retention.run_nightly(go_on)
        assert not is_there(old)
        assert not is_there(later)

    def test_looks_count_though_the_night_is_done(
        self, old: Recording, world: World, go_on: Callable[[], bool]
    ) -> None:
        retention.run_nightly(go_on)
        world.wait(hours=1)
        retention.run_nightly(go_on)
        assert RetentionState.objects.get().served_seconds == 3600

    def test_what_was_left_over_is_done_by_the_next_look(
        self, alice: User, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "BATCH", 2)
        for number in range(50):
            created_at = world.now - (OLD if number < 5 else timedelta(0))
            make_recording(owner=alice, created_at=created_at)
        retention.run()
        assert len(marked()) == 5
        a_day_passes(world)
        looks = iter([False, False, True])
        retention.run_nightly(lambda: next(looks))
        assert Recording.objects.count() == 48
        world.wait(minutes=15)
        retention.run_nightly(lambda: False)
        assert Recording.objects.count() == 45

    def test_a_run_that_is_killed_has_done_what_it_did(
        self, alice: User, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(30):
            created_at = world.now - (OLD if number < 3 else timedelta(0))
            make_recording(owner=alice, created_at=created_at)
        retention.run()
        a_day_passes(world)
        real, calls = retention.delete_held, iter(range(9))

        def killed_at_the_second(recording: Recording, **told: Any) -> None:
            real(recording, **told)
            if next(calls) == 1:
                raise SystemExit

        monkeypatch.setattr(retention, "delete_held", killed_at_the_second)
        with pytest.raises(SystemExit):
            retention.run_nightly(lambda: False)
        assert (Recording.objects.count(), len(trail())) == (29, 1)
        retention.run_nightly(lambda: False)
        assert (Recording.objects.count(), len(trail())) == (27, 3)

    def test_the_schedule_runs_it(self, old: Recording, settings: Any) -> None:
        function, arguments, lane, minutes = settings.SCHEDULES["retention"]
        assert (function, arguments, lane) == ("recordings.tasks.retain", (), "speakr")
        assert minutes <= 60
        tasks.retain()
        assert marked() == [old.pk]


def test_what_changes_during_a_run_counts(
    old: Recording, alice: User, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention.run()
    a_day_passes(world)
    real = retention.plan

    def planned(**arguments: Any) -> retention.Plan:
        made = real(**arguments)
        assert list(made.delete) == [old.pk]
        edit_recording(recording=old, by=alice, changes={"deletion_exempt": True})
        return made

    monkeypatch.setattr(retention, "plan", planned)
    assert retention.run().deleted == 0
    assert is_there(old)


def test_switched_off_it_marks_nothing_and_drops_its_marks(old: Recording, settings: Any) -> None:
    retention.run()
    settings.ENABLE_AUTO_DELETION = False
    retention.run()
    assert marked() == []


@pytest.fixture
def in_other_hands(old: Recording, world: World) -> Iterator[Callable[..., None]]:
    """Does something in a transaction of another connection, and keeps that open."""
    done, may_end = threading.Event(), threading.Event()
    threads = []

    def begin(act: Callable[[], None]) -> None:
        def run() -> None:
            with transaction.atomic():
                act()
                done.set()
                may_end.wait(60)
            connection.close()

        threads.append(threading.Thread(target=run))
        threads[0].start()
        assert done.wait(60)

    yield begin
    may_end.set()
    threads[0].join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_a_tag_that_is_just_being_protected_is_waited_for(
    old: Recording, alice: User, world: World, in_other_hands: Callable[..., None]
) -> None:
    tag = make_tag(owner=alice)
    add_tags(recording=old, by=alice, tag_ids=[tag.pk])
    retention.run()
    a_day_passes(world)
    in_other_hands(lambda: Tag.objects.filter(pk=tag.pk).update(protect_from_deletion=True))
    assert retention.run().deleted == 0
    assert is_there(old)
