"""Deleting a person in the console: what goes along, what stays, and what others do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client

from accounts.models import ApiToken, Group, Membership, User
from accounts.services import add_member, delete_people, issue_token
from recordings import storage
from recordings.models import (
    Job,
    Recording,
    RecordingTag,
    Share,
    TranscriptionUsage,
    ViewerState,
)
from recordings.models.usage import month_of
from recordings.pipeline import commit
from speakr_site.core.errors import Conflict, NotAllowed
from speakr_site.core.models import AuditEntry
from tests.concurrency import meanwhile, statuses
from tests.conftest import Api, make_user, signed_in
from tests.factories import (
    make_folder,
    make_job,
    make_recording,
    make_share,
    make_tag,
    make_transcript,
)
from tests.recordings.api.uploading import upload

USERS = "/admin/accounts/user/"
Delete = Callable[..., Any]


def in_form(console: Client, *people: User) -> Any:
    for user in people:
        answer = console.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}, follow=True)
    return answer


def in_list(console: Client, *people: User) -> Any:
    chosen = {"action": "delete_selected", "_selected_action": [user.pk for user in people]}
    return console.post(USERS, {**chosen, "post": "yes"}, follow=True)


def names() -> set[str]:
    return set(User.objects.values_list("username", flat=True))


@pytest.fixture(params=[in_form, in_list])
def delete(request: pytest.FixtureRequest, console: Client) -> Delete:
    return lambda *people: request.param(console, *people)


@pytest.fixture
def recording(alice: User, settings: Any) -> Recording:
    settings.ENABLE_INTERNAL_SHARING = True
    return make_recording(owner=alice)


def claimed(job: Job) -> Job:
    """As a worker has it."""
    Job.objects.claim(job)
    return job


@pytest.mark.django_db
class TestAPerson:
    def test_they_go_with_all_that_hangs_on_them(
        self, delete: Delete, dana: User, bob: User, group: Group, recording: Recording
    ) -> None:
        """Dana is her group's last admin."""
        issue_token(user=dana, name="phone", by=dana)
        make_share(recording=recording, user=dana, can_edit=True)
        ViewerState.objects.create(recording=recording, user=dana, notes="mine")
        RecordingTag.objects.create(recording=recording, tag=make_tag(owner=dana), position=0)
        make_folder(owner=dana)
        make_job(recording=recording, owner=dana, status=Job.Status.DONE)
        TranscriptionUsage.objects.create(
            user=dana, connector="fake", seconds=1, month=month_of(recording.created_at)
        )
        transcript = make_transcript(recording=recording)
        transcript.made_by = dana
        transcript.save()
        page = delete(dana)
        assert page.status_code == 200
        assert "uccessfully" in page.content.decode()
        assert names() == {"alice", "bob", "otto"}
        assert set(Membership.objects.values_list("user__username", flat=True)) == {"alice", "bob"}
        for model in (ApiToken, Share, ViewerState, RecordingTag, Job, TranscriptionUsage):
            assert not model.objects.exists()
        recording.refresh_from_db()
        assert recording.current_transcript == transcript
        assert recording.status == Recording.Status.COMPLETED

    def test_it_is_on_record_and_what_they_did_keeps_their_name(
        self, delete: Delete, carol: User, bob: User, otto: User
    ) -> None:
        issue_token(user=carol, name="phone", by=carol)
        delete(carol, bob)
        rows = AuditEntry.objects.order_by("id")
        assert list(rows.values_list("actor", "actor_name", "action", "object_id", "detail")) == [
            (None, "carol", "token.issue", rows[0].object_id, rows[0].detail),
            (otto.pk, "otto", "user.delete", carol.pk, "carol"),
            (otto.pk, "otto", "user.delete", bob.pk, "bob"),
        ]

    def test_whose_recordings_stand_stays_and_the_page_says_why(
        self, delete: Delete, console: Client, carol: User, recording: Recording, alice: User
    ) -> None:
        make_recording(owner=alice)
        for page in (
            delete(alice),
            in_list(console, carol, alice),
            console.get(f"{USERS}{alice.pk}/delete/"),
        ):
            assert page.status_code == 200
            assert "2 recordings of alice" in page.content.decode()
        assert names() == {"alice", "carol", "otto"}
        assert not AuditEntry.objects.filter(action="user.delete").exists()

    def test_a_recording_that_came_after_the_page_was_shown_is_told_of(
        self, delete: Delete, alice: User, carol: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_recording(owner=alice)
        monkeypatch.setattr("accounts.admin.users.protected_by", lambda user: "")
        page = delete(carol, alice)
        assert page.status_code == 200
        assert "still owns 1 recording: delete that first" in page.content.decode()
        assert "alice" in names()

    def test_what_goes_along_is_said_before(self, console: Client, carol: User) -> None:
        page = console.get(f"{USERS}{carol.pk}/delete/").content.decode()
        assert "carol, carol@example.com: memberships, tokens" in page

    @pytest.mark.parametrize("is_running", [False, True])
    @pytest.mark.parametrize(
        ("has_transcript", "rests"),
        [(True, ("COMPLETED", "", None)), (False, ("FAILED", "cancelled", "Cancelled"))],
    )
    def test_work_they_asked_for_on_what_others_own_ends(
        self,
        delete: Delete,
        recording: Recording,
        carol: User,
        is_running: bool,
        has_transcript: bool,
        rests: tuple[str, str, str | None],
    ) -> None:
        if has_transcript:
            make_transcript(recording=recording)
        Recording.objects.update(status=Recording.Status.PENDING)
        job = make_job(recording=recording, owner=carol)
        if is_running:
            commit.began(claimed(job))
        delete(carol)
        recording.refresh_from_db()
        assert (recording.status, recording.error_code, recording.error_message) == rests
        if is_running:
            with pytest.raises(commit.LeaseLost):
                commit.handed_back(job)
            assert Recording.objects.get().status == rests[0]

    def test_work_that_others_asked_for_goes_on(
        self, delete: Delete, recording: Recording, carol: User, bob: User
    ) -> None:
        Recording.objects.update(status=Recording.Status.PENDING)
        make_job(recording=recording, owner=bob)
        delete(carol)
        assert Job.objects.get().status == Job.Status.QUEUED
        assert Recording.objects.get().status == Recording.Status.PENDING

    def test_an_operator_may_go_too_and_goes_last(
        self, delete: Delete, console: Client, otto: User, carol: User
    ) -> None:
        make_user("olga", is_admin=True)
        page = in_list(console, otto, carol)
        assert page.status_code == 200
        assert names() == {"olga"}
        assert (
            list(AuditEntry.objects.values_list("actor_name", "action", "actor"))
            == [("otto", "user.delete", None)] * 2
        )

    def test_staff_who_are_no_operators_may_not(self, carol: User, bob: User) -> None:
        bob.is_staff = True
        bob.save()
        bob.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))
        in_form(signed_in(bob), carol)
        in_list(signed_in(bob), carol)
        with pytest.raises(NotAllowed):
            delete_people(people=[carol], by=bob)
        assert names() >= {"carol"}

    def test_who_is_gone_already_is_passed_over(self, carol: User, bob: User, otto: User) -> None:
        people = [User.objects.get(pk=carol.pk), bob]
        carol.delete()
        delete_people(people=people, by=otto)
        assert names() == {"alice", "otto"}
        assert AuditEntry.objects.filter(action="user.delete").count() == 1


on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has one writer at a time"
)


@pytest.mark.django_db(transaction=True)
class TestMeanwhile:
    def test_many_at_once_delete_one(self, carol: User) -> None:
        operators = [make_user(f"o{number}", is_admin=True) for number in range(6)]

        def deleting(by: User) -> Callable[[], Any]:
            browser = signed_in(by)
            return lambda: in_form(browser, carol)

        assert statuses(*map(deleting, operators)) == {200: 6}
        assert "carol" not in names()
        assert AuditEntry.objects.filter(action="user.delete").count() == 1

    def test_of_two_who_delete_one_another_one_stays(self, otto: User) -> None:
        olga = make_user("olga", is_admin=True)

        def deleting(by: User, other: User) -> Callable[[], str]:
            def act() -> str:
                try:
                    delete_people(people=[other], by=by)
                except NotAllowed:
                    return "refused"
                return "done"

            return act

        for _ in range(5):
            assert statuses(deleting(otto, olga), deleting(olga, otto)) == {
                "done": 1,
                "refused": 1,
            }
            (left,) = User.objects.all()
            otto, olga = (
                left,
                make_user("olga" if left.username == "otto" else "otto", is_admin=True),
            )

    @pytest.mark.parametrize("turn", range(5))
    def test_shares_given_to_them_make_no_server_error(
        self, api: Api, console: Client, carol: User, recording: Recording, turn: int
    ) -> None:
        rows = [recording, *(make_recording(owner=recording.owner) for _ in range(4))]

        def giving(row: Recording) -> Callable[[], Any]:
            path = f"/api/v1/recordings/{row.pk}/shares"
            return lambda: api(row.owner).post(path, {"user": "carol"})

        answers = statuses(lambda: in_form(console, carol), *map(giving, rows))
        assert set(answers) <= {200, 201, 404}
        assert "carol" not in names()
        assert not Share.objects.exists()

    @pytest.mark.parametrize("turn", range(5))
    def test_what_they_do_themselves_makes_no_server_error(
        self, api: Api, console: Client, carol: User, recording: Recording, turn: int
    ) -> None:
        path = f"/api/v1/recordings/{recording.pk}"
        make_share(recording=recording, user=carol, can_edit=True)
        answers = statuses(
            lambda: in_form(console, carol),
            lambda: api(carol).post("/api/v1/tags", {"name": "Work"}),
            lambda: api(carol).patch(path, {"is_highlighted": True}),
            lambda: api(carol).patch(path, {"title": "Other"}),
            lambda: api(carol).delete(f"{path}/shares/{carol.pk}"),
            lambda: api(carol).post("/api/tokens", {"name": "phone"}),
        )
        assert max(answers) < 500, answers
        assert "carol" not in names()

    def test_an_upload_whose_owner_goes_is_told_so(
        self, api: Api, otto: User, carol: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes longer than they are there. The sweep finds its file."""
        keep = storage.keep

        def kept(*given: Any) -> str:
            delete_people(people=[carol], by=otto)
            return keep(*given)

        monkeypatch.setattr(storage, "keep", kept)
        answer = upload(api(carol))
        assert answer.status_code == 409
        assert answer.json() == {"error": "Something that this needs has just been deleted"}
        assert not Recording.objects.exists()

    @on_postgresql
    @pytest.mark.parametrize("what", ["share", "link to a tag"])
    def test_what_is_written_late_in_the_deletion_goes_too(
        self, delete: Delete, carol: User, recording: Recording, what: str
    ) -> None:
        """The deletion has taken their memberships and will not look for more. The form's page has
        a transaction around it.
        """
        Membership.objects.create(group=Group.objects.create(name="Sales"), user=carol)
        tag = make_tag(owner=carol)

        def write() -> None:
            if what == "share":
                make_share(recording=recording, user=carol)
            else:
                RecordingTag.objects.create(recording=recording, tag=tag, position=0)

        with meanwhile(write, after=Membership) as refused:
            assert delete(carol).status_code == 200
        assert refused == []
        assert "carol" not in names()
        assert not Share.objects.exists()
        assert not RecordingTag.objects.exists()
        assert AuditEntry.objects.filter(action="user.delete").count() == 1

    @on_postgresql
    def test_an_upload_that_ends_late_in_the_deletion_stops_it(
        self, otto: User, carol: User
    ) -> None:
        issue_token(user=carol, name="phone", by=carol)
        with (
            meanwhile(lambda: make_recording(owner=carol), after=ApiToken) as refused,
            pytest.raises(Conflict, match="carol still owns 1 recording"),
        ):
            delete_people(people=[carol], by=otto)
        assert refused == []
        assert ApiToken.objects.filter(user=carol).exists()

    @on_postgresql
    @pytest.mark.parametrize("model", [Share, TranscriptionUsage])
    def test_work_that_ends_in_the_midst_holds_up_nobody(
        self, otto: User, carol: User, recording: Recording, model: type[Model]
    ) -> None:
        """A worker holds the job, then writes what carol used: in the deletion's order."""
        make_share(recording=recording, user=carol)
        TranscriptionUsage.objects.add(
            user_id=carol.pk, connector="fake", seconds=1, cost=0, moment=recording.created_at
        )
        job = claimed(make_job(recording=recording, owner=carol))
        outcome = commit.Outcome((), "en", "fake", "base", 1.0, 1.0, 1.0)
        with meanwhile(lambda: commit.finished(job, outcome), after=model) as refused:
            delete_people(people=[carol], by=otto)
        assert [type(error) for error in refused] == [commit.LeaseLost]
        assert not User.objects.filter(pk=carol.pk).exists()
        assert Recording.objects.get().status == Recording.Status.FAILED

    @on_postgresql
    def test_who_is_made_a_member_meanwhile_is_not_found(
        self, otto: User, carol: User, recording: Recording
    ) -> None:
        make_share(recording=recording, user=carol)
        group = Group.objects.create(name="Sales")

        def join() -> None:
            with transaction.atomic():
                add_member(group=group, user=carol, role="admin", by=otto)

        with meanwhile(join, after=Share) as refused:
            delete_people(people=[carol], by=otto)
        assert [str(error) for error in refused] == ["User not found"]
        assert not Membership.objects.exists()
