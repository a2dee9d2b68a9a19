"""POST /recordings/upload: what is refused leaves no trace (http-contract.md, 0.1.17)."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from rest_framework.response import Response
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token
from recordings.models import Job, Recording
from tests.recordings.api.conftest import Disk
from tests.recordings.api.uploading import (
    BOUNDARY,
    CONTENT_TYPE,
    UPLOAD,
    field_part,
    file_part,
    form,
    post_body,
    upload,
    wav,
    wav_of_unknown_codec,
)
from tests.recordings.media_samples import make_silent_video, picture

pytestmark = pytest.mark.django_db


def assert_refused(answer: Response, disk: Disk, status: int = 400) -> str:
    """The sentence, once it is sure that nothing of the upload is left."""
    assert answer.status_code == status, answer.content
    sentence = answer.json()["error"]
    assert sentence[0].isupper()
    assert "/" not in sentence
    assert_no_trace(disk)
    return sentence


def assert_no_trace(disk: Disk) -> None:
    assert not Recording.objects.exists()
    assert not Job.objects.exists()
    assert disk.files() == []


def test_a_form_without_a_file_is_refused(client: APIClient, disk: Disk) -> None:
    answer = client.post(UPLOAD, {"notes": "no file"}, format="multipart")
    assert assert_refused(answer, disk) == "No file provided"


def test_a_file_field_that_is_a_text_is_refused(client: APIClient, disk: Disk) -> None:
    answer = client.post(UPLOAD, {"file": "not a file"}, format="multipart")
    assert_refused(answer, disk)


def test_a_file_under_another_name_is_refused(client: APIClient, disk: Disk) -> None:
    part = file_part(wav()).replace(b'name="file"', b'name="audio"')
    assert assert_refused(post_body(client, form(part)), disk) == "No file provided"


def test_a_file_without_a_name_is_refused(client: APIClient, disk: Disk) -> None:
    answer = post_body(client, form(file_part(wav(), 'filename=""')))
    assert assert_refused(answer, disk) == "No file selected"


def test_an_empty_form_is_refused(client: APIClient, disk: Disk) -> None:
    assert_refused(post_body(client, form()), disk)
    assert_refused(post_body(client, b""), disk)


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "audio/wav", ""])
def test_anything_but_a_form_is_refused(client: APIClient, disk: Disk, media_type: str) -> None:
    answer = post_body(client, wav(), content_type=media_type)
    assert answer.status_code == 415
    assert answer.json()["error"]
    assert_no_trace(disk)


@pytest.mark.parametrize(
    "media_type", ["multipart/form-data", 'multipart/form-data; boundary=""', f"{CONTENT_TYPE}é"]
)
def test_a_form_without_a_usable_boundary_is_refused(
    client: APIClient, disk: Disk, media_type: str
) -> None:
    assert_refused(post_body(client, form(file_part(wav())), content_type=media_type), disk)


def undecodable() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    yield "one byte", b"\0"
    yield "text", b"Good morning. This is not a recording.\n" * 200
    yield "HTML", b"<!doctype html><html><body><audio src=meeting.wav></body></html>" * 20
    yield "random bytes", random.Random(7).randbytes(50_000)
    yield "zeros", bytes(50_000)
    yield "a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(4000)
    yield "a ZIP", b"PK\x03\x04\x14" + bytes(4000)
    yield "a WAV header cut in two", wav()[:20]
    yield "a WAV header and no audio", wav()[:44]
    yield "an M4A header and no audio", b"\0\0\0\x1cftypM4A \0\0\2\0M4A isomiso2\0\0\0\x08free"
    yield "an Ogg page header", b"OggS\0\2" + bytes(20)
    yield "an ID3 tag and no audio", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
    yield "a PNG", picture("png")
    yield "a JPEG", picture("mjpeg")
    yield "audio of an unknown codec", wav_of_unknown_codec()


@pytest.mark.parametrize(
    "data", [pytest.param(data, id=name.replace(" ", "-")) for name, data in undecodable()]
)
def test_what_cannot_be_decoded_is_refused(client: APIClient, disk: Disk, data: bytes) -> None:
    assert_refused(upload(client, data), disk)


def test_a_video_without_audio_is_refused(client: APIClient, disk: Disk, tmp_path: Path) -> None:
    video = make_silent_video(tmp_path / "silent.mp4").read_bytes()
    assert "no audio" in assert_refused(upload(client, video, "silent.mp4"), disk)


PLAYLISTS = {
    "hls.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
    "hls-url.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{path}'\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "manifest.mpd": '<?xml version="1.0"?><MPD><Period><BaseURL>{path}</BaseURL></Period></MPD>',
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_never_opens_the_file_that_it_names(
    client: APIClient, disk: Disk, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav())
    assert_refused(upload(client, PLAYLISTS[name].format(path=secret).encode(), name), disk)


BODY = form(field_part("title", "Before"), file_part(wav()), field_part("notes", "After"))
CUTS = {
    "in-the-first-boundary": 5,
    "in-the-first-field": BODY.index(b"Before") + 3,
    "in-the-header-of-the-file": BODY.index(b"filename") + 12,
    "before-the-first-byte-of-the-file": BODY.index(b"RIFF"),
    "in-the-header-of-the-audio": BODY.index(b"RIFF") + 30,
    "in-the-middle-of-the-file": BODY.index(b"RIFF") + 1000,
    "after-the-last-byte-of-the-file": BODY.index(b"RIFF") + len(wav()),
    "in-the-boundary-after-the-file": BODY.index(b"RIFF") + len(wav()) + 6,
    "in-the-field-after-the-file": BODY.index(b"After") + 2,
    "before-the-final-boundary": BODY.rindex(f"\r\n--{BOUNDARY}--".encode()),
    "in-the-final-boundary": BODY.rindex(b"--\r\n"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_body_that_ends_early_is_refused(client: APIClient, disk: Disk, cut: str) -> None:
    assert_refused(post_body(client, BODY[: CUTS[cut]], announced=len(BODY)), disk)


@pytest.mark.parametrize("cut", CUTS)
def test_a_form_that_is_not_closed_is_refused(client: APIClient, disk: Disk, cut: str) -> None:
    assert_refused(post_body(client, BODY[: CUTS[cut]]), disk)


def test_a_form_closed_without_a_line_break_is_accepted(client: APIClient) -> None:
    assert post_body(client, BODY.rstrip()).status_code == 202


def test_words_after_the_final_boundary_do_no_harm(client: APIClient) -> None:
    assert post_body(client, BODY + b"an epilogue\r\n").status_code == 202


def test_a_broken_transfer_encoding_is_refused(client: APIClient, disk: Disk) -> None:
    part = file_part(b"!!! not base64 !!!").replace(
        b"Content-Type", b"Content-Transfer-Encoding: base64\r\nContent-Type"
    )
    assert_refused(post_body(client, form(part)), disk)


@pytest.mark.parametrize(
    "disposition", ["filename*=nonsense''a.wav", "filename*=rot13''a.wav", "filename*=utf-8''"]
)
def test_a_name_in_an_impossible_encoding_is_no_server_error(
    client: APIClient, disposition: str
) -> None:
    assert post_body(client, form(file_part(wav(), disposition))).status_code in (202, 400)


@pytest.mark.parametrize("charset", ["rot13", "utf-7", "unicode_escape", "nonsense", "idna"])
def test_a_form_in_an_odd_charset_is_no_server_error(client: APIClient, charset: str) -> None:
    body = form(field_part("notes", b"+2AA- \\ud800 \xff"), file_part(wav()))
    answer = post_body(client, body, content_type=f"{CONTENT_TYPE}; charset={charset}")
    assert answer.status_code in (202, 400)


def test_too_many_fields_are_refused(client: APIClient, disk: Disk) -> None:
    parts = [field_part(f"field{number}", "x") for number in range(1100)]
    assert_refused(post_body(client, form(file_part(wav()), *parts)), disk)


def test_too_many_files_are_refused(client: APIClient, disk: Disk) -> None:
    assert_refused(post_body(client, form(*[file_part(wav())] * 101)), disk)


def test_of_two_files_only_one_is_stored(client: APIClient, disk: Disk) -> None:
    assert post_body(client, form(file_part(wav()), file_part(wav(0.3)))).status_code == 202
    assert len(disk.files()) == 1


def test_fields_too_large_for_memory_are_refused(
    client: APIClient, disk: Disk, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = form(file_part(wav()), field_part("notes", "x" * 2000))
    assert_refused(post_body(client, body), disk, status=413)


@pytest.mark.parametrize("length", ["nonsense", "-5", "1e9", "٣", ""])
def test_a_length_that_is_no_number_is_no_server_error(
    client: APIClient, disk: Disk, length: str
) -> None:
    answer = client.generic("POST", UPLOAD, BODY, CONTENT_TYPE, CONTENT_LENGTH=length)
    assert_refused(answer, disk)


class Wire:
    """A connection to a real server, on which a request need not be whole."""

    def __init__(self, server: LiveServer, secret: str) -> None:
        self._socket = socket.create_connection((server.thread.host, server.thread.port), 20)
        self._secret = secret

    def send_headers(self, content_length: int) -> None:
        lines = [
            f"POST {UPLOAD} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {self._secret}",
            f"Content-Type: {CONTENT_TYPE}",
            f"Content-Length: {content_length}",
        ]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hang_up(self) -> None:
        """No more is coming; the answer can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> HTTPResponse:
        response = HTTPResponse(self._socket)
        response.begin()
        return response

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def wire(transactional_db: None, live_server: LiveServer, alice: User) -> Iterator[Wire]:
    _, secret = issue_token(user=alice, name="wire")
    made = Wire(live_server, secret)
    yield made
    made.close()


@pytest.mark.parametrize("cut", ["in-the-middle-of-the-file", "in-the-field-after-the-file"])
def test_a_connection_that_breaks_off_leaves_no_trace(wire: Wire, disk: Disk, cut: str) -> None:
    wire.send_headers(len(BODY))
    wire.send(BODY[: CUTS[cut]])
    wire.hang_up()
    answer = wire.answer()
    assert answer.status == 400
    assert b'"error"' in answer.read()
    assert_no_trace(disk)


def test_too_large_a_body_is_refused_before_it_is_sent(wire: Wire, disk: Disk) -> None:
    wire.send_headers(2 * 1024**3)
    answer = wire.answer()
    assert answer.status == 413
    assert b'"max_size_mb":' in answer.read()
    assert_no_trace(disk)
