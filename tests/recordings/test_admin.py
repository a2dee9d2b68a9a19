"""The console's pages for recordings and jobs: metadata for operators, and what they can do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from recordings.models import Job, Recording
from tests.conftest import make_user, signed_in
from tests.factories import make_job, make_recording, make_transcript
from tests.recordings.console import (
    SECRETS,
    act,
    change_page,
    open_page,
    trail,
)

RECORDINGS = reverse("admin:recordings_recording_changelist")
JOBS = reverse("admin:recordings_job_changelist")
# The management forms of a recording's inlines, which its page sends although they are empty.
NO_INLINES = {
    f"{prefix}-{name}": "0"
    for prefix in ("jobs", "transcripts")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}

pytestmark = pytest.mark.django_db


class TestLists:
    def test_recordings_are_listed_with_owner_length_and_size(
        self, console: Client, recording: Recording
    ) -> None:
        page = console.get(RECORDINGS).content.decode()
        assert "Factory &lt;b&gt;talk&lt;/b&gt;" in page
        assert "alice" in page
        assert "01:02:04" in page
        assert "10.0\xa0KB" in page
        assert "icon-yes" in page

    def test_a_list_shows_nothing_that_was_said(
        self, console: Client, recording: Recording
    ) -> None:
        page = console.get(RECORDINGS).content.decode()
        assert not any(secret in page for secret in SECRETS)

    @pytest.mark.parametrize("text", ["factory", "alice", "alice@example.com"])
    def test_a_recording_is_found_by_title_and_owner(
        self, console: Client, recording: Recording, carol: User, text: str
    ) -> None:
        make_recording(owner=carol, title="Other")
        found = console.get(RECORDINGS, {"q": text}).context["cl"].result_list
        assert [row.pk for row in found] == [recording.pk]

    @pytest.mark.parametrize("column", ["notes", "summary"])
    def test_no_address_asks_what_the_notes_hold(
        self, console: Client, recording: Recording, column: str
    ) -> None:
        answer = console.get(RECORDINGS, {f"{column}__icontains": "e"})
        assert answer.status_code == 400

    def test_recordings_are_filtered_by_status_and_date(
        self, console: Client, recording: Recording
    ) -> None:
        failed = make_recording(owner=recording.owner, status=Recording.Status.FAILED)
        query = {"status__exact": "FAILED", "created_at__year": failed.created_at.year}
        found = console.get(RECORDINGS, query).context["cl"].result_list
        assert [row.pk for row in found] == [failed.pk]

    def test_recordings_come_by_upload_only(self, console: Client) -> None:
        assert console.get(reverse("admin:recordings_recording_add")).status_code == 403
        assert console.get(reverse("admin:recordings_job_add")).status_code == 403

    def test_jobs_are_listed_and_filtered(self, console: Client, recording: Recording) -> None:
        make_job(recording=recording, status=Job.Status.DONE, progress=1)
        failed = make_job(
            recording=recording,
            status=Job.Status.FAILED,
            progress=0.425,
            error_message="No disk.",
            queued_at=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
        )
        answer = console.get(JOBS, {"status__exact": "failed", "lane__exact": "gpu"})
        assert [row.pk for row in answer.context["cl"].result_list] == [failed.pk]
        page = answer.content.decode()
        assert change_page(recording) in page
        assert "42%" in page
        assert "No disk." in page
        assert "4\xa0Mar\xa005:06" in page

    @pytest.mark.parametrize("page", [RECORDINGS, JOBS])
    def test_a_list_costs_the_same_for_one_row_and_twenty(self, console: Client, page: str) -> None:
        def queries(rows: int) -> int:
            for number in range(rows):
                owner = make_user(f"owner{User.objects.count()}")
                made = make_recording(owner=owner, title=f"Row {number}")
                make_transcript(recording=made)
                make_job(recording=made)
            with CaptureQueriesContext(connection) as captured:
                assert console.get(page).status_code == 200
            assert not any("notes" in query["sql"] for query in captured)
            return len(captured)

        queries(1)
        assert queries(0) == queries(19)


class TestPages:
    def test_a_recording_s_page_shows_metadata_jobs_and_revisions(
        self, console: Client, recording: Recording
    ) -> None:
        job = make_job(recording=recording, status=Job.Status.DONE)
        page = console.get(change_page(recording)).content.decode()
        assert "Speakers could not be told apart." in page
        assert reverse("admin:recordings_job_change", args=[job.pk]) in page
        assert f"{open_page(recording)}?revision=1" in page
        assert not any(secret in page for secret in SECRETS)
        assert trail() == []

    def test_only_protection_can_be_changed(self, console: Client, recording: Recording) -> None:
        form = {"deletion_exempt": "on", "title": "Mine now", "owner": "1", **NO_INLINES}
        assert console.post(change_page(recording), form).status_code == 302
        before = (recording.title, recording.owner_id, recording.notes)
        recording.refresh_from_db()
        assert recording.deletion_exempt is True
        assert (recording.title, recording.owner_id, recording.notes) == before
        assert trail() == [("otto", "recording.change", recording.pk)]

    def test_a_job_s_page_is_for_reading(self, console: Client, recording: Recording) -> None:
        job = make_job(recording=recording, requested={"hotwords": "<Mina>"})
        page = reverse("admin:recordings_job_change", args=[job.pk])
        text = console.get(page).content.decode()
        assert "&lt;Mina&gt;" in text
        assert 'name="_save"' not in text
        assert console.post(page, {"status": "done"}).status_code == 403

    @pytest.mark.parametrize("kind", ["recording", "job"])
    def test_what_does_not_exist_is_told(self, console: Client, kind: str) -> None:
        page = reverse(f"admin:recordings_{kind}_change", args=[999])
        assert "exist" in str(list(console.get(page, follow=True).context["messages"])[0])


class TestDeleting:
    def test_one_recording_goes_with_its_bytes_and_an_audit_row(
        self,
        console: Client,
        recording: Recording,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        make_job(recording=recording)
        page = reverse("admin:recordings_recording_delete", args=[recording.pk])
        question = console.get(page).content.decode()
        assert "Factory &lt;b&gt;talk&lt;/b&gt; of alice" in question
        assert "<li>Transcript revisions: 1</li>" in question
        with django_capture_on_commit_callbacks(execute=True):
            assert console.post(page, {"post": "yes"}).status_code == 302
        assert not Recording.objects.exists()
        assert not Job.objects.exists()
        assert not default_storage.exists(recording.audio_key)
        assert trail() == [("otto", "recording.delete", recording.pk)]

    def test_many_go_with_an_audit_row_each(
        self,
        console: Client,
        recording: Recording,
        carol: User,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        other = make_recording(owner=carol)
        kept = make_recording(owner=carol)
        act(console, RECORDINGS, "delete_selected", recording, other)
        assert Recording.objects.count() == 3
        with django_capture_on_commit_callbacks(execute=True):
            act(console, RECORDINGS, "delete_selected", recording, other, post="yes")
        assert list(Recording.objects.all()) == [kept]
        assert not default_storage.exists(recording.audio_key)
        assert sorted(trail()) == sorted(
            ("otto", "recording.delete", row) for row in (recording.pk, other.pk)
        )

    def test_asking_loads_no_transcript(self, console: Client, recording: Recording) -> None:
        page = reverse("admin:recordings_recording_delete", args=[recording.pk])
        with CaptureQueriesContext(connection) as captured:
            console.get(page)
        assert not any('"segments"' in query["sql"] for query in captured)

    def test_staff_without_the_right_to_delete_cannot(
        self, clerk: User, recording: Recording
    ) -> None:
        clerk.user_permissions.remove(Permission.objects.get(codename="delete_recording"))
        client = signed_in(clerk)
        page = reverse("admin:recordings_recording_delete", args=[recording.pk])
        assert client.post(page, {"post": "yes"}).status_code == 403
        act(client, RECORDINGS, "delete_selected", recording, post="yes")
        assert Recording.objects.exists()

    def test_a_job_is_deleted_only_once_it_ended(
        self, console: Client, recording: Recording
    ) -> None:
        done = make_job(recording=recording, status=Job.Status.DONE)
        waiting = make_job(recording=recording)
        for job, status in ((done, 302), (waiting, 403)):
            page = reverse("admin:recordings_job_delete", args=[job.pk])
            assert console.post(page, {"post": "yes"}).status_code == status
        refusal = {"action": "delete_selected", "_selected_action": [waiting.pk]}
        assert b"Cannot delete job" in console.post(JOBS, refusal).content
        assert console.post(JOBS, {**refusal, "post": "yes"}).status_code == 403
        assert list(Job.objects.all()) == [waiting]


class TestActions:
    def test_recordings_are_transcribed_again(self, console: Client, recording: Recording) -> None:
        said = act(console, RECORDINGS, "transcribe_again", recording)
        job = Job.objects.get()
        assert said == [f"Factory <b>talk</b>: job {job.pk} is queued"]
        assert (job.recording, job.owner.username) == (recording, "otto")
        recording.refresh_from_db()
        assert recording.status == Recording.Status.PENDING
        assert recording.current_transcript is not None
        assert trail() == [("otto", "recording.transcribe", recording.pk)]

    def test_what_cannot_be_transcribed_is_told_and_the_rest_goes_on(
        self, console: Client, recording: Recording
    ) -> None:
        owner = recording.owner
        silent = make_recording(owner=owner, title="Silent", audio_key="")
        busy = make_recording(owner=owner, title="Busy")
        make_job(recording=busy, options={"language": "de"})
        said = act(console, RECORDINGS, "transcribe_again", silent, busy, recording)
        assert sorted(said)[:1] == [
            "Busy: A transcription with other options is already queued or running"
        ]
        assert "Silent: No audio file" in said
        assert Job.objects.filter(recording=recording).exists()

    def test_recordings_are_summarized_again(
        self, console: Client, recording: Recording, alice: User
    ) -> None:
        untold = make_recording(owner=alice, title="Silent")
        said = act(console, RECORDINGS, "summarize_again", recording, untold)
        job = Job.objects.get()
        assert (job.recording, job.owner.username, job.lane) == (recording, "otto", Job.Lane.TEXT)
        assert sorted(said) == [
            f"Factory <b>talk</b>: job {job.pk} is queued",
            "Silent: No transcription available - transcribe first",
        ]
        recording.refresh_from_db()
        assert recording.status == Recording.Status.SUMMARIZING
        assert trail() == [("otto", "recording.summarize", recording.pk)]

    def test_a_long_list_of_outcomes_is_cut(self, console: Client, alice: User) -> None:
        rows = [make_recording(owner=alice, audio_key="") for _ in range(25)]
        said = act(console, RECORDINGS, "transcribe_again", *rows)
        assert len(said) == 21
        assert said[-1] == "And 5 more, 5 of them refused."

    def test_jobs_are_retried(self, console: Client, recording: Recording) -> None:
        failed = make_job(
            recording=recording, status=Job.Status.FAILED, requested={"language": "fr"}
        )
        said = act(console, JOBS, "retry", failed)
        again = Job.objects.get(status=Job.Status.QUEUED)
        assert said == [f"job {failed.pk}: its work is queued as job {again.pk}"]
        assert again.options["language"] == "fr"
        assert again.owner == recording.owner
        assert trail() == [("otto", "job.retry", failed.pk)]

    def test_a_job_that_waits_is_not_retried(self, console: Client, recording: Recording) -> None:
        waiting = make_job(recording=recording)
        assert act(console, JOBS, "retry", waiting) == [f"job {waiting.pk}: is still queued"]
        assert Job.objects.count() == 1

    def test_jobs_are_cancelled(self, console: Client, recording: Recording) -> None:
        other = make_recording(owner=recording.owner)
        waiting = make_job(recording=recording)
        running = make_job(recording=other, status=Job.Status.RUNNING)
        done = make_job(recording=other, status=Job.Status.DONE)
        said = act(console, JOBS, "cancel", waiting, running, done)
        assert sorted(said) == sorted(
            [
                f"job {waiting.pk}: cancelled",
                f"job {running.pk}: was asked to stop",
                f"job {done.pk}: had ended already",
            ]
        )
        waiting.refresh_from_db()
        running.refresh_from_db()
        recording.refresh_from_db()
        assert waiting.status == Job.Status.CANCELLED
        assert (running.status, running.cancel_requested) == (Job.Status.RUNNING, True)
        assert recording.status == Recording.Status.COMPLETED
        assert {action for _, action, _ in trail()} == {"job.cancel"}

    def test_who_may_only_look_has_no_actions(self, clerk: User, recording: Recording) -> None:
        job = make_job(recording=make_recording(owner=recording.owner))
        looks = Permission.objects.filter(codename__in=("view_recording", "view_job"))
        clerk.user_permissions.set(looks)
        client = signed_in(clerk)
        act(client, JOBS, "cancel", job)
        act(client, RECORDINGS, "transcribe_again", recording)
        job.refresh_from_db()
        assert job.status == Job.Status.QUEUED
        assert Job.objects.count() == 1
        assert trail() == []
