"""POST /recordings/{id}/summarize, the events of a recording, and names that ask for a summary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import CalendarEvent, Job, Recording
from tests.conftest import Api
from tests.factories import make_recording, make_share, make_transcript
from tests.model_server import ModelServer, model_server

__all__ = ["model_server"]

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 6, 9, tzinfo=UTC)
HOSTILE = "Loan; see,\\ us\r\nEND:VEVENT\nBEGIN:VEVENT\u2028 " + "ü" * 100


@pytest.fixture
def recording(alice: User) -> Recording:
    recording = make_recording(owner=alice)
    make_transcript(recording=recording)
    return recording


def url(recording: Recording, part: str = "summarize") -> str:
    return f"/api/v1/recordings/{recording.pk}/{part}"


class TestSummarize:
    def test_it_is_queued(self, client: APIClient, recording: Recording) -> None:
        answer = client.post(url(recording))
        job = Job.objects.get()
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "success": True,
                "job_id": job.pk,
                "status": "QUEUED",
                "message": "Summarization queued",
            },
        )
        told = client.get(url(recording, "status")).json()
        assert (told["status"], told["queue_position"]) == ("SUMMARIZING", 1)
        assert told["eta_seconds"] is None

    def test_the_same_again_is_the_same_job(self, client: APIClient, recording: Recording) -> None:
        first = client.post(url(recording), {"custom_prompt": "As a poem."}, format="json")
        again = client.post(url(recording), {"custom_prompt": " As a poem. "}, format="json")
        assert (again.status_code, again.json()) == (200, first.json())
        other = client.post(url(recording), {"custom_prompt": "As a list."}, format="json")
        assert other.status_code == 409
        assert other.json() == {
            "error": "A summary with other options is already queued or running",
            "job_id": first.json()["job_id"],
        }

    def test_without_a_transcript_it_is_refused(self, client: APIClient, alice: User) -> None:
        silent = make_recording(owner=alice)
        answer = client.post(url(silent))
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "No transcription available - transcribe first"},
        )

    def test_a_prompt_of_more_than_half_the_context_is_refused(
        self, client: APIClient, recording: Recording, model_server: ModelServer, settings: Any
    ) -> None:
        settings.TEXT_MODEL_CONTEXT_TOKENS = 2048
        answer = client.post(url(recording), {"custom_prompt": "poem " * 1500}, format="json")
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "The summary prompt takes more than half of the language model's context"},
        )
        assert not Job.objects.exists()

    def test_spent_tokens_are_refused(
        self, client: APIClient, recording: Recording, model_server: ModelServer, alice: User
    ) -> None:
        from django.utils import timezone

        from recordings.models import TokenUsage

        alice.monthly_tokens = 10
        alice.save()
        TokenUsage.objects.add(
            user_id=alice.pk, operation="chat", prompt=8, completion=2, moment=timezone.now()
        )
        answer = client.post(url(recording))
        assert answer.status_code == 403
        assert "Monthly token budget exceeded" in answer.json()["error"]
        stats = client.get("/api/v1/stats").json()["tokens"]
        assert stats == {"used_this_month": 10, "budget": 10, "percentage": 100.0}


class TestAssign:
    def assign(self, client: APIClient, recording: Recording, **body: Any) -> Any:
        body = {"speaker_map": {"SPEAKER_00": "Mina"}, **body}
        return client.put(url(recording, "speakers/assign"), body, format="json")

    def test_names_may_ask_for_a_summary(self, client: APIClient, recording: Recording) -> None:
        answer = self.assign(client, recording, regenerate_summary=True).json()
        assert answer["summary_queued"] is True
        assert answer["recording"]["status"] == "SUMMARIZING"
        assert Job.objects.get().options["is_request"] is True

    def test_they_do_not_without_saying_so(self, client: APIClient, recording: Recording) -> None:
        assert self.assign(client, recording).json()["summary_queued"] is False
        assert not Job.objects.exists()

    def test_names_stand_where_no_summary_can_be_made(self, client: APIClient, alice: User) -> None:
        silent = make_recording(owner=alice)
        answer = self.assign(client, silent, regenerate_summary=True)
        assert (answer.status_code, answer.json()["summary_queued"]) == (200, False)

    def test_it_counts_as_processing_and_changes_nothing_beyond_the_limit(
        self, client: APIClient, recording: Recording, settings: Any
    ) -> None:
        settings.RATELIMIT_ENABLE = True
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "processing": (1, 60), "write": (9, 60)}
        first = self.assign(client, recording, regenerate_summary=True)
        assert (first.status_code, first["RateLimit-Limit"]) == (200, "1")
        refused = self.assign(
            client, recording, speaker_map={"SPEAKER_00": "Otto"}, regenerate_summary=True
        )
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
        plain = self.assign(client, recording)
        assert (plain.status_code, plain["RateLimit-Limit"]) == (200, "9")
        recording.refresh_from_db()
        assert recording.participants == "Mina"


class TestEvents:
    @pytest.fixture
    def dated(self, recording: Recording, alice: User) -> Recording:
        alice.extract_events = True
        alice.save()
        for title, start, columns in (
            ("Later", START + timedelta(days=1), {"reminder_minutes": 0}),
            (HOSTILE[:200], START, {"location": "Room 5, left", "attendees": ["Mina", "Otto"]}),
        ):
            CalendarEvent.objects.create(
                recording=recording, title=title, start_datetime=start, **columns
            )
        return recording

    def test_they_come_by_start(self, client: APIClient, dated: Recording) -> None:
        events = client.get(url(dated, "events")).json()["events"]
        assert [event["title"] for event in events] == [HOSTILE[:200], "Later"]
        assert events[0]["start_datetime"] == "2026-03-06T09:00:00Z"
        assert events[0]["end_datetime"] is None

    def test_without_any(self, client: APIClient, recording: Recording) -> None:
        assert client.get(url(recording, "events")).json() == {"events": []}
        answer = client.get(url(recording, "events/ics"))
        assert (answer.status_code, answer.json()) == (404, {"error": "No events found"})

    def test_the_file_is_read_back_as_it_was_meant(
        self, client: APIClient, dated: Recording
    ) -> None:
        answer = client.get(url(dated, "events/ics"))
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        name = f"attachment; filename=events-{dated.pk}.ics"
        assert answer["Content-Disposition"] == name
        assert answer.content.endswith(b"END:VCALENDAR\r\n")
        assert max(map(len, answer.content.split(b"\r\n"))) <= 75
        calendar = Calendar.from_ical(answer.content)
        assert (str(calendar["version"]), str(calendar["method"])) == ("2.0", "PUBLISH")
        first, second = calendar.walk("VEVENT")
        assert str(first["summary"]) == HOSTILE[:200].replace("\r\n", "\n")
        assert first.decoded("dtstart") == START
        assert first.decoded("dtend") == START + timedelta(hours=1)
        assert "Mina, Otto" in first["description"]
        assert [alarm.decoded("trigger") for alarm in first.walk("VALARM")] == [
            timedelta(minutes=-15)
        ]
        assert not second.walk("VALARM")
        assert first["uid"] != second["uid"]

    def test_a_reader_that_unfolds_lines_by_hand_finds_two(
        self, client: APIClient, dated: Recording
    ) -> None:
        """As RFC 5545, 3.1 and 3.3.11 have it, without the library that wrote the file."""
        text = client.get(url(dated, "events/ics")).content.decode()
        assert "\n" not in text.replace("\r\n", "")
        lines = text.replace("\r\n ", "").split("\r\n")
        assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
        (summary,) = [line for line in lines if line.startswith("SUMMARY:Loan")]
        assert summary.startswith("SUMMARY:Loan\\; see\\,\\\\ us\\nEND:VEVENT\\nBEGIN:VEVENT")
        assert lines.count("DTSTART:20260306T090000Z") == 1
        assert sum(line.startswith("DTSTAMP:") and line.endswith("Z") for line in lines) == 2

    def test_they_are_shown_while_they_are_looked_for(
        self, client: APIClient, dated: Recording, alice: User
    ) -> None:
        shown = client.get(url(dated, "")[:-1]).json()["events"]
        assert shown == client.get(url(dated, "events")).json()["events"]
        assert len(shown) == 2
        alice.extract_events = False
        alice.save()
        assert client.get(url(dated, "")[:-1]).json()["events"] == []
        assert client.get(url(dated, "events")).json() == {"events": []}
        assert client.get(url(dated, "events/ics")).status_code == 404
        alice.extract_events = True
        alice.save()
        assert client.get(url(dated, "events")).json()["events"] == shown

    def test_who_may_read_may_read_them(
        self, api: Api, dated: Recording, carol: User, settings: Any
    ) -> None:
        settings.ENABLE_INTERNAL_SHARING = True
        assert api(carol).get(url(dated, "events")).status_code in (403, 404)
        make_share(recording=dated, user=carol)
        assert len(api(carol).get(url(dated, "events")).json()["events"]) == 2
        assert api(carol).get(url(dated, "events/ics")).status_code == 200
        assert api(carol).post(url(dated)).status_code == 403
