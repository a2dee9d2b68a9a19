"""Reading the answers of WhisperX-style services that are not quite as documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recordings.connectors.asr_reply import transcript
from recordings.connectors.base import TranscriptionRequest


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        ({"text": " All of it. "}, ["All of it."]),
        ({"segments": []}, []),
        ({"segments": [None, 3, {"text": ""}, {"start": 1}]}, []),
        ({"segments": [{"text": "a", "start": "x", "end": None}]}, ["a"]),
        ({"segments": [{"text": "a", "start": 50, "end": 2, "words": "?"}]}, ["a"]),
        ({"segments": [{"text": "a", "start": -1, "end": 2, "words": [{}, None]}]}, ["a"]),
        ({"segments": [{"text": "a", "speaker": 1}], "speaker_embeddings": []}, ["a"]),
    ],
)
def test_an_untidy_answer_is_read_as_far_as_it_goes(document: dict, texts: list[str]) -> None:
    asked = TranscriptionRequest(wav=Path("x"), start=100.0, end=110.0)

    heard = transcript(json.dumps(document).encode(), request=asked, model="m")

    assert [segment.text for segment in heard.segments] == texts
    assert all(100 <= segment.start <= segment.end <= 110 for segment in heard.segments)
