"""GET /recordings/{id}/audio: ranges, conditions, names.

http-contract.md, 10.3; RFC 9110, sections 13 and 14.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import http_date
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording
from tests.recordings.api.conftest import Disk

pytestmark = pytest.mark.django_db

# More than the server reads at once.
BYTES = bytes(range(256)) * 300
SIZE = len(BYTES)
STORED_AT = datetime(2024, 1, 15, 10, tzinfo=UTC)


@pytest.fixture
def recording(alice: User, disk: Disk) -> Recording:
    key = default_storage.save("audio/1/2024/01/0123456789abcdef.wav", ContentFile(BYTES))
    os.utime(default_storage.path(key), (STORED_AT.timestamp(),) * 2)
    return make_recording(
        owner=alice, audio_key=key, mime_type="audio/wav", original_filename="meeting.wav"
    )


def get(client: APIClient, recording: Recording, query: str = "", **headers: str) -> HttpResponse:
    return client.get(f"/api/v1/recordings/{recording.pk}/audio{query}", headers=headers)


def content(response: HttpResponse) -> bytes:
    return b"".join(response.streaming_content)


def test_the_whole_file_comes_with_its_headers(client: APIClient, recording: Recording) -> None:
    response = get(client, recording)
    assert response.status_code == 200
    assert content(response) == BYTES
    assert response["Content-Type"] == "audio/wav"
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == '"0123456789abcdef"'
    assert response["Last-Modified"] == "Mon, 15 Jan 2024 10:00:00 GMT"
    assert "no-cache" in response["Cache-Control"]
    assert response["Content-Disposition"] == 'inline; filename="meeting.wav"'
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=60000-70000", 60_000, 70_000),
        ("bytes=1000-", 1000, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=1-{SIZE * 10}", 1, SIZE - 1),
        ("bytes= 5 - 9 ", 5, 9),
    ],
)
def test_a_range_is_cut_out(
    client: APIClient, recording: Recording, asked: str, first: int, last: int
) -> None:
    response = get(client, recording, Range=asked)
    assert response.status_code == 206
    assert content(response) == BYTES[first : last + 1]
    assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Content-Length"] == str(last - first + 1)
    assert response["Content-Type"] == "audio/wav"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_a_range_outside_of_the_file_cannot_be_met(
    client: APIClient, recording: Recording, asked: str
) -> None:
    response = get(client, recording, Range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert response["Content-Type"] == "application/json"
    assert response.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=abc-def",
        "bytes=9-5",
        "bytes=--5",
        "bytes=0-1,5-6",
        "bytes=0x0-0x5",
        "bytes=٠-٥",
        "items=0-5",
        "0-5",
        f"bytes=0-{'9' * 30}",
        "bytes=0-5; drop",
    ],
)
def test_a_range_that_makes_no_sense_is_ignored(
    client: APIClient, recording: Recording, asked: str
) -> None:
    response = get(client, recording, Range=asked)
    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ('"0123456789abcdef"', 206),
        ('W/"0123456789abcdef"', 200),
        ('"another"', 200),
        (http_date(STORED_AT.timestamp()), 206),
        (http_date(STORED_AT.timestamp() - 1), 200),
        (http_date(STORED_AT.timestamp() + 1), 200),
        ("yesterday", 200),
    ],
)
def test_a_range_of_what_is_no_longer_there_gives_the_whole(
    client: APIClient, recording: Recording, if_range: str, status: int
) -> None:
    response = get(client, recording, **{"Range": "bytes=0-99", "If-Range": if_range})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("If-None-Match", '"0123456789abcdef"', 304),
        ("If-None-Match", 'W/"0123456789abcdef"', 304),
        ("If-None-Match", '"a", "0123456789abcdef"', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"another"', 200),
        ("If-None-Match", "nonsense", 200),
        ("If-Modified-Since", http_date(STORED_AT.timestamp()), 304),
        ("If-Modified-Since", http_date(STORED_AT.timestamp() + 3600), 304),
        ("If-Modified-Since", http_date(STORED_AT.timestamp() - 1), 200),
        ("If-Modified-Since", "nonsense", 200),
        ("If-Match", '"0123456789abcdef"', 200),
        ("If-Match", '"another"', 412),
        ("If-Unmodified-Since", http_date(STORED_AT.timestamp() - 1), 412),
    ],
)
def test_conditions_are_honoured(
    client: APIClient, recording: Recording, name: str, value: str, status: int
) -> None:
    response = get(client, recording, **{name: value})
    assert response.status_code == status
    assert response["ETag"] == '"0123456789abcdef"'
    if status == 304:
        assert not response.content
    if status == 412:
        assert response.json()["error"]


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-99"}])
def test_head_tells_the_same_without_the_bytes(
    client: APIClient, recording: Recording, asked: dict[str, str]
) -> None:
    path = f"/api/v1/recordings/{recording.pk}/audio"
    response = client.head(path, headers=asked)
    assert response.status_code == 200
    assert response["Content-Length"] == str(SIZE)
    assert "Content-Range" not in response
    assert b"".join(response) == b""


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("", "inline"),
        ("?download=", "inline"),
        ("?download=false", "inline"),
        ("?download=0", "inline"),
        ("?download=true", "attachment"),
        ("?download=TRUE", "attachment"),
        ("?download=1", "attachment"),
        ("?download=yes", "attachment"),
    ],
)
def test_a_download_is_asked_for_by_name(
    client: APIClient, recording: Recording, query: str, kind: str
) -> None:
    response = get(client, recording, query)
    assert response["Content-Disposition"] == f'{kind}; filename="meeting.wav"'


def test_a_download_that_is_neither_true_nor_false_is_refused(
    client: APIClient, recording: Recording
) -> None:
    response = get(client, recording, "?download=maybe")
    assert response.status_code == 400
    assert "true" in response.json()["error"]


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"original_filename": 'say "hi".wav'}, r'filename="say \"hi\".wav"'),
        ({"original_filename": "a\\b.wav"}, r'filename="a\\b.wav"'),
        ({"original_filename": "Zoë.wav"}, "filename*=utf-8''Zo%C3%AB.wav"),
        ({"original_filename": "會議.wav"}, "filename*=utf-8''%E6%9C%83%E8%AD%B0.wav"),
        ({"original_filename": "a.wav; x=y"}, 'filename="a.wav; x=y"'),
        ({"original_filename": "talk.mp4", "keep_audio_only": True}, 'filename="talk.wav"'),
        ({"original_filename": "talk.WAV", "keep_audio_only": True}, 'filename="talk.WAV"'),
        ({"original_filename": None}, 'filename="recording-{pk}"'),
        ({"original_filename": "a\r\nSet-Cookie: b=c"}, None),
    ],
)
def test_the_name_of_a_download_is_the_uploads(
    client: APIClient, recording: Recording, columns: dict[str, Any], shown: str | None
) -> None:
    Recording.objects.update(**columns)
    response = get(client, recording, "?download=true")
    assert response.status_code == 200
    assert "Set-Cookie" not in response
    if shown is not None:
        expected = f"attachment; {shown.replace('{pk}', str(recording.pk))}"
        assert response["Content-Disposition"] == expected


def test_an_unknown_type_is_called_mpeg(client: APIClient, recording: Recording) -> None:
    Recording.objects.update(mime_type=None)
    assert get(client, recording)["Content-Type"] == "audio/mpeg"


def test_a_player_that_wants_only_audio_gets_it(client: APIClient, recording: Recording) -> None:
    assert get(client, recording, Accept="audio/*;q=0.9").status_code == 200


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"audio_key": "", "audio_deleted_at": timezone.now()}, "Audio has been deleted"),
        ({"audio_key": ""}, "No audio file"),
        ({"audio_key": "audio/1/2024/01/gone.wav"}, "Audio file not found"),
    ],
)
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}])
def test_audio_that_is_not_there_is_not_found(
    client: APIClient,
    recording: Recording,
    columns: dict[str, Any],
    sentence: str,
    asked: dict[str, str],
) -> None:
    Recording.objects.update(**columns)
    response = get(client, recording, **asked)
    assert response.status_code == 404
    assert response.json() == {"error": sentence}


def test_a_newer_recording_is_not_served_from_an_old_copy(
    client: APIClient, recording: Recording
) -> None:
    key = default_storage.save("audio/1/2024/01/fedcba.wav", ContentFile(b"other"))
    Recording.objects.update(audio_key=key)
    stale = {"If-None-Match": '"0123456789abcdef"'}
    assert content(get(client, recording, **stale)) == b"other"
    later = http_date((STORED_AT + timedelta(days=1)).timestamp())
    assert get(client, recording, **{"If-Range": later, "Range": "bytes=0-1"}).status_code == 200
