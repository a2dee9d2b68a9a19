"""What tests of recordings share. Media files are made once and never written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import User
from recordings.models import Recording
from tests.conftest import make_user
from tests.factories import make_recording, make_transcript
from tests.recordings.clock import OLD, World
from tests.recordings.console import AUDIO, SECRETS, SEGMENTS
from tests.recordings.media_samples import SAMPLES, Sample, make


@pytest.fixture(scope="session")
def media_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seconds of a 440 Hz tone in every format of `SAMPLES`."""
    folder = tmp_path_factory.mktemp("media")
    return {name: make(folder / name, sample) for name, sample in SAMPLES.items()}


@pytest.fixture(scope="session")
def hour_of_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of silence at 8 kHz, 29 MB."""
    silence = np.zeros((1, 3600 * 8000), np.float32)
    return make(tmp_path_factory.mktemp("hour") / "hour.wav", Sample("pcm_mulaw", 8000), silence)


@pytest.fixture
def clerk(db: None) -> User:
    """Staff who may do everything to recordings and jobs but open what was said."""
    user = make_user("clerk")
    user.is_staff = True
    user.save()
    rights = Permission.objects.filter(content_type__app_label="recordings")
    user.user_permissions.set(rights.exclude(codename="open_recording"))
    return user


@pytest.fixture
def recording(alice: User) -> Iterator[Recording]:
    """With audio in storage, a transcript, a summary and notes."""
    recording = make_recording(
        owner=alice,
        title="Factory <b>talk</b>",
        summary=SECRETS[1],
        notes=SECRETS[2],
        audio_key=default_storage.save("audio/1/2026/01/console.flac", ContentFile(AUDIO)),
        size_bytes=len(AUDIO),
        duration_seconds=3724.0,
        warnings=["Speakers could not be told apart."],
    )
    make_transcript(recording=recording, segments=SEGMENTS, SPEAKER_00="Mina <i>Mint</i>")
    yield recording
    default_storage.delete(recording.audio_key)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, settings: Any) -> World:
    """Recordings go after 30 days."""
    settings.ENABLE_AUTO_DELETION = True
    settings.GLOBAL_RETENTION_DAYS = 30
    return World().install(monkeypatch)


@pytest.fixture
def old(alice: User, world: World) -> Recording:
    """Due, among nine that are not."""
    for _ in range(9):
        make_recording(owner=alice, created_at=world.now)
    return make_recording(owner=alice, title="Old", created_at=world.now - OLD)
