"""A file that kills the engine in the same window every time: real children, real deaths."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import User
from recordings import engines, storage
from recordings.connectors.faster_whisper import FasterWhisperConnector, FasterWhisperOptions
from recordings.engine_host import EngineConfig, EngineHost
from recordings.models import Job, Recording
from recordings.tasks import work
from tests.factories import make_job, make_recording
from tests.fakes import FakeDiarizer
from tests.recordings.speech import tiny_en, write_jfk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engine]

OPTIONS = dict.fromkeys(
    ("language", "min_speakers", "max_speakers", "hotwords", "initial_prompt", "model")
)
WINDOW_SECONDS = 13

# A child as it is, but for one that dies in whatever lies behind the first window.
DEADLY = f"""
import os, signal
import recordings.engine_child as child

transcribe = child.Whisper.transcribe

def deadly(self, request, report):
    if request["start"] > {WINDOW_SECONDS / 2}:
        os.kill(os.getpid(), signal.SIGKILL)
    return transcribe(self, request, report)

child.Whisper.transcribe = deadly
child.main()
"""


@pytest.fixture
def _engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    host = EngineHost(
        EngineConfig(
            models_dir=tmp_path, model=str(tiny_en()), command=(sys.executable, "-c", DEADLY)
        )
    )
    connector = FasterWhisperConnector(FasterWhisperOptions(host, WINDOW_SECONDS))
    monkeypatch.setattr(engines, "connector", lambda system: connector)
    monkeypatch.setattr(engines, "diarizer", FakeDiarizer)
    yield
    host.close()


def upload(owner: User, wav: Path) -> Recording:
    key = storage.keep(wav, storage.new_key(owner_id=owner.pk, extension=".wav"))
    recording = make_recording(owner=owner, status=Recording.Status.PENDING, audio_key=key)
    make_job(recording=recording, options=OPTIONS)
    return recording


@pytest.mark.usefixtures("_engine")
def test_poison_fails_after_three_deaths_and_delays_nobody_else(
    alice: User, carol: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    poison = upload(alice, write_jfk(tmp_path / "poison.wav", times=2))
    wholesome = upload(carol, write_jfk(tmp_path / "wholesome.wav"))

    with caplog.at_level(logging.WARNING):
        work("gpu")
        assert OrmQ.objects.filter(key="gpu").exists(), "the lane is rung for whoever waits"
        work("gpu")
        wholesome.refresh_from_db()
        assert wholesome.current_transcript is not None
        poison.refresh_from_db()
        assert poison.status == Recording.Status.PENDING

        for _ in range(2):
            Job.objects.filter(recording=poison).update(available_at=timezone.now())
            work("gpu")

    poison.refresh_from_db()
    assert poison.status == Recording.Status.FAILED
    assert poison.error_message == "The speech engine was ended by signal 9 (out of memory?)."
    assert caplog.text.count("engine child ended with return code -9") == 3
