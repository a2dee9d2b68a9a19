"""GET /transcription: what transcription on this server can do (http-contract.md, 9.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from constance import config
from rest_framework.test import APIClient

from accounts.models import User

pytestmark = pytest.mark.django_db


def connector(client: APIClient) -> dict[str, Any]:
    response = client.get("/api/v1/transcription")
    assert response.status_code == 200, response.content
    return response.json()


def test_a_fresh_server_tells_what_it_can_do(client: APIClient) -> None:
    body = connector(client)
    assert body["connector"] == "faster_whisper"
    assert set(body["capabilities"]) == {
        "diarization",
        "speaker_count_control",
        "hotwords",
        "initial_prompt",
        "timestamps",
        "language_detection",
        "chunking",
    }
    assert {type(flag) for flag in body["capabilities"].values()} == {bool}
    assert body["capabilities"]["timestamps"] is True
    assert body["models"] == []
    assert body["default_model"]


def test_the_operators_models_are_listed_with_their_labels(client: APIClient) -> None:
    config.transcription_models_visible_json = (
        '["base", {"value": "small", "label": "Slower"}, {"value": "tiny", "label": " "}, '
        '{"label": "no value"}, 7, ""]'
    )
    config.transcription_default_model = "small"
    body = connector(client)
    assert body["models"] == [
        {"value": "base", "label": "base"},
        {"value": "small", "label": "Slower"},
        {"value": "tiny", "label": "tiny"},
    ]
    assert body["default_model"] == "small"


def test_without_a_list_of_the_operator_the_environments_counts(
    client: APIClient, settings: Any
) -> None:
    settings.TRANSCRIPTION_MODELS_AVAILABLE = ["base", "small"]
    settings.TRANSCRIPTION_MODEL_LABELS = ["Quick"]
    assert connector(client)["models"] == [
        {"value": "base", "label": "Quick"},
        {"value": "small", "label": "small"},
    ]


@pytest.mark.parametrize(
    ("diarizer", "connector_name", "asks_service", "is_capable"),
    [
        ("embedded", "faster_whisper", True, True),
        ("none", "faster_whisper", True, False),
        ("none", "asr_endpoint", True, True),
        ("none", "asr_endpoint", False, False),
        ("embedded", "asr_endpoint", False, True),
    ],
)
def test_speakers_are_promised_only_where_something_tells_them_apart(
    client: APIClient,
    settings: Any,
    diarizer: str,
    connector_name: str,
    asks_service: bool,
    is_capable: bool,
) -> None:
    settings.DIARIZER, settings.ASR_DIARIZE = diarizer, asks_service
    settings.TRANSCRIPTION_CONNECTOR, settings.ASR_BASE_URL = connector_name, "http://asr:9000"
    body = connector(client)
    assert body["connector"] == connector_name
    capabilities = body["capabilities"]
    assert capabilities["diarization"] is is_capable
    assert capabilities["speaker_count_control"] is is_capable


def test_who_is_not_logged_in_is_told_nothing(api: Callable[[User | None], APIClient]) -> None:
    assert api(None).get("/api/v1/transcription").status_code == 401
