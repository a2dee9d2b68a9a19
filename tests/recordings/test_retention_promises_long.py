"""What retention promises whatever happens: nothing that is protected goes, and nothing goes sooner
than a day after it was marked. Tried on random sequences of edits, nights and clocks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from constance import config
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from organizing.models import Folder, Tag
from organizing.services import update_folder, update_tag
from recordings.models import DeletionMark, Job, Recording, RecordingTag
from recordings.services import retention
from recordings.services.edit import edit_recording
from recordings.services.filing import add_tags, remove_tag
from tests.conftest import make_user
from tests.factories import make_folder, make_job, make_recording, make_tag
from tests.recordings.clock import World

LIVE, FILLERS = 4, 8
WHICH = st.integers(0, LIVE - 1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati")
PERIODS = st.sampled_from([None, None, -1, 1, 2, 9])
RARELY = st.sampled_from([False, False, False, True])


def is_wanted(row: Recording, now: Any) -> bool:
    """The rules again, slowly, from the rows themselves: whether this one may go now."""
    links = RecordingTag.objects.filter(recording=row, added_by=row.owner)
    tags = [link.tag for link in links]
    if row.deletion_exempt or any(tag.protect_from_deletion for tag in tags):
        return False
    shelves = [*tags, row.folder] if row.folder else tags
    if any(shelf.retention_days == -1 for shelf in shelves):
        return False
    if row.jobs.filter(status__in=["queued", "running"]).exists():
        return False
    if not django_settings.ENABLE_AUTO_DELETION:
        return False
    if not config.enable_folders:
        shelves = tags
    if any(s.retention_lowered_at and now - s.retention_lowered_at < 7 * DAY for s in shelves):
        return False
    periods = [shelf.retention_days for shelf in shelves if shelf.retention_days]
    server = django_settings.GLOBAL_RETENTION_DAYS
    if not periods and server:
        periods = [server]
    return any(now - row.created_at >= days * DAY for days in periods)


DAY = timedelta(days=1)


class Nights(RuleBasedStateMachine):
    """Four recordings with tags and a folder, among eight that keep the brake off."""

    seen: dict[str, int] = {}

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.world = World().install(self.patch)
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        # By recording: when its mark says that it was made, and when that truly was.
        self.marks: dict[int, tuple[datetime, timedelta]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        self.patch.undo()

    @initialize(audio_only=st.booleans())
    def begin(self, audio_only: bool) -> None:
        self.alice, self.bob = make_user("alice"), make_user("bob")
        self.tags = [make_tag(owner=self.alice, name=name) for name in "ab"]
        self.theirs = make_tag(owner=self.bob, name="c")
        self.folder = make_folder(owner=self.alice)
        self.switch(enabled=True, days=2, audio_only=audio_only, folders=True)
        for _ in range(FILLERS):
            make_recording(owner=self.alice, created_at=self.world.now - DAY, deletion_exempt=True)
        self.live = [
            make_recording(owner=self.alice, created_at=self.world.now - number * DAY).pk
            for number in range(LIVE)
        ]

    def there(self, number: int) -> Recording | None:
        return Recording.objects.filter(pk=self.live[number]).first()

    @rule(
        enabled=st.sampled_from([True, True, True, False]),
        days=st.sampled_from([0, 1, 2, 9]),
        audio_only=st.booleans(),
        folders=st.booleans(),
    )
    def switch(self, enabled: bool, days: int, audio_only: bool, folders: bool) -> None:
        self.patch.setattr(django_settings, "ENABLE_AUTO_DELETION", enabled)
        self.patch.setattr(django_settings, "GLOBAL_RETENTION_DAYS", days)
        mode = "audio_only" if audio_only else "full_recording"
        self.patch.setattr(django_settings, "DELETION_MODE", mode)
        config.enable_folders = folders

    @rule(zone=st.sampled_from(ZONES))
    def move(self, zone: str) -> None:
        found = ZoneInfo(zone)
        self.patch.setattr("django.utils.timezone.get_default_timezone", lambda: found)

    @rule(which=st.integers(0, 1), days=PERIODS, protects=RARELY)
    def change_tag(self, which: int, days: int | None, protects: bool) -> None:
        changes = {"retention_days": days, "protect_from_deletion": protects}
        update_tag(tag=self.tags[which], by=self.alice, changes=changes)

    @rule(days=PERIODS)
    def change_folder(self, days: int | None) -> None:
        update_folder(folder=self.folder, by=self.alice, changes={"retention_days": days})

    @rule(days=PERIODS, protects=st.booleans())
    def change_their_tag(self, days: int | None, protects: bool) -> None:
        changes = {"retention_days": days, "protect_from_deletion": protects}
        update_tag(tag=self.theirs, by=self.bob, changes=changes)

    @rule(number=WHICH, which=st.integers(0, 2))
    def tag(self, number: int, which: int) -> None:
        recording = self.there(number)
        if recording is None:
            return
        if which == 2:
            add_tags(recording=recording, by=self.bob, tag_ids=[self.theirs.pk])
        else:
            add_tags(recording=recording, by=self.alice, tag_ids=[self.tags[which].pk])

    @rule(number=WHICH, which=st.integers(0, 1))
    def untag(self, number: int, which: int) -> None:
        links = RecordingTag.objects.filter(recording=self.live[number], tag=self.tags[which])
        if links.exists():
            recording = Recording.objects.get(pk=self.live[number])
            remove_tag(recording=recording, by=self.alice, tag_id=self.tags[which].pk)

    @rule(number=WHICH, is_filed=st.booleans(), exempt=RARELY)
    def edit(self, number: int, is_filed: bool, exempt: bool) -> None:
        recording = self.there(number)
        if recording is None:
            return
        changes: dict[str, Any] = {"deletion_exempt": exempt}
        if config.enable_folders:
            changes["folder_id"] = self.folder.pk if is_filed else None
        edit_recording(recording=recording, by=self.alice, changes=changes)

    @rule(number=WHICH)
    def work(self, number: int) -> None:
        """Begins work on it, or ends what there is."""
        jobs = Job.objects.filter(recording=self.live[number])
        recording = self.there(number)
        if jobs.active().exists():
            jobs.update(status=Job.Status.DONE)
        elif recording is not None:
            make_job(recording=recording)

    @rule(
        hours=st.sampled_from([-9000, -48, -1, 0.4, 12, 24, 47, 500, 90_000]),
        is_seen=st.booleans(),
    )
    def put_clock(self, hours: float, is_seen: bool) -> None:
        if is_seen:
            self.watched(retention.run)
        self.world.put_clock(hours=hours)
        self.watched(retention.run)

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(days=st.integers(1, 5))
    def days_pass(self, days: int) -> None:
        """With a look every five hours."""
        for _ in range(24 * days // 5):
            self.world.wait(hours=5, seconds=1)
            self.watched(lambda: retention.run_nightly(lambda: False))

    @rule(allow=st.sampled_from([0, 9]), hours=st.integers(0, 30))
    def purge(self, allow: int, hours: int) -> None:
        self.world.wait(hours=hours)
        self.watched(lambda: retention.run(allow=allow))

    def watched(self, act: Any) -> None:
        """Does it, and looks at what is gone afterwards."""
        live = Recording.objects.filter(pk__in=self.live).select_related("folder", "owner")
        before = {row.pk: row.audio_key for row in live}
        wanted = {row.pk for row in live if is_wanted(row, self.world.now)}
        marks = dict(self.marks)
        act()
        assert Recording.objects.exclude(pk__in=self.live).exclude(audio_key="").count() == FILLERS
        after = dict(Recording.objects.filter(pk__in=self.live).values_list("pk", "audio_key"))
        audio_only = django_settings.DELETION_MODE == "audio_only"
        for pk in before:
            if pk in after and after[pk] == before[pk]:
                continue
            assert pk in wanted
            assert self.world.real - marks[pk][1] >= DAY
            assert (pk in after) is audio_only
            kind = "audio" if audio_only else "recording"
            self.seen[kind] = self.seen.get(kind, 0) + 1
        self.marks = {
            mark.recording_id: marks[mark.recording_id]
            if marks.get(mark.recording_id, [None])[0] == mark.marked_at
            else (mark.marked_at, self.world.real)
            for mark in DeletionMark.objects.all()
        }


@pytest.mark.django_db
def test_nothing_protected_goes_and_nothing_without_a_day_s_notice() -> None:
    Nights.seen.clear()
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=250,
            stateful_step_count=30,
            deadline=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # It would hold of a retention that does nothing, too.
    assert Nights.seen.keys() == {"recording", "audio"}
    assert sum(Nights.seen.values()) > 10
    assert not Tag.objects.exists()
    assert not Folder.objects.exists()
