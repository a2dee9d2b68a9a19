"""Access is exactly what shares and groups give at the moment of asking, whatever happened before.

Random sequences of what people do, each called for by who may and by who may not, against the
rules stated once more in plain Python. FUZZ_CASES from the environment: how many sequences, other
ones each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest
from constance import config
from django.conf import settings as django_settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import Group, User
from accounts.services import groups, people
from organizing import services
from organizing.models import Folder, Tag
from recordings.models import Job, Recording
from recordings.models.recording import RecordingQuerySet
from recordings.models.recording import RecordingScope as Scope
from recordings.models.sharing import access_to
from recordings.pipeline import commit
from recordings.pipeline.failures import Failure
from recordings.services import filing
from recordings.services.edit import edit_recording
from recordings.services.sharing import end_share, share_recording
from speakr_site.core.errors import SpeakrError
from tests.conftest import make_user
from tests.factories import make_job, make_recording

CASES = int(os.environ.get("FUZZ_CASES", "0"))
USUAL_CASES, STEPS = 50, 20

OPERATOR = "otto"
PEOPLE = ("alice", "bob", "carol", "dana")
GROUPS = ("red", "blue")
# Each by its name, with whose it is, or is at first.
RECORDINGS = {"first": "alice", "second": "alice", "third": "bob"}
TAGS = {"red tag": "red", "red label": "red", "blue tag": "blue", "alice's tag": "alice"}
FOLDERS = {"red folder": "red", "blue folder": "blue", "alice's folder": "alice"}
SHELVES = TAGS | FOLDERS
SOURCES = dict.fromkeys(TAGS, "tag") | dict.fromkeys(FOLDERS, "folder")
BY_HAND = "by hand"

PERSON, ROLE = st.sampled_from(PEOPLE), st.sampled_from(["member", "admin"])
# None: somebody who may.
BY = st.sampled_from([None, None, None, *PEOPLE, OPERATOR])
GROUP, RECORDING = st.sampled_from(GROUPS), st.sampled_from(list(RECORDINGS))
TAG, FOLDER = st.sampled_from(list(TAGS)), st.sampled_from(list(FOLDERS))
SHELF = st.sampled_from(list(SHELVES))
FLAG = st.booleans()
MOSTLY = st.sampled_from([True, True, True, False])

ACCESS: dict[str, Callable[[RecordingQuerySet, User], QuerySet]] = {
    "read": lambda rows, user: rows.visible_to(user),
    "edit": lambda rows, user: rows.editable_by(user),
    "list shared": lambda rows, user: rows.in_scope(user, Scope.SHARED),
    "list all": lambda rows, user: rows.in_scope(user, Scope.ALL),
}

May = Callable[[str], bool]
Act = Callable[[User], object]


class Way(NamedTuple):
    """In which somebody who is not the owner comes to a recording. `by`: BY_HAND, or the name of
    the tag or folder.
    """

    person: str
    by: str
    may_edit: bool


@dataclass(frozen=True)
class Shelf:
    """A tag or a folder. `of`: a person or a group."""

    of: str
    for_all: bool = True
    for_admins: bool = True


@dataclass
class Book:
    """What there is, and the rules in plain words. `filed`: recording and tag or folder. `given`:
    recording and person, and whether to change it. `gone`: people who cannot log in.
    """

    is_sharing_on: bool = True
    are_folders_on: bool = True
    members: dict[str, dict[str, str]] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    filed: set[tuple[str, str]] = field(default_factory=set)
    given: dict[tuple[str, str], bool] = field(default_factory=dict)
    completed: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def role(self, person: str, group: str) -> str | None:
        return self.members.get(group, {}).get(person)

    def may_use(self, person: str, shelf: Shelf) -> bool:
        return shelf.of == person or self.role(person, shelf.of) is not None

    def ruler(self, shelf: Shelf) -> May:
        return lambda who: shelf.of == who or self.role(who, shelf.of) == "admin"

    def is_last_admin(self, person: str, group: str) -> bool:
        """Of those who can log in."""
        admins = {name for name, role in self.members[group].items() if role == "admin"}
        return person in admins and not admins - {person} - self.gone

    def filed_under(self, shelf: str) -> list[str]:
        return [recording for recording, name in self.filed if name == shelf]

    def forget(self, shelf: str) -> None:
        del self.shelves[shelf]
        self.filed -= {(recording, shelf) for recording in RECORDINGS}

    def ways(self, recording: str) -> Iterator[Way]:
        """Whether sharing is on or off."""
        for (shared, person), may_edit in self.given.items():
            if shared == recording:
                yield Way(person, BY_HAND, may_edit)
        if recording not in self.completed:
            return
        for name, shelf in self.shelves.items():
            if (recording, name) not in self.filed:
                continue
            for person, role in self.members.get(shelf.of, {}).items():
                if person == RECORDINGS[recording]:
                    continue
                if role == "admin" and (shelf.for_all or shelf.for_admins):
                    yield Way(person, name, may_edit=True)
                elif shelf.for_all:
                    yield Way(person, name, may_edit=False)

    def listed(self, recording: str) -> set[Way]:
        """What the owner is told of: shares always, groups' members while it counts for them."""
        return {
            way
            for way in self.ways(recording)
            if way.by == BY_HAND or (self.is_sharing_on and way.person not in self.gone)
        }

    def shared(self, person: str, *, to_edit: bool = False) -> set[str]:
        """Others' recordings that this person may read, or change."""
        if not self.is_sharing_on:
            return set()
        return {
            recording
            for recording in RECORDINGS
            for way in self.ways(recording)
            if way.person == person and (way.may_edit or not to_edit)
        }

    def own(self, person: str) -> set[str]:
        return {recording for recording, owner in RECORDINGS.items() if owner == person}


class Access(RuleBasedStateMachine):
    """Two groups, their tags and folders, three recordings of two owners, and four people."""

    seen: set[str] = set()

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.book = Book()
        self.ids: dict[str, int] = {}
        self.statements: dict[tuple[str, str, bool], tuple[str, tuple]] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)
        self.patch.undo()

    @initialize(
        roles=st.dictionaries(st.tuples(GROUP, PERSON), ROLE, min_size=2),
        flags=st.fixed_dictionaries(dict.fromkeys(SHELVES, st.tuples(FLAG, FLAG))),
        completed=st.sets(RECORDING),
        links=st.sets(st.tuples(RECORDING, SHELF), min_size=3),
    )
    def begin(
        self,
        roles: dict[tuple[str, str], str],
        flags: dict[str, tuple[bool, bool]],
        completed: set[str],
        links: set[tuple[str, str]],
    ) -> None:
        """As after a long time, by the same rules."""
        self.switch(is_sharing_on=True, are_folders_on=True)
        self.people = {name: make_user(name) for name in PEOPLE}
        self.people[OPERATOR] = make_user(OPERATOR, is_admin=True)
        for name, owner in RECORDINGS.items():
            self.ids[name] = make_recording(owner=self.people[owner], title=name).pk
        self.restore()
        for group in GROUPS:
            self.join(group, "alice", "admin", by=None)
        self.restore()
        for (group, person), role in roles.items():
            self.join(group, person, role, by=None)
        for name, (for_all, for_admins) in flags.items():
            self.change(name, by=None, for_all=for_all, for_admins=for_admins)
        for name in sorted(completed):
            self.transcribe(name, ends_well=True)
        for name, shelf in sorted(links):
            (self.tag if shelf in TAGS else self.move)(name, shelf, by=None)

    def attempt(self, by: str | None, may: May, act: Act) -> str | None:
        """Who called a service, if they might; who might not is refused, and has changed nothing.
        `by`: None for the first who may.
        """
        everybody = (*PEOPLE, OPERATOR)
        who = by or next(filter(may, everybody), OPERATOR)
        if may(who):
            act(self.people[who])
            return who
        with pytest.raises(SpeakrError), transaction.atomic():
            act(self.people[who])
        return None

    def recording(self, name: str) -> Recording:
        return Recording.objects.get(pk=self.ids[name])

    def shelf(self, name: str) -> Tag | Folder:
        kind = Tag if name in TAGS else Folder
        return kind.objects.get(pk=self.ids[name])

    @rule(is_sharing_on=MOSTLY, are_folders_on=MOSTLY)
    def switch(self, is_sharing_on: bool, are_folders_on: bool) -> None:
        self.patch.setattr(django_settings, "ENABLE_INTERNAL_SHARING", is_sharing_on)
        config.enable_folders = are_folders_on
        self.book.is_sharing_on, self.book.are_folders_on = is_sharing_on, are_folders_on

    @rule()
    def restore(self) -> None:
        """Makes what is missing: shelves by their person, or by an admin of their group."""
        for group in sorted({*GROUPS} - {*self.book.members}):
            made = groups.create_group(name=group, by=self.people[OPERATOR])
            self.ids[group], self.book.members[group] = made.pk, {}
        for name in sorted({*SHELVES} - {*self.book.shelves}):
            of = SHELVES[name]
            admins = [who for who in PEOPLE if self.book.role(who, of) == "admin"]
            for maker in admins[:1] if of in GROUPS else [of]:
                create = services.create_tag if name in TAGS else services.create_folder
                values = {"name": name, "group_id": self.ids[of] if of in GROUPS else None}
                self.ids[name] = create(by=self.people[maker], values=values).pk
                self.book.shelves[name] = Shelf(of)

    @rule(group=GROUP, by=BY)
    def dissolve(self, group: str, by: str | None) -> None:
        if group not in self.book.members:
            return
        row = Group.objects.get(pk=self.ids[group])
        if self.attempt(
            by, lambda who: who == OPERATOR, lambda user: groups.delete_group(group=row, by=user)
        ):
            del self.book.members[group]
            for name in [name for name, shelf in self.book.shelves.items() if shelf.of == group]:
                self.book.forget(name)

    def manages(self, group: str) -> May:
        return lambda who: who == OPERATOR or self.book.role(who, group) == "admin"

    @rule(group=GROUP, person=PERSON, role=ROLE, by=BY)
    def join(self, group: str, person: str, role: str, by: str | None) -> None:
        """Or changes their role."""
        if group not in self.book.members:
            return
        row, user = Group.objects.get(pk=self.ids[group]), self.people[person]
        before, manages = self.book.role(person, group), self.manages(group)
        if before is None:
            done = self.attempt(
                by, manages, lambda by: groups.add_member(group=row, user=user, role=role, by=by)
            )
        else:
            stays = role == before or not self.book.is_last_admin(person, group)
            done = self.attempt(
                by,
                lambda who: stays and manages(who),
                lambda by: groups.change_role(group=row, user_id=user.pk, role=role, by=by),
            )
        if done:
            self.book.members[group][person] = role

    @rule(group=GROUP, person=PERSON, by=BY)
    def leave(self, group: str, person: str, by: str | None) -> None:
        if group not in self.book.members:
            return
        row, user_id = Group.objects.get(pk=self.ids[group]), self.people[person].pk
        manages, is_in = self.manages(group), self.book.role(person, group)
        goes = is_in and not self.book.is_last_admin(person, group)
        if self.attempt(
            by,
            lambda who: goes and (who == person or manages(who)),
            lambda by: groups.remove_member(group=row, user_id=user_id, by=by),
        ):
            del self.book.members[group][person]

    @rule(person=PERSON)
    def go_or_return(self, person: str) -> None:
        """An operator closes or opens somebody's account."""
        user = self.people[person]
        user.is_active = person in self.book.gone
        people.store_as_operator(user=user, changed=["is_active"], by=self.people[OPERATOR])
        self.book.gone ^= {person}

    @rule(name=SHELF, by=BY, for_all=FLAG, for_admins=FLAG)
    def change(self, name: str, by: str | None, for_all: bool, for_admins: bool) -> None:
        if name not in self.book.shelves:
            return
        before, row = self.book.shelves[name], self.shelf(name)
        changes = {"auto_share_on_apply": for_all, "share_with_group_lead": for_admins}

        def act(user: User) -> None:
            if isinstance(row, Tag):
                services.update_tag(tag=row, by=user, changes=changes)
            else:
                services.update_folder(folder=row, by=user, changes=changes)

        # A person's own opens nothing, now and when it comes to a group.
        if self.attempt(by, self.book.ruler(before), act) and before.of in GROUPS:
            after = replace(before, for_all=for_all, for_admins=for_admins)
            self.book.shelves[name] = after

    @rule(name=FOLDER, to=st.sampled_from([None, *GROUPS]), by=BY)
    def hand_over(self, name: str, to: str | None, by: str | None) -> None:
        """A folder becomes a group's, or theirs who take it out of one."""
        if name not in self.book.shelves or not {to} <= {None, *self.book.members}:
            return
        before, row = self.book.shelves[name], self.shelf(name)
        group_id = to and self.ids[to]
        moves = group_id != row.group_id
        rules = self.book.ruler(before)
        who = self.attempt(
            by,
            lambda who: (
                rules(who) and (not moves or to is None or self.book.role(who, to) == "admin")
            ),
            lambda user: services.update_folder(
                folder=row, by=user, changes={"group_id": group_id}
            ),
        )
        if who and moves:
            after = replace(before, of=to) if to else Shelf(who)
            self.book.shelves[name] = after
            for recording in self.book.filed_under(name):
                if not self.book.may_use(RECORDINGS[recording], after):
                    self.book.filed.remove((recording, name))

    @rule(name=SHELF, by=BY)
    def discard(self, name: str, by: str | None) -> None:
        if name not in self.book.shelves:
            return
        row = self.shelf(name)

        def act(user: User) -> None:
            if isinstance(row, Tag):
                services.delete_tag(tag=row, by=user)
            else:
                services.delete_folder(folder=row, by=user)

        if self.attempt(by, self.book.ruler(self.book.shelves[name]), act):
            self.book.forget(name)

    @rule(name=RECORDING, tag=TAG, by=BY)
    def tag(self, name: str, tag: str, by: str | None) -> None:
        if tag not in self.book.shelves:
            return
        shelf, recording = self.book.shelves[tag], self.recording(name)
        who = self.attempt(
            by or RECORDINGS[name],
            # What they may not use they are told of in the answer; that is no refusal.
            lambda who: who in (RECORDINGS[name], shelf.of) or not self.book.may_use(who, shelf),
            lambda by: filing.add_tags(recording=recording, by=by, tag_ids=[self.ids[tag]]),
        )
        if who and self.book.may_use(who, shelf):
            self.book.filed.add((name, tag))

    @rule(name=RECORDING, tag=TAG, by=BY)
    def untag(self, name: str, tag: str, by: str | None) -> None:
        if tag not in self.book.shelves:
            return
        shelf, recording = self.book.shelves[tag], self.recording(name)
        rules, is_on = self.book.ruler(shelf), (name, tag) in self.book.filed
        if self.attempt(
            by,
            lambda who: is_on and (rules(who) or (who == RECORDINGS[name] and shelf.of in GROUPS)),
            lambda by: filing.remove_tag(recording=recording, by=by, tag_id=self.ids[tag]),
        ):
            self.book.filed.remove((name, tag))

    @rule(name=RECORDING, folder=st.one_of(FOLDER, FOLDER, st.none()), by=BY)
    def move(self, name: str, folder: str | None, by: str | None) -> None:
        if not {folder} <= {None, *self.book.shelves}:
            return
        changes = {"folder_id": folder and self.ids[folder]}
        recording = self.recording(name)
        if self.attempt(
            by,
            lambda who: (
                self.book.are_folders_on
                and who == RECORDINGS[name]
                and (folder is None or self.book.may_use(who, self.book.shelves[folder]))
            ),
            lambda by: edit_recording(recording=recording, by=by, changes=changes),
        ):
            self.book.filed -= {(name, other) for other in FOLDERS}
            self.book.filed |= {(name, folder)} if folder else set()

    @rule(name=RECORDING, ends_well=MOSTLY)
    def transcribe(self, name: str, ends_well: bool) -> None:
        """What has been completed once stays open while it is done again, and when that fails."""
        job = make_job(recording=self.recording(name))
        assert Job.objects.claim(job)
        commit.began(job)
        if ends_well:
            commit.finished(job, commit.Outcome((), None, "fake", "fake", 1.0, 1.0, 1.0))
            self.book.completed.add(name)
        else:
            broken = Failure("broken", "It broke.", permanent=True)
            commit.failed(job, broken, made_headway=False)

    @rule(name=RECORDING, person=PERSON, may_edit=FLAG, by=BY)
    def share(self, name: str, person: str, may_edit: bool, by: str | None) -> None:
        recording, user = self.recording(name), self.people[person]
        if self.attempt(
            by,
            lambda who: self.book.is_sharing_on and who == RECORDINGS[name] != person,
            lambda by: share_recording(recording=recording, user=user, can_edit=may_edit, by=by),
        ):
            self.book.given[name, person] = may_edit

    @rule(name=RECORDING, person=PERSON, by=BY)
    def unshare(self, name: str, person: str, by: str | None) -> None:
        """By the owner, or by who leaves."""
        recording, user_id = self.recording(name), self.people[person].pk
        if self.attempt(
            by,
            lambda who: (name, person) in self.book.given and who in (person, RECORDINGS[name]),
            lambda by: end_share(recording=recording, user_id=user_id, by=by),
        ):
            del self.book.given[name, person]

    @invariant()
    def access_is_what_the_book_says(self) -> None:
        for name in self.people:
            own, shared = self.book.own(name), self.book.shared(name)
            assert self.titles("read", name) == own | shared, name
            assert self.titles("edit", name) == own | self.book.shared(name, to_edit=True), name
            assert self.titles("list shared", name) == shared, name
            assert self.titles("list all", name) == own | shared, name

    def titles(self, access: str, person: str) -> set[str]:
        """Of a person's recordings; each is there once."""
        with connection.cursor() as cursor:
            cursor.execute(*self.statement(access, person, self.book.is_sharing_on))
            found = [title for (title,) in cursor]
        assert len(found) == len(set(found))
        return set(found)

    def statement(self, access: str, person: str, is_sharing_on: bool) -> tuple[str, tuple]:
        """Kept, as nothing else changes it: Django takes far longer to write one than to run it."""
        key = access, person, is_sharing_on
        if key not in self.statements:
            rows = ACCESS[access](Recording.objects.all(), self.people[person])
            try:
                self.statements[key] = rows.values_list("title").query.sql_with_params()
            except EmptyResultSet:
                self.statements[key] = "SELECT 1 WHERE 1 = 0", ()
        return self.statements[key]

    @invariant()
    def owners_are_told_who_has_access_and_why(self) -> None:
        for name in RECORDINGS:
            told = [
                Way(way.username, way.source_name or BY_HAND, way.can_edit)
                for way in access_to(self.recording(name))
            ]
            assert len(told) == len(set(told))
            assert set(told) == self.book.listed(name)
            for way in told:
                kind = SOURCES.get(way.by, "by hand")
                self.seen.add(f"{kind}, {'edit' if way.may_edit else 'view'}")


@pytest.mark.django_db
def test_access_is_what_shares_and_groups_give_at_that_moment() -> None:
    Access.seen.clear()
    run_state_machine_as_test(
        Access,
        settings=settings(
            max_examples=CASES or USUAL_CASES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not CASES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # It would hold of rules that give nothing, too.
    kinds = ("by hand", "tag", "folder")
    assert Access.seen == {f"{kind}, {right}" for kind in kinds for right in ("view", "edit")}
    assert not User.objects.exists()
