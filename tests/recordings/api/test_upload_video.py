"""POST /recordings/upload: limits of size, and video of which only the audio is kept."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constance import config
from rest_framework.test import APIClient

from accounts.models import User
from recordings.models import Recording
from tests.recordings.api.conftest import Disk
from tests.recordings.api.test_upload import created, media
from tests.recordings.api.uploading import post_body, upload, wav

pytestmark = pytest.mark.django_db


class TestLimits:
    """The limits are 1 MB for what is stored, and 2 MB for a video of which only the audio is."""

    @pytest.fixture(autouse=True)
    def _limits(self, alice: User) -> None:
        config.max_file_size_mb = 1
        config.max_audio_only_video_size_mb = 2

    def refused(self, client: APIClient, disk: Disk, data: bytes, **sent: Any) -> dict[str, Any]:
        answer = upload(client, data, **sent)
        assert answer.status_code == 413, answer.content
        assert not Recording.objects.exists()
        assert disk.files() == []
        return answer.json()

    def test_audio_over_the_limit_is_refused(self, client: APIClient, disk: Disk) -> None:
        assert self.refused(client, disk, wav(70)) == {
            "error": "File too large. Maximum size is 1 MB.",
            "max_size_mb": 1,
            "effective_limit_mb": 1,
            "audio_only_mode": False,
        }

    def test_audio_gets_no_more_room_by_asking_for_audio_only(
        self, client: APIClient, disk: Disk
    ) -> None:
        assert not self.refused(client, disk, wav(70), keep_audio_only="true")["audio_only_mode"]

    def test_audio_just_under_the_limit_is_accepted(self, client: APIClient) -> None:
        assert created(client, wav(65))["file_size"] == 1_040_044

    def test_of_a_video_only_the_audio_counts(self, client: APIClient, tmp_path: Path) -> None:
        video = padded(media(tmp_path, "aac.mp4"), 1.5)
        assert created(client, video, name="a.mp4")["file_size"] < 100_000

    def test_a_video_over_its_own_limit_is_refused(
        self, client: APIClient, disk: Disk, tmp_path: Path
    ) -> None:
        video = padded(media(tmp_path, "aac.mp4"), 2.5)
        body = self.refused(client, disk, video, name="a.mp4")
        assert (body["max_size_mb"], body["audio_only_mode"]) == (2, True)

    def test_a_video_that_is_kept_has_the_limit_of_audio(
        self, client: APIClient, disk: Disk, tmp_path: Path, settings: Any
    ) -> None:
        settings.VIDEO_RETENTION = True
        video = padded(media(tmp_path, "aac.mp4"), 1.5)
        body = self.refused(client, disk, video, name="a.mp4")
        assert (body["max_size_mb"], body["audio_only_mode"]) == (1, False)
        assert created(client, video, name="a.mp4", keep_audio_only="true")["file_size"] < 100_000

    def test_extracted_audio_over_the_limit_is_refused(
        self, client: APIClient, disk: Disk, tmp_path: Path
    ) -> None:
        noise = np.random.default_rng(1).uniform(-1, 1, (1, 16 * 44_100)).astype(np.float32)
        video = media(tmp_path, "flac.mkv", noise)
        body = self.refused(client, disk, video, name="a.mkv")
        assert body.pop("error").startswith("The extracted audio is 1.")
        assert body.pop("extracted_audio_mb") > 1
        assert body == {"max_size_mb": 1, "audio_only_mode": True}

    def test_a_body_over_both_limits_is_not_even_read(self, client: APIClient, disk: Disk) -> None:
        answer = post_body(client, b"", announced=200 * 1024**2)
        assert answer.status_code == 413
        assert answer.json()["max_size_mb"] == 2


def padded(mp4: bytes, megabytes: float) -> bytes:
    """The same MP4 with an empty box at its end, so that the file is that large."""
    size = round(megabytes * 1024**2) - len(mp4)
    return mp4 + struct.pack(">I4s", size, b"free") + bytes(size - 8)


def test_of_a_video_only_the_audio_is_stored(client: APIClient, disk: Disk, tmp_path: Path) -> None:
    body = created(client, media(tmp_path, "aac.mp4"), name="talk.mp4")
    assert body["mime_type"] == "audio/mp4"
    assert body["original_filename"] == "talk.mp4"
    (stored,) = disk.files()
    assert stored.suffix == ".m4a"
    assert stored.stat().st_size == body["file_size"]
    assert client.get(f"/api/v1/recordings/{body['id']}").json()["keep_audio_only"] is True


@pytest.mark.parametrize(("flag", "kept"), [("", True), ("false", True), ("TRUE", False)])
def test_a_server_that_keeps_video_does_so_unless_told_otherwise(
    client: APIClient, disk: Disk, tmp_path: Path, settings: Any, flag: str, kept: bool
) -> None:
    settings.VIDEO_RETENTION = True
    data = media(tmp_path, "aac.mp4")
    body = created(client, data, name="talk.mp4", keep_audio_only=flag)
    assert (disk.files()[0].read_bytes() == data) == kept
    assert body["mime_type"] == ("video/mp4" if kept else "audio/mp4")
    assert Recording.objects.get().keep_audio_only == (not kept)


@pytest.mark.parametrize("flag", [True, False])
def test_for_audio_the_flag_is_only_remembered(client: APIClient, disk: Disk, flag: bool) -> None:
    created(client, keep_audio_only=str(flag))
    assert disk.files()[0].read_bytes() == wav()
    assert Recording.objects.get().keep_audio_only == flag


def test_a_duplicate_of_a_video_is_known_by_what_was_sent(
    client: APIClient, tmp_path: Path
) -> None:
    data = media(tmp_path, "aac.mp4")
    created(client, data, name="a.mp4")
    assert "duplicate_warning" in created(client, data, name="a.mp4")
