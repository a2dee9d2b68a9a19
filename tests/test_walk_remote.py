"""The same walk with a WhisperX-style service behind asr_endpoint: a real HTTP server on this
machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import User
from recordings.models import Job, Recording
from recordings.pipeline.options import Hints
from recordings.services.upload import Upload, create_recording
from recordings.tasks import work
from tests.fakes import tone

pytestmark = pytest.mark.django_db(transaction=True)

REPLY = {
    "language": "de",
    "segments": [
        {"start": 0.1, "end": 0.9, "text": " Guten Tag.", "speaker": "SPEAKER_07"},
        {"start": 1.1, "end": 1.9, "text": " Hallo.", "speaker": "SPEAKER_02"},
    ],
    "speaker_embeddings": {"SPEAKER_07": [1.0] + [0.0] * 255},
}


class Service:
    """`status` and `reply` are what it answers; `queries` what it was asked."""

    status = 200
    reply: Any = REPLY

    def __init__(self) -> None:
        self.queries: list[dict[str, list[str]]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                service.queries.append(parse_qs(urlsplit(self.path).query))
                body = json.dumps(service.reply).encode()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    service = Service()
    settings.TRANSCRIPTION_CONNECTOR = "asr_endpoint"
    settings.ASR_BASE_URL = service.url
    settings.ASR_RETURN_SPEAKER_EMBEDDINGS = True
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def recording(alice: User, tmp_path: Path, service: Service) -> Recording:
    # Not a whole number of the 10 ms that loudness is measured in.
    path = tone(tmp_path / "tone.wav", seconds=2.005)
    upload = Upload(
        path=path,
        filename="tone.wav",
        size_bytes=path.stat().st_size,
        sha256="0" * 64,
        hints=Hints(language="de", min_speakers=2, hotwords="Speakr"),
    )
    return create_recording(by=alice, upload=upload).recording


def test_the_service_s_words_and_voices_become_the_transcript(
    recording: Recording, service: Service
) -> None:
    work("gpu")
    work("text")
    recording.refresh_from_db()
    assert recording.status == Recording.Status.COMPLETED, recording.error_message
    assert [
        (segment["speaker"], segment["text"]) for segment in recording.current_transcript.segments
    ] == [("SPEAKER_00", "Guten Tag."), ("SPEAKER_01", "Hallo.")]
    assert recording.current_transcript.speakers.get(label="SPEAKER_00").embedding[0] == 1.0
    (query,) = service.queries
    assert (query["language"], query["min_speakers"], query["hotwords"]) == (
        ["de"],
        ["2"],
        ["Speakr"],
    )


def test_a_refusal_of_the_service_fails_the_recording_with_its_reason(
    recording: Recording, service: Service
) -> None:
    service.status = 401
    work("gpu")
    recording.refresh_from_db()
    assert recording.status == Recording.Status.FAILED
    assert recording.error_message == "The transcription service answered with status 401."


def test_a_service_that_is_down_is_asked_again_later(
    recording: Recording, service: Service
) -> None:
    service.status = 503
    work("gpu")
    recording.refresh_from_db()
    assert recording.status == Recording.Status.PENDING
    job = Job.objects.get()
    assert (job.status, job.attempts) == (Job.Status.QUEUED, 1)
