"""GET /recordings/{id}/transcript: json, text, srt, vtt (http-contract.md, 8.4)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording, make_transcript

pytestmark = pytest.mark.django_db

SEGMENTS = [
    {"speaker": "SPEAKER_00", "start": 0.0, "end": 2.5, "text": "Is 1 < 2 & 3 > 2?"},
    {"speaker": "SPEAKER_01", "start": 3661.25, "end": 3662.0, "text": "One\n-->\nline."},
    {"speaker": None, "start": 3663.0, "end": 3664.0, "text": "Who said that?"},
]


@pytest.fixture
def recording(alice: User) -> Recording:
    made = make_recording(owner=alice)
    make_transcript(recording=made, segments=SEGMENTS, SPEAKER_00="Zoë")
    return made


def get(client: APIClient, recording: Recording, **query: str) -> Response:
    return client.get(f"/api/v1/recordings/{recording.pk}/transcript", query)


def body(client: APIClient, recording: Recording, **query: str) -> dict[str, Any]:
    response = get(client, recording, **query)
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    return response.json()


@pytest.mark.parametrize("query", [{}, {"format": "json"}, {"format": "JSON"}, {"format": ""}])
def test_json_has_a_name_a_sentence_and_times(
    client: APIClient, recording: Recording, query: dict[str, str]
) -> None:
    assert body(client, recording, **query) == {
        "format": "json",
        "segments": [
            {
                "speaker": "Zoë",
                "sentence": "Is 1 < 2 & 3 > 2?",
                "start_time": 0.0,
                "end_time": 2.5,
            },
            {
                "speaker": "SPEAKER_01",
                "sentence": "One\n-->\nline.",
                "start_time": 3661.25,
                "end_time": 3662.0,
            },
            {
                "speaker": "Unknown Speaker",
                "sentence": "Who said that?",
                "start_time": 3663.0,
                "end_time": 3664.0,
            },
        ],
    }


def test_text_has_a_line_for_each_segment(client: APIClient, recording: Recording) -> None:
    assert body(client, recording, format="text") == {
        "format": "text",
        "content": "Zoë: Is 1 < 2 & 3 > 2?\nSPEAKER_01: One\n-->\nline.\nWho said that?",
    }


def test_srt_has_no_voice_tags(client: APIClient, recording: Recording) -> None:
    assert body(client, recording, format="srt") == {
        "format": "srt",
        "content": "1\n00:00:00,000 --> 00:00:02,500\nIs 1 < 2 & 3 > 2?\n\n"
        "2\n01:01:01,250 --> 01:01:02,000\nOne -> line.\n\n"
        "3\n01:01:03,000 --> 01:01:04,000\nWho said that?\n",
    }


def test_vtt_names_the_voice_and_escapes_the_text(client: APIClient, recording: Recording) -> None:
    assert body(client, recording, format=" VTT ") == {
        "format": "vtt",
        "content": "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:02.500\n<v Zoë>Is 1 &lt; 2 &amp; 3 &gt; 2?\n\n"
        "01:01:01.250 --> 01:01:02.000\n<v SPEAKER_01>One -&gt; line.\n\n"
        "01:01:03.000 --> 01:01:04.000\nWho said that?\n",
    }


def test_the_current_revision_is_shown_with_its_own_names(
    client: APIClient, recording: Recording
) -> None:
    segments = [{"speaker": "SPEAKER_00", "start": 0, "end": 1, "text": "Again."}]
    make_transcript(recording=recording, segments=segments, SPEAKER_00="Max")
    (segment,) = body(client, recording)["segments"]
    assert (segment["speaker"], segment["sentence"]) == ("Max", "Again.")


@pytest.mark.parametrize("unknown", ["xml", "docx", "json,srt", "../srt", "x" * 500])
def test_an_unknown_format_is_refused_with_the_known_ones(
    client: APIClient, recording: Recording, unknown: str
) -> None:
    response = get(client, recording, format=unknown)
    assert response.status_code == 400
    sentence = response.json()["error"]
    assert sentence.startswith("Unknown format: ")
    assert all(name in sentence for name in ("json", "text", "srt", "vtt"))
    assert len(sentence) < 100


@pytest.mark.parametrize("form", ["json", "text", "srt", "vtt", "xml"])
def test_without_a_transcript_there_is_nothing_to_format(
    client: APIClient, alice: User, form: str
) -> None:
    response = get(client, make_recording(owner=alice), format=form)
    assert response.status_code == 404
    assert response.json() == {"error": "No transcription available"}


def test_a_client_that_wants_subtitles_by_header_still_gets_json(
    client: APIClient, recording: Recording
) -> None:
    response = client.get(
        f"/api/v1/recordings/{recording.pk}/transcript?format=srt", HTTP_ACCEPT="text/srt"
    )
    assert response.status_code == 200
    assert response.json()["format"] == "srt"
