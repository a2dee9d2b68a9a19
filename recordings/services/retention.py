"""Retention at work: marks what is due, and deletes what was marked and is due still.

recordings/retention.py decides; here is what it decides by, and what follows. A run may be killed
anywhere: every deletion is a transaction of its own, and the next run plans anew.

A server's clock may jump. So retention looks every quarter of an hour how long the machine has been
up, and only what that says counts as time in which a mark was to be seen; what lies between two
looks of different machines, or across a restart, does not count. When the clock was put back, all
marks are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from organizing.models import KEEP_FOR_EVER, Folder, Tag
from recordings.models import DeletionMark, Job, Recording, RecordingTag, RetentionState
from recordings.retention import (
    Facts,
    Removes,
    Rules,
    ShelfRule,
    Verdict,
    brake_holds,
    judge,
    may_go,
    night_of,
)
from recordings.services.removal import delete_audio_held, delete_held, hold_for_deletion
from speakr_site.core import system
from speakr_site.core.audit import record_audit
from speakr_site.core.uptime import uptime

logger = logging.getLogger(__name__)

BATCH = 500
ONLY_ROW = 1
# A clock that is kept right is put back by less.
CLOCK_SLACK = timedelta(minutes=1)
# What is marked within so long comes due at once.
AT_ONCE = timedelta(hours=12)

LOOKED = ("seen_at", "served_seconds", "boot_id", "uptime_seconds")
RECORDING_COLUMNS = (
    "pk",
    "owner_id",
    "created_at",
    "deletion_exempt",
    "audio_key",
    "is_busy",
    "folder_id",
    "folder__name",
    "folder__retention_days",
    "folder__retention_lowered_at",
)
LINK_COLUMNS = (
    "recording_id",
    "added_by_id",
    "tag__name",
    "tag__retention_days",
    "tag__protect_from_deletion",
    "tag__retention_lowered_at",
)


@dataclass(slots=True)
class Plan:
    """What a run does. Ids of recordings: `unmark` are no longer due, or due otherwise than their
    mark says; `mark` came due; `delete` were marked long enough. `due` of `total` recordings came
    due at once; `is_braked`: then only `unmark` is done.
    """

    unmark: dict[int, Verdict] = field(default_factory=dict)
    mark: dict[int, Verdict] = field(default_factory=dict)
    delete: dict[int, Verdict] = field(default_factory=dict)
    due: int = 0
    total: int = 0
    would_brake: bool = False
    is_braked: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did. `plan`: None when the clock was put back and nothing was planned.
    `is_finished`: whether it got through its plan.
    """

    plan: Plan | None
    deleted: int = 0
    is_finished: bool = True


def current_rules() -> Rules:
    """One query."""
    audio_only = settings.DELETION_MODE == "audio_only"
    return Rules(
        is_enabled=settings.ENABLE_AUTO_DELETION,
        days=settings.GLOBAL_RETENTION_DAYS,
        removes=Removes.AUDIO if audio_only else Removes.RECORDING,
        folders_enabled=system.current().enable_folders,
    )


def verdict_of(recording: Recording) -> Verdict:
    """Three queries."""
    return judge(_facts([recording.pk])[recording.pk], current_rules())


def brake() -> RetentionState | None:
    """What put the brake on, while it is on. One query."""
    return RetentionState.objects.filter(braked_at__isnull=False).first()


def run_nightly(should_stop: Callable[[], bool]) -> None:
    """For the schedule: looks at the clock, and does the night's work once in a night. What it
    cannot finish before `should_stop`, the next call goes on with.
    """
    night = night_of(timezone.now(), timezone.get_default_timezone())
    if RetentionState.objects.filter(pk=ONLY_ROW, night=night).exists():
        _look(timezone.now())
        return
    outcome = run(should_stop=should_stop)
    if outcome.plan is not None and outcome.is_finished:
        RetentionState.objects.filter(pk=ONLY_ROW).update(night=night)


def run(*, should_stop: Callable[[], bool] = lambda: False, allow: int = 0) -> Outcome:
    """Unmarks, marks and deletes. `allow`: so many may come due at once, brake or not."""
    now = timezone.now()
    state = _look(now)
    if state is None:
        logger.warning("The clock was put back: every deletion mark was dropped.")
        return Outcome(None)
    rules = current_rules()
    made = plan(rules=rules, state=state, now=now, allow=allow)
    DeletionMark.objects.filter(recording__in=list(made.unmark)).delete()
    _note_brake(state, made, now)
    if made.is_braked:
        logger.error("Retention stopped: %d of %d came due at once.", made.due, made.total)
        return Outcome(made)
    _mark(made.mark, rules=rules, state=state, now=now)
    deleted = 0
    for recording_id in made.delete:
        if should_stop():
            return Outcome(made, deleted, is_finished=False)
        deleted += _delete(recording_id, rules=rules, state=state, now=now)
    if made.mark or deleted:
        logger.info("Retention marked %d and deleted %d.", len(made.mark), deleted)
    return Outcome(made, deleted)


def preview(*, allow: int = 0) -> Plan | None:
    """What `run` would do now; None when it would only find that the clock was put back. Writes
    nothing.
    """
    now = timezone.now()
    state = RetentionState.objects.filter(pk=ONLY_ROW).first() or RetentionState(seen_at=now)
    if not _count_look(state, now):
        return None
    return plan(rules=current_rules(), state=state, now=now, allow=allow)


def plan(*, rules: Rules, state: RetentionState, now: datetime, allow: int) -> Plan:
    """Reads every mark and every recording that may be due, in batches."""
    made = Plan(total=Recording.objects.count())
    at_once_since = max(now - AT_ONCE, state.released_at or now - AT_ONCE)
    marked = set()
    for marks in _batches(DeletionMark.objects.all()):
        facts = _facts([mark.recording_id for mark in marks])
        for mark in marks:
            if mark.recording_id not in facts:  # deleted since
                continue
            verdict = judge(facts[mark.recording_id], rules)
            if not _says(mark, verdict, rules=rules, now=now):
                made.unmark[mark.recording_id] = verdict
                continue
            marked.add(mark.recording_id)
            made.due += mark.marked_at > at_once_since
            if _is_ripe(mark, state=state, now=now):
                made.delete[mark.recording_id] = verdict
    for rows in _batches(_candidates(rules, now).only("pk")):
        for recording_id, fact in _facts([row.pk for row in rows]).items():
            verdict = judge(fact, rules)
            if recording_id not in marked and verdict.is_due(now):
                made.mark[recording_id] = verdict
    made.due += len(made.mark)
    made.would_brake = brake_holds(due=made.due, total=made.total)
    made.is_braked = made.would_brake and made.due > allow
    return made


@transaction.atomic
def _look(now: datetime) -> RetentionState | None:
    """Counts the time since the last look; None when the clock was put back meanwhile, and then
    no mark is left.
    """
    rows = RetentionState.objects.select_for_update()
    state, _ = rows.get_or_create(pk=ONLY_ROW, defaults={"seen_at": now})
    is_right = _count_look(state, now)
    if not is_right:
        DeletionMark.objects.all().delete()
    state.save(update_fields=LOOKED)
    return state if is_right else None


def _count_look(state: RetentionState, now: datetime) -> bool:
    """Whether the clock went on. Sets what a look sets; a new state is looked at first here."""
    here = uptime()
    if here.boot_id and state.boot_id == here.boot_id:
        state.served_seconds += max(here.seconds - state.uptime_seconds, 0)
    state.boot_id, state.uptime_seconds = here
    is_right = now >= state.seen_at - CLOCK_SLACK
    state.seen_at = max(state.seen_at, now) if is_right else now
    return is_right


def _note_brake(state: RetentionState, made: Plan, now: datetime) -> None:
    if made.is_braked:
        state.braked_at = state.braked_at or now
        state.came_due, state.out_of = made.due, made.total
    else:
        state.braked_at = None
        if made.would_brake:
            state.released_at = now
    state.save(update_fields=["braked_at", "came_due", "out_of", "released_at"])


def _mark(
    verdicts: dict[int, Verdict], *, rules: Rules, state: RetentionState, now: datetime
) -> None:
    marks = [
        DeletionMark(
            recording_id=recording_id,
            marked_at=now,
            goes_at=verdict.goes_at,
            removes=rules.removes,
            reason=verdict.reason,
            served_seconds=state.served_seconds,
        )
        for recording_id, verdict in verdicts.items()
    ]
    for start in range(0, len(marks), BATCH):
        _write_marks(marks[start : start + BATCH])


@transaction.atomic
def _write_marks(marks: list[DeletionMark]) -> None:
    """Leaves out recordings that were deleted or marked meanwhile."""
    rows = Recording.objects.filter(pk__in=[mark.recording_id for mark in marks])
    rows = rows.order_by("pk").select_for_update(no_key=True, of=("self",))
    there = set(rows.values_list("pk", flat=True))
    DeletionMark.objects.bulk_create(
        [mark for mark in marks if mark.recording_id in there], ignore_conflicts=True
    )


@transaction.atomic
def _delete(recording_id: int, *, rules: Rules, state: RetentionState, now: datetime) -> bool:
    """Deletes what the mark says if all is still so; looked at anew under locks."""
    if not _hold(recording_id):
        return False
    mark = DeletionMark.objects.filter(recording=recording_id).first()
    verdict = judge(_facts([recording_id])[recording_id], rules)
    if mark is None or not _says(mark, verdict, rules=rules, now=now):
        return False
    if not _is_ripe(mark, state=state, now=now):
        return False
    recording = Recording.objects.defer("notes", "summary").get(pk=recording_id)
    # Without its title: what a rule removes should not live on in the trail.
    if rules.removes is Removes.AUDIO:
        record_audit(
            by=None, action="recording.delete_audio", target=recording, detail=verdict.reason
        )
        delete_audio_held(recording)
        mark.delete()
    else:
        delete_held([recording], by=None, reason=verdict.reason)
    return True


def _hold(recording_id: int) -> bool:
    """Locks the recording, the work on it, and what protects it: tags and folder first, as in
    filing.py. False when it is gone, or when somebody is changing any of these just now; it has
    time until the next night.
    """
    tags, folders = (
        set(
            rows.order_by("pk")
            .select_for_update(no_key=True, of=("self",), skip_locked=True)
            .values_list("pk", flat=True)
        )
        for rows in (
            Tag.objects.filter(recording_links__recording=recording_id),
            Folder.objects.filter(recordings=recording_id),
        )
    )
    if not hold_for_deletion([recording_id]):
        return False
    links = RecordingTag.objects.filter(recording=recording_id)
    filed = Recording.objects.filter(pk=recording_id, folder__isnull=False)
    return tags == set(links.values_list("tag_id", flat=True)) and folders == set(
        filed.values_list("folder_id", flat=True)
    )


def _says(mark: DeletionMark, verdict: Verdict, *, rules: Rules, now: datetime) -> bool:
    """Whether the recording is due, and by the same date and for the same loss as was shown."""
    is_same = (mark.goes_at, mark.removes) == (verdict.goes_at, rules.removes)
    return is_same and verdict.is_due(now)


def _is_ripe(mark: DeletionMark, *, state: RetentionState, now: datetime) -> bool:
    served = timedelta(seconds=state.served_seconds - mark.served_seconds)
    return may_go(marked_at=mark.marked_at, now=now, served=served)


def _candidates(rules: Rules, now: datetime) -> QuerySet[Recording]:
    """Recordings that may be due: the policy is asked about each of them."""
    if not rules.is_enabled:
        return Recording.objects.none()
    rows = Recording.objects.filter(deletion_exempt=False)
    if rules.removes is Removes.AUDIO:
        rows = rows.exclude(audio_key="")
    tagged = RecordingTag.objects.filter(recording=OuterRef("pk"), tag__retention_days__gt=0)
    named = Q(folder__retention_days__gt=0) | Exists(tagged)
    if rules.days:
        named |= Q(created_at__lte=now - timedelta(days=rules.days))
    return rows.filter(named)


def _batches(rows: QuerySet) -> Iterator[list]:
    """All of them by their ids, so many at a time that none is held open."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _facts(recording_ids: list[int]) -> dict[int, Facts]:
    """By their ids, of those that are there. Two queries."""
    shelves: dict[int, list[ShelfRule]] = {recording_id: [] for recording_id in recording_ids}
    active = Job.objects.active().filter(recording=OuterRef("pk"))
    rows = Recording.objects.filter(pk__in=recording_ids).annotate(is_busy=Exists(active))
    recordings = rows.values(*RECORDING_COLUMNS)
    owners = {row["pk"]: row["owner_id"] for row in recordings}
    links = RecordingTag.objects.filter(recording__in=recording_ids)
    for link in links.order_by("recording_id", "position").values(*LINK_COLUMNS):
        is_by_owner = link["added_by_id"] == owners.get(link["recording_id"])
        rule = _shelf_rule("tag", link, is_by_owner=is_by_owner)
        shelves[link["recording_id"]].append(rule)
    for row in recordings:
        if row["folder_id"] is not None:
            shelves[row["pk"]].append(_shelf_rule("folder", row, is_by_owner=True))
    return {
        row["pk"]: Facts(
            created_at=row["created_at"],
            is_exempt=row["deletion_exempt"],
            is_busy=row["is_busy"],
            has_audio=bool(row["audio_key"]),
            shelves=tuple(shelves[row["pk"]]),
        )
        for row in recordings
    }


def _shelf_rule(kind: str, row: dict[str, Any], *, is_by_owner: bool) -> ShelfRule:
    days = row[f"{kind}__retention_days"]
    return ShelfRule(
        name=f'{kind} "{row[f"{kind}__name"]}"',
        days=None if days == KEEP_FOR_EVER else days,
        protects=days == KEEP_FOR_EVER or row.get(f"{kind}__protect_from_deletion", False),
        lowered_at=row[f"{kind}__retention_lowered_at"],
        is_folder=kind == "folder",
        is_by_owner=is_by_owner,
    )
