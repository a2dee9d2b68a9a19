"""The WhisperX-style connector against a real HTTP server on this machine."""

from __future__ import annotations

import base64
import importlib
import io
import json
import socket
import threading
import time
import tracemalloc
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from recordings.connectors import asr_endpoint, registry
from recordings.connectors.asr_endpoint import AsrEndpointConnector, AsrEndpointOptions
from recordings.connectors.base import (
    ConnectorError,
    Transcript,
    TranscriptionCancelled,
    TranscriptionRequest,
)
from tests.recordings.speech import write_wav

WHISPERX = {
    "language": "en",
    "segments": [
        {
            "start": 0.5,
            "end": 1.5,
            "text": " Good morning.",
            "speaker": "SPEAKER_03",
            "words": [
                {"word": "Good", "start": 0.5, "end": 0.9, "score": 0.9},
                {"word": "morning.", "start": 0.9, "end": 1.5},
            ],
        },
        {"start": 1.6, "end": 2.5, "text": "To you."},
        {
            "start": 2.5,
            "end": 4.0,
            "text": "In 2024, yes.",
            "speaker": "SPEAKER_00",
            "words": [
                {"word": "In", "start": 2.6, "end": 2.8},
                {"word": "2024,"},
                {"word": "yes.", "start": 3.5, "end": 4.0},
            ],
        },
    ],
    "speaker_embeddings": {"SPEAKER_00": [0.25] * 256, "SPEAKER_09": [1.0] * 256},
}


def never() -> bool:
    return False


@dataclass
class Service:
    """What the server answers, and what it was sent."""

    url: str = ""
    status: int = 200
    body: bytes = json.dumps(WHISPERX).encode()
    reads_everything: bool = True
    received: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    sent: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def audio(self) -> wave.Wave_read:
        """The uploaded file, found by Python's own multipart parser."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + self.sent, policy=HTTP).iter_parts()
        assert part.get_param("name", header="content-disposition") == "audio_file"
        assert part.get_filename()
        return wave.open(io.BytesIO(part.get_payload(decode=True)))


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    service.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.target = self.path
            service.headers = {name.lower(): value for name, value in self.headers.items()}
            if service.reads_everything:
                service.sent = self.rfile.read(int(self.headers["Content-Length"]))
            service.received.set()
            if not service.may_answer.is_set():
                self.wait_until_hung_up()
                return
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(service.body)))
            self.end_headers()
            self.wfile.write(service.body)

        def wait_until_hung_up(self) -> None:
            self.connection.settimeout(20)
            if self.connection.recv(1) == b"":
                service.hung_up.set()

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Ten seconds whose samples say which second they are in."""
    pcm = b"".join(second.to_bytes(2, "little") * 16_000 for second in range(10))
    return write_wav(tmp_path / "recording.wav", pcm)


@pytest.fixture
def transcribe(service: Service, wav: Path) -> Callable[..., Transcript]:
    def run(
        options: dict[str, Any] | None = None,
        should_stop: Callable[[], bool] = never,
        **changes: Any,
    ) -> Transcript:
        options = {"base_url": service.url, "timeout_seconds": 20.0, **(options or {})}
        connector = AsrEndpointConnector(AsrEndpointOptions(**options))
        asked = TranscriptionRequest(**{"wav": wav, "start": 0.0, "end": 10.0, **changes})
        return connector.transcribe(asked, should_stop=should_stop)

    return run


def test_everything_asked_for_is_in_the_query(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    transcribe(
        {"return_embeddings": True},
        language="de",
        hotwords="Speakr, Müller & Söhne",
        initial_prompt="A meeting.",
        model="large-v3",
        min_speakers=2,
        max_speakers=5,
    )

    assert urlsplit(service.target).path == "/asr"
    assert service.query == {
        "encode": "true",
        "task": "transcribe",
        "output": "json",
        "language": "de",
        "diarize": "true",
        "enable_diarization": "true",
        "return_speaker_embeddings": "true",
        "min_speakers": "2",
        "max_speakers": "5",
        "hotwords": "Speakr, Müller & Söhne",
        "initial_prompt": "A meeting.",
        "model": "large-v3",
    }


@pytest.mark.parametrize(("by_default", "asked_for"), [(False, True), (True, False)])
def test_without_diarization_no_speaker_is_asked_for_or_believed(
    service: Service,
    transcribe: Callable[..., Transcript],
    by_default: bool,
    asked_for: bool,
) -> None:
    heard = transcribe(
        {"return_embeddings": True, "diarize": by_default}, diarize=asked_for, min_speakers=2
    )

    assert service.query["diarize"] == service.query["enable_diarization"] == "false"
    assert service.query["return_speaker_embeddings"] == "false"
    assert "min_speakers" not in service.query
    assert {segment.label for segment in heard.segments} == {None}
    assert heard.embeddings == {}


def test_the_whole_recording_is_sent_as_it_is(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    transcribe()

    assert service.audio.getnframes() == 160_000
    assert int(service.headers["content-length"]) == len(service.sent)


def test_a_window_is_cut_out_and_its_times_are_moved(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    heard = transcribe(start=4.0, end=9.0)

    assert service.audio.getnframes() == 5 * 16_000
    assert service.audio.readframes(1) == (4).to_bytes(2, "little")
    assert heard.segments[0].start == 4.5
    assert heard.segments[0].words[1].end == 5.5


def test_a_long_recording_is_not_read_into_memory(
    transcribe: Callable[..., Transcript], service: Service, tmp_path: Path
) -> None:
    service.reads_everything = False
    service.status = 413
    long_wav = write_wav(tmp_path / "long.wav", bytes(64 * 1024 * 1024))
    tracemalloc.start()

    with pytest.raises(ConnectorError):
        transcribe(wav=long_wav, end=2097.152)

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4 * 1024 * 1024


def test_labels_are_numbered_as_they_appear_and_a_missing_one_is_inherited(
    transcribe: Callable[..., Transcript],
) -> None:
    heard = transcribe()

    assert [segment.label for segment in heard.segments] == [
        "SPEAKER_00",
        "SPEAKER_00",
        "SPEAKER_01",
    ]
    assert heard.embeddings == {"SPEAKER_01": [0.25] * 256}
    assert heard.segments[0].text == "Good morning."
    assert heard.language == "en"


def test_a_word_without_times_gets_them_from_its_neighbours(
    transcribe: Callable[..., Transcript],
) -> None:
    number = transcribe().segments[2].words[1]

    assert number.text == "2024,"
    assert 2.8 <= number.start <= number.end <= 3.5


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b'{"error": "x"}', b"[" * 100_000])
def test_an_answer_that_is_no_transcript_may_be_tried_again(
    service: Service, transcribe: Callable[..., Transcript], body: bytes
) -> None:
    service.body = body

    with pytest.raises(ConnectorError) as caught:
        transcribe()

    assert (caught.value.code, caught.value.permanent) == ("service_failed", False)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (404, True), (422, True), (302, True)]
    + [(408, False), (429, False), (500, False), (502, False), (503, False)],
)
def test_the_status_decides_whether_another_try_makes_sense(
    service: Service, transcribe: Callable[..., Transcript], status: int, permanent: bool
) -> None:
    service.status = status

    with pytest.raises(ConnectorError, match=str(status)) as caught:
        transcribe()

    assert caught.value.permanent == permanent


def test_a_refusal_before_the_upload_is_through_is_understood(
    service: Service, transcribe: Callable[..., Transcript], tmp_path: Path
) -> None:
    service.reads_everything = False
    service.status = 413
    big = write_wav(tmp_path / "big.wav", bytes(32 * 1024 * 1024))

    with pytest.raises(ConnectorError) as caught:
        transcribe(wav=big, end=1048.576)

    assert (caught.value.code, caught.value.permanent) == ("service_refused", True)


def test_a_service_that_is_not_there_may_be_tried_again(
    transcribe: Callable[..., Transcript],
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    with pytest.raises(ConnectorError) as caught:
        transcribe({"base_url": f"http://bob:hush@127.0.0.1:{port}"})

    assert (caught.value.code, caught.value.permanent) == ("service_unreachable", False)
    assert "hush" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_service_that_hangs_is_left_at_the_time_limit(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    service.may_answer.clear()
    began = time.monotonic()

    with pytest.raises(ConnectorError) as caught:
        transcribe({"timeout_seconds": 0.5})

    assert (caught.value.code, caught.value.permanent) == ("service_unreachable", False)
    assert time.monotonic() - began < 30
    assert service.hung_up.wait(30)


def test_cancelling_hangs_up_at_once(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    service.may_answer.clear()

    with pytest.raises(TranscriptionCancelled):
        transcribe(should_stop=service.received.is_set)

    assert service.hung_up.wait(30)


def test_credentials_and_a_path_in_the_address_are_used(
    service: Service, transcribe: Callable[..., Transcript]
) -> None:
    transcribe({"base_url": service.url.replace("//", "//bob:p%40ss@") + "/v2/"})

    assert urlsplit(service.target).path == "/v2/asr"
    assert service.headers["authorization"] == ("Basic " + base64.b64encode(b"bob:p@ss").decode())


@pytest.mark.parametrize("address", ["", "asr:9000", "ftp://asr", "http://"])
def test_an_address_that_is_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        AsrEndpointConnector(AsrEndpointOptions(base_url=address))

    assert caught.value.permanent


def test_a_window_is_bounded_only_where_chunking_is_on() -> None:
    whole = AsrEndpointOptions(base_url="http://asr:9000", max_duration_seconds=1000)
    chunked = AsrEndpointOptions(
        base_url="http://asr:9000", max_duration_seconds=1000, chunking=True
    )

    assert AsrEndpointConnector(whole).limits.window_seconds is None
    assert AsrEndpointConnector(chunked).limits.window_seconds == 800


@pytest.mark.parametrize("name", registry.names())
def test_every_registered_name_is_the_name_of_its_connector(name: str) -> None:
    module_name, class_name = registry.CONNECTORS[name].rsplit(".", 1)

    assert getattr(importlib.import_module(module_name), class_name).name == name


def test_the_registry_makes_and_describes_it() -> None:
    connector = registry.load(
        "asr_endpoint", AsrEndpointOptions(base_url="http://asr:9000", model="large-v3")
    )

    assert isinstance(connector, asr_endpoint.AsrEndpointConnector)
    description = registry.describe(connector)
    assert description["connector"] == "asr_endpoint"
    assert description["default_model"] == "large-v3"
    assert set(description["capabilities"]) == {
        "diarization",
        "speaker_count_control",
        "hotwords",
        "initial_prompt",
        "timestamps",
        "language_detection",
        "chunking",
    }
