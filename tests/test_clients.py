"""Clients as people use them, over real HTTP: a dashboard widget, the reference's Python class, an
automation tool, and a client generated from the OpenAPI document.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest
import requests
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from accounts.services import issue_token
from recordings.models import CalendarEvent, Recording, TokenUsage, TranscriptionUsage
from speakr_site.core.api.openapi import operations
from speakr_site.core.api.schema import document
from tests.factories import make_recording, make_transcript
from tests.model_server import ModelServer, model_server
from tests.names import Names, names
from tests.recordings.api.uploading import wav

__all__ = ["model_server", "names"]

# What n8n's HTTP Request node accepts unless it is told otherwise.
N8N_ACCEPTS = (
    "application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, image/*;q=0.8,"
    " */*;q=0.7"
)
CLIENT = "speakr_client_for_test"
# The reference's widget for gethomepage.dev: field, label, format.
WIDGET = (
    ("recordings.completed", "Completed", "text"),
    ("storage.used_human", "Storage", "text"),
    ("tokens.percentage", "Token Usage", "percent"),
    ("transcription.percentage", "Transcription", "percent"),
    ("activity.recordings_today", "Today", "text"),
)


class SpeakrAPI:
    """The reference's Python SDK pattern."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url.rstrip("/")
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get_stats(self) -> Any:
        return self.session.get(f"{self.base_url}/api/v1/stats").json()

    def list_recordings(self, status: str = "all", page: int = 1) -> Any:
        return self.session.get(
            f"{self.base_url}/api/v1/recordings", params={"status": status, "page": page}
        ).json()

    def get_transcript(self, recording_id: int, format: str = "text") -> Any:
        return self.session.get(
            f"{self.base_url}/api/v1/recordings/{recording_id}/transcript",
            params={"format": format},
        ).json()


@pytest.fixture
def url(live_server: Any) -> Iterator[str]:
    cache.clear()
    yield live_server.url
    cache.clear()


@pytest.fixture
def token(url: str, alice: User) -> str:
    return issue_token(user=alice, name="client")[1]


@pytest.fixture
def recording(url: str, alice: User) -> Recording:
    made = make_recording(owner=alice, title="Team meeting")
    make_transcript(recording=made, SPEAKER_00="Alice", SPEAKER_01="Bob")
    return made


def shown(answer: Any, field: str, form: str) -> str | None:
    """As the widget shows a field: a path through the answer; of a percentage, a number."""
    for name in field.split("."):
        answer = answer[name]
    if form == "percent":
        return None if answer is None else f"{float(answer):g}%"
    return str(answer)


def test_the_dashboard_widget_finds_all_its_fields(
    url: str, token: str, recording: Recording, alice: User
) -> None:
    def look() -> dict[str, str | None]:
        answer = requests.get(
            f"{url}/api/v1/stats", headers={"Authorization": f"Bearer {token}"}
        ).json()
        return {label: shown(answer, field, form) for field, label, form in WIDGET}

    used = {"Completed": "1", "Storage": "1000.0 B", "Today": "1"}
    assert look() == {**used, "Token Usage": None, "Transcription": None}
    User.objects.update(monthly_tokens=1000, monthly_transcription_minutes=10)
    month = timezone.now().date().replace(day=1)
    TokenUsage.objects.create(user=alice, month=month, operation="summary", prompt_tokens=450)
    TranscriptionUsage.objects.create(user=alice, month=month, connector="x", seconds=60.0)
    assert look() == {**used, "Token Usage": "45%", "Transcription": "10%"}


def test_a_companion_app_names_the_voices_and_switches_summaries_off(
    url: str, token: str, recording: Recording, alice: User
) -> None:
    """Routes that the reference does not list and a published app calls (contract 0.1.14)."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    assigned = session.put(
        f"{url}/api/v1/recordings/{recording.pk}/speakers/assign",
        json={
            "speaker_map": {"SPEAKER_00": {"name": "Ann", "isMe": False}, "SPEAKER_01": "Ben"},
            "regenerate_summary": False,
        },
    )
    assert assigned.status_code == 200
    assert assigned.json()["recording"]["participants"] == "Ann, Ben"
    switched = session.put(f"{url}/api/v1/settings/auto-summarization", json={"enabled": False})
    assert switched.json() == {"success": True, "auto_summarization": False}
    me = session.get(f"{url}/api/v1/users/me").json()
    assert me["preferences"]["auto_summarization"] is False


def test_a_companion_app_asks_and_sends_earlier_turns_as_text(
    url: str, token: str, recording: Recording, model_server: ModelServer
) -> None:
    """Contract 0.1.13: `text` where the reference has `content`."""
    model_server.answers = ["Alice was there. [00:00:00]"]
    answer = requests.post(
        f"{url}/api/v1/recordings/{recording.pk}/chat",
        headers={"Authorization": f"Bearer {token}"},
        json={
            "message": "Who attended?",
            "conversation_history": [
                {"role": "user", "text": "Which day was it?"},
                {"role": "assistant", "text": "Nobody says."},
                {"role": "user", "content": "And the time?"},
            ],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["response"] == "Alice was there. [00:00:00]"
    assert answer.json()["sources"][0]["speaker"] == "Alice"
    (told,) = model_server.prompts()
    said = ("Alice]: Hello everyone.", "Which day was it?", "Nobody says.", "And the time?")
    places = [told.find(text) for text in (*said, "Who attended?")]
    assert -1 not in places and places == sorted(places)


def test_a_companion_app_shows_an_answer_as_it_comes(
    url: str, token: str, recording: Recording, model_server: ModelServer
) -> None:
    model_server.answers = ["Alice was there."]
    with requests.post(
        f"{url}/api/v1/recordings/{recording.pk}/chat",
        headers={"X-API-Token": token, "Accept": "text/event-stream"},
        json={"message": "Who attended?", "stream": True},
        stream=True,
    ) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert "".join(event.get("delta", "") for event in events) == "Alice was there."
    assert len([event for event in events if "delta" in event]) > 1
    assert events[-1] == {"end_of_stream": True}


def test_the_python_class_of_the_reference(url: str, token: str, recording: Recording) -> None:
    api = SpeakrAPI(url + "/", token)
    assert api.get_stats()["recordings"]["total"] == 1
    listed = api.list_recordings()
    assert [row["id"] for row in listed["recordings"]] == [recording.pk]
    assert listed["pagination"]["total"] == 1
    assert api.list_recordings(status="failed")["recordings"] == []
    assert api.list_recordings(page=2)["pagination"]["has_prev"] is True
    assert api.get_transcript(recording.pk)["content"].startswith("Alice: Hello everyone.")
    assert api.get_transcript(recording.pk, "srt")["content"].startswith("1\n00:00:00,000")


def test_an_automation_tool_with_header_authentication(url: str, token: str, alice: User) -> None:
    for number in range(5):
        make_recording(owner=alice, title=f"Meeting {number}")
    session = requests.Session()
    session.headers.update(
        {"Authorization": f"Bearer {token}", "Accept": N8N_ACCEPTS, "User-Agent": "axios/1.12.0"}
    )
    titles, page = [], 1
    while True:
        answer = session.get(f"{url}/api/v1/recordings", params={"page": page, "per_page": 2})
        assert answer.headers["Content-Type"] == "application/json"
        titles += [row["title"] for row in answer.json()["recordings"]]
        if not answer.json()["pagination"]["has_next"]:
            break
        page += 1
    assert titles == [f"Meeting {number}" for number in (4, 3, 2, 1, 0)]


def test_curl_as_the_reference_shows_it(url: str, token: str) -> None:
    answer = requests.post(
        f"{url}/api/v1/recordings/upload",
        headers={"X-API-Token": token},
        files={"file": ("audio.wav", BytesIO(wav()))},
        data={"notes": "Quick test upload", "language": "en"},
    )
    assert answer.status_code == 202
    assert answer.json()["notes"] == "Quick test upload"
    assert answer.json()["status"] == "PENDING"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package that openapi-python-client writes from the document, without one complaint."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_text(json.dumps(document()), encoding="utf-8")
    # The generator reads no wildcards.
    overrides = {"audio/*": "application/octet-stream"}
    (folder / "config.json").write_text(
        json.dumps({"content_type_overrides": overrides, "post_hooks": []}), encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--meta=none"]
        + ["--path=openapi.json", "--config=config.json", f"--output-path={CLIENT}"]
        + ["--fail-on-warning"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module(CLIENT)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == CLIENT]:
        del sys.modules[name]


def operation(name: str) -> ModuleType:
    """`recordings.recordings_list`, as the generator named it: tag and operation id."""
    return importlib.import_module(f"{CLIENT}.api.{name}")


def test_the_generator_wrote_a_function_for_every_operation(generated: ModuleType) -> None:
    for _, _, described in operations(document()):
        group = described["tags"][0].lower().replace(" ", "_")
        assert callable(operation(f"{group}.{described['operationId']}").sync_detailed)


def test_a_generated_client_reads(
    generated: ModuleType, url: str, token: str, recording: Recording
) -> None:
    models = importlib.import_module(f"{CLIENT}.models")
    with generated.AuthenticatedClient(f"{url}/api/v1", token=token) as client:
        me = operation("users.users_me_retrieve").sync(client=client)
        assert isinstance(me, models.User)
        assert (me.username, me.preferences.ui_language) == ("alice", "en")

        listed = operation("recordings.recordings_list").sync(client=client, per_page=1)
        (row,) = listed.recordings
        assert isinstance(row, models.RecordingList)
        assert (row.id, row.status) == (recording.pk, models.RecordingStatus.COMPLETED)
        assert row.created_at.tzinfo is not None
        assert listed.pagination.total == 1

        transcript = operation("recordings.recordings_transcript_retrieve").sync(
            recording.pk, client=client
        )
        assert [segment.speaker for segment in transcript.segments] == ["Alice", "Bob"]

        summary = operation("recordings.recordings_summary_retrieve").sync(
            recording.pk, client=client
        )
        assert (summary.has_summary, summary.summary_meta) == (False, None)

        refused = operation("recordings.recordings_retrieve").sync(10**6, client=client)
        assert isinstance(refused, models.Error)
        assert refused.error == "Recording not found"


def test_a_generated_client_asks_a_model(
    generated: ModuleType,
    url: str,
    token: str,
    recording: Recording,
    model_server: ModelServer,
) -> None:
    models = importlib.import_module(f"{CLIENT}.models")
    User.objects.update(extract_events=True)
    CalendarEvent.objects.create(
        recording=recording, title="Review", start_datetime=timezone.now(), attendees=["Ann"]
    )
    model_server.answers = ["Alice was there."]
    with generated.AuthenticatedClient(f"{url}/api/v1", token=token) as client:
        turn = models.ChatRequestConversationHistoryType0Item
        role = models.ChatRequestConversationHistoryType0ItemRole
        body = models.ChatRequest(
            message="Who attended?",
            conversation_history=[turn(role=role.USER, content="Hello")],
        )
        answer = operation("chat.recordings_chat_create").sync(
            recording.pk, client=client, body=body
        )
        assert answer.response == "Alice was there."
        assert answer.sources[0].speaker == "Alice"

        queued = operation("processing.recordings_summarize_create").sync(
            recording.pk,
            client=client,
            body=models.SummarizeRequest(custom_prompt="In one sentence."),
        )
        assert (queued.success, queued.status) == (True, "QUEUED")

        listed = operation("events.recordings_events_retrieve").sync(recording.pk, client=client)
        (event,) = listed.events
        assert (event.title, event.attendees, event.end_datetime) == ("Review", ["Ann"], None)
        file = operation("events.recordings_events_ics_retrieve").sync(recording.pk, client=client)
        assert file.startswith("BEGIN:VCALENDAR")

        titled = operation("recordings.recordings_regenerate_title_create").sync(
            recording.pk, client=client
        )
        assert titled.recording.title == titled.title == "Alice was there."


def test_a_generated_client_makes_a_token_beside_the_version(
    generated: ModuleType, url: str, token: str
) -> None:
    """The generator knows of one server; the document names another for these."""
    models = importlib.import_module(f"{CLIENT}.models")
    with generated.AuthenticatedClient(f"{url}/api", token=token) as client:
        body = models.TokenCreateRequest(name="phone", expires_in_days=90)
        made = operation("tokens.tokens_create").sync(client=client, body=body)
        assert isinstance(made, models.TokenMade)
        assert (made.name, len(made.token), made.last_used_at) == ("phone", 43, None)


def test_a_generated_client_asks_to_be_told(
    generated: ModuleType, url: str, token: str, names: Names
) -> None:
    models = importlib.import_module(f"{CLIENT}.models")
    with generated.AuthenticatedClient(f"{url}/api/v1", token=token) as client:
        body = models.WebhookCreateRequest(
            name="n8n",
            url="https://hooks.example.com/speakr",
            events=[models.EventType.RECORDING_TRANSCRIPTION_COMPLETED],
        )
        made = operation("webhooks.webhooks_create").sync(client=client, body=body)
        assert isinstance(made, models.WebhookWithSecret)
        assert (made.enabled, made.last_delivery_at, len(made.secret)) == (True, None, 43)

        listed = operation("webhooks.webhooks_list").sync(client=client)
        assert [hook.id for hook in listed.webhooks] == [made.id]
        assert set(listed.event_types) == set(models.EventType)

        sent = operation("webhooks.webhooks_test_create").sync(made.id, client=client)
        assert isinstance(sent, models.Delivery)
        assert (sent.status, sent.response_status) == (models.DeliveryStatus.PENDING, None)
        one = operation("webhooks.webhooks_deliveries_retrieve").sync(
            made.id, sent.id, client=client
        )
        assert json.loads(one.payload)["type"] == "webhook.test"
        again = operation("webhooks.webhooks_deliveries_replay_create").sync(
            made.id, sent.id, client=client
        )
        page = operation("webhooks.webhooks_deliveries_list").sync(made.id, client=client, limit=1)
        assert ([row.id for row in page.deliveries], page.limit) == ([again.id], 1)

        rotated = operation("webhooks.webhooks_rotate_secret_create").sync(
            made.id, client=client, body=models.RotateSecretRequest(overlap_seconds=60)
        )
        assert rotated.secret != made.secret
        change = models.WebhookUpdateRequest(enabled=False)
        changed = operation("webhooks.webhooks_partial_update").sync(
            made.id, client=client, body=change
        )
        assert (changed.enabled, changed.name) == (False, "n8n")
        refused = operation("webhooks.webhooks_test_create").sync(made.id, client=client)
        assert isinstance(refused, models.Error)
        operation("webhooks.webhooks_destroy").sync_detailed(made.id, client=client)
        gone = operation("webhooks.webhooks_retrieve").sync(made.id, client=client)
        assert gone.error == "Webhook not found"


def test_a_generated_client_writes(generated: ModuleType, url: str, token: str) -> None:
    models = importlib.import_module(f"{CLIENT}.models")
    types = importlib.import_module(f"{CLIENT}.types")
    with generated.AuthenticatedClient(f"{url}/api/v1", token=token) as client:
        tag = operation("tags.tags_create").sync(
            client=client, body=models.TagCreateRequest(name="Interviews", default_min_speakers=2)
        )
        assert isinstance(tag, models.Tag)
        assert (tag.default_min_speakers, tag.can_edit) == (2, True)
        file = types.File(payload=BytesIO(wav()), file_name="meeting.wav", mime_type="audio/wav")
        body = models.UploadRequest(file=file, notes="From a client", tag_ids=[tag.id])
        created = operation("recordings.recordings_upload_create").sync(client=client, body=body)
        assert isinstance(created, models.RecordingCreated)
        assert (created.status, created.warnings) == (models.RecordingStatus.PENDING, [])

        edited = operation("recordings.recordings_partial_update").sync(
            created.id,
            client=client,
            body=models.RecordingPatchRequest(title="Renamed", is_highlighted=True),
        )
        assert edited.recording.title == "Renamed"
        audio = operation("recordings.recordings_audio_retrieve").sync(created.id, client=client)
        assert audio.payload.read() == wav()

        batch = operation("batch.recordings_batch_partial_update").sync(
            client=client,
            body=models.BatchUpdateRequest(
                recording_ids=[created.id, 10**6],
                updates=models.BatchChangesRequest(remove_tag_ids=[tag.id]),
            ),
        )
        assert (batch.updated, batch.failed) == (1, 1)
        assert [item.success for item in batch.results] == [True, False]
        deleted = operation("batch.recordings_batch_destroy").sync(
            client=client, body=models.BatchRequest(recording_ids=[10**6])
        )
        assert deleted.failed == 1
        done = operation("recordings.recordings_destroy").sync(created.id, client=client)
        assert done.success
    assert not Recording.objects.exists()
