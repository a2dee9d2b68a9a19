"""What transcriptions use, and what happens when a month's minutes are used up (http-contract.md,
section 6, 0.1.34, 17.1).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings import engines, storage
from recordings.budgets import BudgetExceeded, cost_of, require_transcription_budget
from recordings.connectors.base import ConnectorError
from recordings.models import Job, Recording, TokenUsage, TranscriptionUsage
from recordings.models.usage import month_of
from recordings.tasks import work
from tests.concurrency import at_once
from tests.conftest import signed_in
from tests.factories import make_job, make_recording, make_transcript
from tests.fakes import FakeConnector, FakeDiarizer, tone
from tests.recordings.api.uploading import upload

pytestmark = pytest.mark.django_db(transaction=True)

OPTIONS = dict.fromkeys(
    ("language", "min_speakers", "max_speakers", "hotwords", "initial_prompt", "model")
)
EXCEEDED = "Monthly transcription budget exceeded (2/2 minutes). "


@pytest.fixture
def connector(monkeypatch: pytest.MonkeyPatch) -> FakeConnector:
    fake = FakeConnector(window_seconds=None)
    monkeypatch.setattr(engines, "connector", lambda system: fake)
    monkeypatch.setattr(engines, "diarizer", FakeDiarizer)
    return fake


@pytest.fixture
def recording(alice: User, tmp_path: Path, connector: FakeConnector) -> Recording:
    """2.5 seconds of audio, waiting."""
    key = storage.keep(
        tone(tmp_path / "tone.wav", seconds=2.5), storage.new_key(owner_id=1, extension=".wav")
    )
    return make_recording(owner=alice, status=Recording.Status.PENDING, audio_key=key)


def make_usage(user: User, *, seconds: int, month: date | None = None) -> None:
    TranscriptionUsage.objects.create(
        user=user, connector="fake", seconds=seconds, month=month or month_of(timezone.now())
    )


def budget(user: User, minutes: int | None) -> None:
    user.monthly_transcription_minutes = minutes
    user.save(update_fields=["monthly_transcription_minutes"])


def used() -> list[tuple[str, str, int, int]]:
    """(person, engine, seconds, requests) of each row."""
    return list(
        TranscriptionUsage.objects.order_by("user", "connector").values_list(
            "user__username", "connector", "seconds", "requests"
        )
    )


class TestAccounting:
    def test_whole_seconds_are_added_to_who_asked(self, recording: Recording, carol: User) -> None:
        for expected in (("carol", "fake", 2, 1), ("carol", "fake", 4, 2)):
            make_job(recording=recording, owner=carol, options=OPTIONS)
            work("gpu")
            assert used() == [expected]

    def test_a_month_has_a_row_of_its_own(
        self, recording: Recording, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_usage(alice, seconds=100, month=date(2020, 1, 1))
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        assert sorted(row[2] for row in used()) == [2, 100]

    def test_silence_was_listened_to_all_the_same(
        self, recording: Recording, connector: FakeConnector
    ) -> None:
        connector.says = None
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        assert used() == [("alice", "fake", 2, 1)]

    def test_what_failed_costs_nothing(
        self, recording: Recording, connector: FakeConnector
    ) -> None:
        def refuse(*_: Any) -> None:
            raise ConnectorError("Refused.", code="refused", permanent=True)

        connector.before = refuse
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        assert used() == []

    def test_a_result_that_comes_too_late_costs_nothing(
        self, recording: Recording, connector: FakeConnector
    ) -> None:
        def lose_the_lease(*_: Any) -> None:
            Job.objects.update(status=Job.Status.QUEUED, claim_token=None)

        connector.before = lose_the_lease
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        assert used() == []

    def test_sums_and_result_are_stored_together(
        self, recording: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr("recordings.pipeline.commit.record_transcription", fail)
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        recording.refresh_from_db()
        assert recording.current_transcript is None
        assert Job.objects.get().status == Job.Status.QUEUED

    def test_sums_of_many_at_once_are_exact(self, alice: User) -> None:
        def add() -> None:
            for _ in range(5):
                TranscriptionUsage.objects.add(
                    user_id=alice.pk,
                    connector="fake",
                    seconds=3,
                    cost=0.5,
                    moment=datetime(2024, 1, 31, 23, tzinfo=UTC),
                )

        at_once(*[add] * 6)
        row = TranscriptionUsage.objects.get()
        assert (row.month, row.seconds, row.requests) == (date(2024, 1, 1), 90, 30)
        assert row.cost == pytest.approx(15)

    @pytest.mark.parametrize(
        ("engine", "model", "dollars"),
        [
            ("openai_whisper", "whisper-1", 0.36),
            ("openai_transcribe", "gpt-4o-transcribe", 0.36),
            ("openai_transcribe", "gpt-4o-mini-transcribe", 0.18),
            ("asr_endpoint", "mini", 0),
            ("faster_whisper", "base", 0),
            ("never heard of", "", 0),
        ],
    )
    def test_an_hour_costs(self, engine: str, model: str, dollars: float) -> None:
        assert cost_of(engine=engine, model=model, seconds=3600) == pytest.approx(dollars)


class TestBudget:
    def test_a_job_beyond_it_fails_once_and_says_why(
        self, recording: Recording, alice: User, connector: FakeConnector
    ) -> None:
        budget(alice, 2)
        make_usage(alice, seconds=120)
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        job = Job.objects.get()
        recording.refresh_from_db()
        assert (job.status, job.attempts, job.error_code) == ("failed", 1, "budget_exceeded")
        assert recording.status == Recording.Status.FAILED
        assert recording.error_message.startswith(EXCEEDED)
        assert "an operator can raise it; then transcribe again." in recording.error_message
        assert connector.requests == []
        assert used() == [("alice", "fake", 120, 0)]

    def test_the_owner_is_not_told_what_somebody_else_used(
        self, recording: Recording, alice: User, carol: User
    ) -> None:
        budget(carol, 2)
        make_usage(carol, seconds=120)
        make_job(recording=recording, owner=carol, options=OPTIONS)
        work("gpu")
        recording.refresh_from_db()
        assert recording.status == Recording.Status.FAILED
        assert recording.error_code == "budget_exceeded"
        assert recording.error_message == (
            "The monthly budget of the person who asked for this is used up."
        )

    def test_an_upload_is_taken_as_always(
        self, alice: User, connector: FakeConnector, api: Callable[[User], APIClient]
    ) -> None:
        budget(alice, 2)
        make_usage(alice, seconds=120)
        response = upload(api(alice))
        assert response.status_code == 202
        assert (response.json()["status"], response.json()["warnings"]) == ("PENDING", [])
        work("gpu")
        recording = Recording.objects.get()
        assert recording.error_message.startswith(EXCEEDED)
        assert recording.has_audio

    def test_a_transcript_from_before_stays(self, recording: Recording, alice: User) -> None:
        before = make_transcript(recording=recording)
        budget(alice, 1)
        make_usage(alice, seconds=60)
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        recording.refresh_from_db()
        assert recording.status == Recording.Status.FAILED
        assert recording.current_transcript_id == before.pk

    def test_a_request_is_refused_and_leaves_no_trace(
        self, recording: Recording, alice: User, api: Callable[[User], APIClient]
    ) -> None:
        budget(alice, 2)
        make_usage(alice, seconds=150)
        Recording.objects.update(status=Recording.Status.COMPLETED)
        response = api(alice).post(f"/api/v1/recordings/{recording.pk}/transcribe")
        assert response.status_code == 403
        assert response.json()["error"].startswith(EXCEEDED)
        assert not Job.objects.exists()
        recording.refresh_from_db()
        assert recording.status == Recording.Status.COMPLETED

    def test_a_raised_budget_lets_it_be_tried_again(
        self, recording: Recording, alice: User, api: Callable[[User], APIClient]
    ) -> None:
        budget(alice, 2)
        make_usage(alice, seconds=120)
        make_job(recording=recording, options=OPTIONS)
        work("gpu")
        budget(alice, 3)
        response = api(alice).post(f"/api/v1/recordings/{recording.pk}/transcribe")
        assert response.status_code == 200, response.content
        work("gpu")
        recording.refresh_from_db()
        assert (recording.status, recording.error_message) == (Recording.Status.SUMMARIZING, None)
        assert used() == [("alice", "fake", 122, 1)]

    def test_the_console_says_why_it_does_not_retry(
        self, recording: Recording, alice: User, otto: User
    ) -> None:
        budget(alice, 2)
        make_usage(alice, seconds=120)
        job = make_job(recording=recording, options=OPTIONS, status=Job.Status.FAILED)
        page = signed_in(otto).post(
            "/admin/recordings/job/", {"action": "retry", "_selected_action": job.pk}, follow=True
        )
        assert EXCEEDED.strip() in page.content.decode()
        assert Job.objects.count() == 1

    @pytest.mark.parametrize(
        ("minutes", "seconds", "is_allowed"),
        [(None, 10**6, True), (0, 10**6, True), (2, 119, True), (2, 120, False), (2, 121, False)],
    )
    def test_the_limit_is_reached_at_100_percent(
        self, alice: User, minutes: int | None, seconds: int, is_allowed: bool
    ) -> None:
        budget(alice, minutes)
        make_usage(alice, seconds=seconds)
        if is_allowed:
            require_transcription_budget(alice)
        else:
            with pytest.raises(BudgetExceeded):
                require_transcription_budget(alice)

    def test_other_months_and_people_do_not_count(self, alice: User, carol: User) -> None:
        budget(alice, 1)
        make_usage(carol, seconds=1000)
        make_usage(alice, seconds=1000, month=date(2020, 1, 1))
        require_transcription_budget(alice)

    def test_it_says_when_the_next_month_begins(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        budget(alice, 1)
        monkeypatch.setattr(timezone, "now", lambda: datetime(2024, 12, 31, 23, tzinfo=UTC))
        make_usage(alice, seconds=60)
        with pytest.raises(BudgetExceeded, match=r"on 2025-01-01 \(UTC\)"):
            require_transcription_budget(alice)

    def test_it_warns_the_log_at_80_percent(
        self, alice: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        budget(alice, 10)
        for added, warned in ((479, []), (1, ["alice has used 8 of 10 minutes this month"])):
            TranscriptionUsage.objects.add(
                user_id=alice.pk, connector="fake", seconds=added, cost=0, moment=timezone.now()
            )
            with caplog.at_level(logging.WARNING):
                require_transcription_budget(alice)
            assert caplog.messages == warned


class TestConsole:
    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            (
                "transcriptionusage",
                ["alice", "January 2024", "openai_whisper", "1.5", "0.0090 USD"],
            ),
            ("tokenusage", ["alice", "January 2024", "summary", "4242"]),
        ],
    )
    def test_a_month_is_read_and_not_written(
        self, console: Client, alice: User, kind: str, shown: list[str]
    ) -> None:
        month = {"user": alice, "month": date(2024, 1, 1)}
        usage = TranscriptionUsage.objects.create(
            **month, connector="openai_whisper", seconds=90, cost=0.009
        )
        tokens = TokenUsage.objects.create(**month, operation="summary", prompt_tokens=4242)
        pk = usage.pk if kind == "transcriptionusage" else tokens.pk
        index = f"/admin/recordings/{kind}/"
        for page in (index, f"{index}{pk}/change/"):
            text = console.get(page).content.decode()
            assert [part for part in shown if part not in text] == []
            assert 'name="_save"' not in text
            assert "deletelink" not in text
        for page in ("add", f"{pk}/delete"):
            assert console.get(f"{index}{page}/").status_code == 403
        delete = {"action": "delete_selected", "_selected_action": pk, "post": "yes"}
        console.post(index, delete)
        assert TranscriptionUsage.objects.count() == TokenUsage.objects.count() == 1

    def test_a_person_is_deleted_with_what_they_used(self, console: Client, alice: User) -> None:
        make_usage(alice, seconds=60)
        page = console.post(
            f"/admin/accounts/user/{alice.pk}/delete/", {"post": "yes"}, follow=True
        )
        assert page.status_code == 200
        assert not User.objects.filter(pk=alice.pk).exists()

    def test_the_list_costs_the_same_for_any_number(
        self, console: Client, alice: User, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            TranscriptionUsage.objects.create(
                user=alice, month=date(2024, 1, 1), connector=f"engine {number}"
            )
        with django_assert_max_num_queries(7):
            assert console.get("/admin/recordings/transcriptionusage/").status_code == 200
