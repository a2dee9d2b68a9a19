"""GET /stats (API reference, Get Statistics; http-contract.md, section 6)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Job, Recording, TokenUsage, TranscriptionUsage
from recordings.stats import human_size
from tests.conftest import Api
from tests.factories import make_job, make_recording

pytestmark = pytest.mark.django_db

STATS = "/api/v1/stats"
GIGABYTE = 1024**3
MONTH = date(2024, 1, 1)
NOW = datetime(2024, 1, 15, 14, 30, tzinfo=UTC)


@pytest.fixture
def january(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the afternoon of 15 January 2024, in UTC."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def stats(client: APIClient, **query: str) -> dict[str, Any]:
    response = client.get(STATS, query)
    assert response.status_code == 200, response.content
    return response.json()


def make_tokens(user: User, tokens: int, **columns: Any) -> None:
    row = {"operation": "summary", "month": MONTH, "requests": 1, **columns}
    TokenUsage.objects.create(user=user, prompt_tokens=tokens, **row)


def make_usage(user: User, seconds: int, **columns: Any) -> None:
    row = {"connector": "openai_whisper", "month": MONTH, "requests": 1, **columns}
    TranscriptionUsage.objects.create(user=user, seconds=seconds, **row)


def test_a_newcomer_has_zeros_and_nulls(client: APIClient) -> None:
    response = client.get(STATS)
    assert response.json() == {
        "recordings": {"total": 0, "completed": 0, "processing": 0, "pending": 0, "failed": 0},
        "storage": {"used_bytes": 0, "used_human": "0.0 B"},
        "queue": {"jobs_queued": 0, "jobs_processing": 0},
        "tokens": {"used_this_month": 0, "budget": None, "percentage": None},
        "transcription": {
            "used_this_month_seconds": 0,
            "used_this_month_minutes": 0,
            "budget_seconds": None,
            "budget_minutes": None,
            "percentage": None,
            "estimated_cost": 0.0,
        },
        "activity": {"recordings_today": 0, "last_transcription": None},
    }
    assert b'"estimated_cost":0.0' in response.content


@pytest.mark.usefixtures("january")
def test_the_numbers_of_the_reference_come_out(client: APIClient, alice: User) -> None:
    for status, count in zip(Recording.Status, (4, 2, 1, 6, 2), strict=True):
        for number in range(count):
            made = NOW if (status, number) == ("COMPLETED", 0) else NOW - timedelta(days=3)
            make_recording(owner=alice, status=status, created_at=made, size_bytes=None)
    big = Recording.objects.filter(status="COMPLETED").last()
    Recording.objects.filter(pk=big.pk).update(size_bytes=5 * GIGABYTE, completed_at=NOW)
    for status in (*[Job.Status.QUEUED] * 3, Job.Status.RUNNING, Job.Status.DONE):
        make_job(recording=make_recording(owner=alice, size_bytes=0), status=status)
    User.objects.filter(pk=alice.pk).update(monthly_tokens=10**6, monthly_transcription_minutes=600)
    make_tokens(alice, 400_000, completion_tokens=49_000)
    make_tokens(alice, 1000, operation="chat")
    make_usage(alice, 3600, cost=0.36)
    alice.refresh_from_db()

    assert stats(client) == {
        "recordings": {"total": 20, "completed": 11, "processing": 3, "pending": 4, "failed": 2},
        "storage": {"used_bytes": 5368709120, "used_human": "5.0 GB"},
        "queue": {"jobs_queued": 3, "jobs_processing": 1},
        "tokens": {"used_this_month": 450000, "budget": 1000000, "percentage": 45.0},
        "transcription": {
            "used_this_month_seconds": 3600,
            "used_this_month_minutes": 60,
            "budget_seconds": 36000,
            "budget_minutes": 600,
            "percentage": 10.0,
            "estimated_cost": 0.36,
        },
        "activity": {"recordings_today": 6, "last_transcription": "2024-01-15T14:30:00Z"},
    }


@pytest.mark.usefixtures("january")
def test_nobody_else_is_counted(api: Api, alice: User, carol: User) -> None:
    foreign = make_recording(owner=alice, completed_at=NOW, created_at=NOW)
    make_job(recording=foreign)
    make_tokens(alice, 5)
    make_usage(alice, 60, cost=1)
    nothing = stats(api(carol))
    Recording.objects.all().delete()
    TokenUsage.objects.all().delete()
    TranscriptionUsage.objects.all().delete()
    assert nothing == stats(api(carol))
    assert nothing["recordings"]["total"] == 0


def test_jobs_count_for_who_asked_for_them(api: Api, alice: User, carol: User) -> None:
    make_job(recording=make_recording(owner=alice), owner=carol)
    assert stats(api(alice))["queue"] == {"jobs_queued": 0, "jobs_processing": 0}
    assert stats(api(carol))["queue"] == {"jobs_queued": 1, "jobs_processing": 0}


def test_audio_that_was_deleted_takes_no_room(client: APIClient, alice: User) -> None:
    make_recording(owner=alice, size_bytes=1000)
    make_recording(owner=alice, size_bytes=50, audio_key="", audio_deleted_at=timezone.now())
    assert stats(client)["storage"] == {"used_bytes": 1000, "used_human": "1000.0 B"}


def test_only_what_completed_counts_as_transcribed_last(client: APIClient, alice: User) -> None:
    for status, hour in (("COMPLETED", 8), ("COMPLETED", 9), ("FAILED", 10), ("PROCESSING", 11)):
        moment = datetime(2024, 1, 15, hour, 0, 0, 999, tzinfo=UTC)
        make_recording(owner=alice, status=status, completed_at=moment)
    assert stats(client)["activity"]["last_transcription"] == "2024-01-15T09:00:00Z"


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize(
    ("now", "counted"),
    [
        (datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC), "January"),
        (datetime(2024, 2, 1, 0, 0, 0, tzinfo=UTC), "February"),
    ],
)
def test_days_and_months_turn_at_midnight_utc(
    client: APIClient,
    alice: User,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    now: datetime,
    counted: str,
) -> None:
    settings.TIME_ZONE = zone
    make_recording(owner=alice, created_at=datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC))
    for month, seconds in ((date(2024, 1, 1), 60), (date(2024, 2, 1), 7)):
        make_usage(alice, seconds, month=month)
        make_tokens(alice, seconds, month=month)
    monkeypatch.setattr(timezone, "now", lambda: now)
    body = stats(client)
    seen = (
        body["activity"]["recordings_today"],
        body["transcription"]["used_this_month_seconds"],
        body["tokens"]["used_this_month"],
    )
    assert seen == ((1, 60, 60) if counted == "January" else (0, 7, 7))


@pytest.mark.usefixtures("january")
def test_a_share_of_a_budget_may_exceed_100_and_has_one_decimal(
    client: APIClient, alice: User
) -> None:
    alice.monthly_tokens, alice.monthly_transcription_minutes = 3, 1
    make_tokens(alice, 1)
    make_usage(alice, 119, cost=0.00005)
    make_usage(alice, 1, connector="asr_endpoint", cost=0.1)
    body = stats(client)
    assert body["tokens"]["percentage"] == 33.3
    assert body["transcription"]["percentage"] == 200.0
    assert body["transcription"]["used_this_month_minutes"] == 2
    assert body["transcription"]["estimated_cost"] == pytest.approx(0.1, abs=0.0001)
    assert len(str(body["transcription"]["estimated_cost"])) <= len("0.1001")


@pytest.mark.usefixtures("january")
def test_a_budget_of_zero_is_none(client: APIClient, alice: User) -> None:
    alice.monthly_tokens = alice.monthly_transcription_minutes = 0
    make_usage(alice, 60)
    body = stats(client)
    assert (body["tokens"]["budget"], body["tokens"]["percentage"]) == (None, None)
    assert body["transcription"]["budget_seconds"] is None
    assert body["transcription"]["budget_minutes"] is None
    assert body["transcription"]["percentage"] is None


class TestScope:
    @pytest.mark.parametrize("scope", ["", " ", "banana", "all,user", "ALL users", "\x00", "1"])
    def test_any_other_value_is_400_for_everybody(
        self, api: Api, alice: User, otto: User, scope: str
    ) -> None:
        for person in (alice, otto):
            response = api(person).get(STATS, {"scope": scope})
            assert response.status_code == 400
            assert response.json()["error"] == "scope must be one of user, all"

    def test_all_is_for_operators(self, client: APIClient) -> None:
        response = client.get(STATS, {"scope": "all"})
        assert response.status_code == 403
        assert response.json() == {"error": "Admin access required for global stats"}

    def test_an_operators_own_numbers_are_the_default(self, api: Api, alice: User, otto: User):
        make_recording(owner=alice)
        for query in ({}, {"scope": "user"}):
            body = stats(api(otto), **query)
            assert body["recordings"]["total"] == 0
            assert "users" not in body

    @pytest.mark.usefixtures("january")
    def test_all_sums_up_everybody_without_budgets(
        self, api: Api, alice: User, carol: User, otto: User
    ) -> None:
        otto.monthly_tokens = otto.monthly_transcription_minutes = 1
        for owner, days in ((alice, 0), (alice, 29), (carol, 31)):
            made = NOW - timedelta(days=days)
            recording = make_recording(owner=owner, created_at=made, completed_at=made)
            make_job(recording=recording, owner=owner)
        for person, amount in ((alice, 60), (carol, 61)):
            make_tokens(person, amount)
            make_usage(person, amount, cost=0.5)
        body = stats(api(otto), scope="all")
        assert body["recordings"]["total"] == body["recordings"]["completed"] == 3
        assert body["queue"]["jobs_queued"] == 3
        assert body["tokens"] == {"used_this_month": 121, "budget": None, "percentage": None}
        assert body["transcription"] == {
            "used_this_month_seconds": 121,
            "used_this_month_minutes": 2,
            "budget_seconds": None,
            "budget_minutes": None,
            "percentage": None,
            "estimated_cost": 1.0,
        }
        assert body["activity"]["recordings_today"] == 1
        assert body["users"] == {"total": 3, "active": 1}


def test_every_call_counts_anew_in_four_queries_or_five(
    api: Api, alice: User, otto: User, django_assert_num_queries: Any
) -> None:
    for total in (1, 2):
        make_job(recording=make_recording(owner=alice))
        with django_assert_num_queries(4):  # recordings, jobs, tokens, transcriptions
            assert stats(api(alice))["recordings"]["total"] == total
        with django_assert_num_queries(5):  # and people
            assert stats(api(otto), scope="all")["recordings"]["total"] == total


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL chooses by what it sampled")
@pytest.mark.parametrize("scope", ["user", "all"])
def test_recordings_are_counted_in_the_index_without_reading_a_row(
    api: Api, otto: User, scope: str
) -> None:
    with CaptureQueriesContext(connection) as captured:
        stats(api(otto), scope=scope)
    sql = next(query["sql"] for query in captured if "used_bytes" in query["sql"])
    with connection.cursor() as cursor:
        plan = str(cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    assert "COVERING INDEX recording_for_stats" in plan


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0.0 B"),
        (1000, "1000.0 B"),
        (1023, "1023.0 B"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (5368709120, "5.0 GB"),
        (1024**5, "1.0 PB"),
        (5 * 1024**6, "5120.0 PB"),
    ],
)
def test_sizes_are_told_in_steps_of_1024(size_bytes: int, text: str) -> None:
    assert human_size(size_bytes) == text
