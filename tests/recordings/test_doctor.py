"""`manage.py doctor` on installations with one part broken: it says so, and goes on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import User
from hooks.models import Delivery
from recordings import storage
from recordings.connectors import weights
from recordings.connectors.base import ConnectorError
from recordings.services.doctor import database, engine, findings, machine
from recordings.services.lanes import CANARY_FRESH
from speakers.diarization import embedder
from speakr_site.core.models import Canary
from tests.conftest import REPOSITORY
from tests.factories import make_delivery, make_webhook
from tests.model_server import KEY, ModelServer, Refuses, model_server

__all__ = ["model_server"]

pytestmark = pytest.mark.django_db
LANES = ("speakr", "gpu", "text")
# manage.py, where Django would refuse to run a command that is not there to say what is wrong.
MISCONFIGURED = """
from django.conf import settings
from django.core.management import execute_from_command_line
settings.Q_CLUSTER["retry"] = 30
execute_from_command_line(["manage.py", "doctor"])
"""
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def remote_engine(settings: Any) -> Iterator[None]:
    """A service that listens, so that only the tests of the engine load one."""
    settings.TRANSCRIPTION_CONNECTOR = "asr_endpoint"
    settings.DIARIZER = "none"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.ASR_BASE_URL = f"http://me:geheim2@127.0.0.1:{listener.getsockname()[1]}"
        yield


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def in_order() -> None:
    for lane in LANES:
        Canary.objects.create(lane=lane, stamped_at=timezone.now(), pid=1, host="elsewhere")


@pytest.fixture
def local_engine(settings: Any) -> None:
    try:
        weights.ensure_default(settings.MODELS_DIR)
    except ConnectorError as error:
        pytest.skip(str(error))
    settings.TRANSCRIPTION_CONNECTOR = "faster_whisper"
    settings.DIARIZER = "embedded"


def doctor() -> tuple[int, str]:
    """Exit code and what is printed."""
    printed = StringIO()
    try:
        call_command("doctor", stdout=printed)
    except SystemExit as end:
        return int(end.code or 0), printed.getvalue()
    return 0, printed.getvalue()


def problems(printed: str) -> list[str]:
    return [
        line.removeprefix("problem").strip()
        for line in printed.splitlines()
        if line.startswith("problem")
    ]


def only_problem() -> str:
    """The one sentence about what is broken; everything after it was looked at all the same."""
    code, printed = doctor()
    assert code == 1
    assert "transcription service" in printed.splitlines()[-1]
    (sentence,) = problems(printed)
    return sentence


def test_an_installation_in_order_has_no_problem(in_order: None) -> None:
    code, printed = doctor()
    assert (code, problems(printed)) == (0, [])
    assert {line.split()[0] for line in printed.splitlines()} <= {"ok", "warning"}
    # Plain text where nobody looks at a terminal.
    assert "\x1b" not in printed
    for sentence in (
        "The configuration makes sense.",
        "Every migration is applied.",
        "messages that wait: none.",
        "The lane gpu is alive; its canary is ",
        "The database's clock and this machine's agree.",
        "The storage keeps bytes and gives them back.",
        "The transcription service listens at 127.0.0.1",
    ):
        assert sentence in printed
    assert ("write-ahead log" in printed) == (connection.vendor == "sqlite")


def test_it_leaves_nothing_behind(in_order: None, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.MEDIA_ROOT / ".incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)
    assert doctor()[0] == 0
    assert list(settings.MEDIA_ROOT.rglob("*")) == [settings.FILE_UPLOAD_TEMP_DIR]


def test_a_dead_lane_is_a_problem_with_a_hint(in_order: None) -> None:
    old = timezone.now() - CANARY_FRESH - timedelta(minutes=2)
    Canary.objects.filter(lane="gpu").update(stamped_at=old)
    assert only_problem() == (
        "The lane gpu takes no messages; its canary is 5 minutes old. Is the server running?"
    )


def test_a_server_that_never_ran_is_a_problem_with_a_hint() -> None:
    code, printed = doctor()
    assert code == 1
    assert problems(printed) == [
        f"The lane {lane} takes no messages; it has no canary yet. Is the server running?"
        for lane in LANES
    ]


def test_messages_that_wait_are_counted(in_order: None) -> None:
    for minutes in (1, 10):
        OrmQ.objects.create(
            key="gpu", payload="x", lock=timezone.now() - timedelta(minutes=minutes)
        )
    taken = timezone.now() + timedelta(hours=1)
    OrmQ.objects.create(key="text", payload="x", lock=taken)
    assert "messages that wait: 2 for gpu (the oldest for 10 minutes)." in doctor()[1]


def test_a_migration_that_is_not_applied_is_a_problem(in_order: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="recordings").delete()
    assert "not applied: run manage.py migrate." in only_problem()


def test_it_says_how_the_webhooks_are(in_order: None, alice: User) -> None:
    hook = make_webhook(owner=alice)
    now = timezone.now()
    make_delivery(webhook=hook, available_at=now - timedelta(minutes=1))
    make_delivery(webhook=hook, attempt_count=2, available_at=now + timedelta(minutes=9))
    code, printed = doctor()
    assert code == 0
    assert "Deliveries to webhooks: 1 wait, 1 failed and are to be tried again." in printed
    assert "The secrets of all 1 webhooks can be read." in printed
    assert "paused" not in printed

    Delivery.objects.update(available_at=now - timedelta(minutes=20))
    assert "the oldest has been due for 20 minutes" in doctor()[1]


def test_paused_webhooks_are_named(in_order: None, alice: User, settings: Any) -> None:
    settings.WEBHOOK_GLOBAL_ENABLED = False
    hook = make_webhook(owner=alice, name="n8n", enabled=False, auto_paused=True)
    make_delivery(webhook=hook)
    printed = doctor()[1]
    assert "Webhooks paused: “n8n” of alice; deliveries held for them: 1." in printed
    assert "WEBHOOK_GLOBAL_ENABLED is false" in printed


def test_a_lost_key_of_webhooks_is_a_problem_with_a_hint(
    in_order: None, alice: User, settings: Any
) -> None:
    make_webhook(owner=alice)
    earlier, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "another one altogether, as long as it takes",
    )
    make_webhook(owner=alice)
    assert only_problem().startswith("The secrets of 1 of 2 webhooks cannot be read")
    settings.SECRET_KEY_FALLBACKS = [earlier]
    assert problems(doctor()[1]) == []


@pytest.mark.parametrize(("wrong", "word"), [(3600, "behind"), (-3600, "ahead of")])
def test_clocks_that_disagree_are_a_problem(
    in_order: None, monkeypatch: pytest.MonkeyPatch, wrong: int, word: str
) -> None:
    now = database.time.time
    monkeypatch.setattr(database, "time", type("Clock", (), {"time": lambda: now() + wrong}))
    assert f"clock is 3600 s {word} this machine's" in only_problem()


def test_a_redis_that_does_not_answer_is_a_problem(
    in_order: None, settings: Any, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/none"
    settings.CACHES = {
        "default": {
            "BACKEND": "speakr_site.core.cache.LenientRedisCache",
            "LOCATION": settings.REDIS_URL,
        }
    }
    assert "Redis of REDIS_URL does not answer" in only_problem()


def test_a_storage_that_is_a_file_is_a_problem(
    in_order: None, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.MEDIA_ROOT.write_text("")
    code, printed = doctor()
    assert code == 1
    assert any(sentence.startswith("The check of the storage") for sentence in problems(printed))
    assert "The transcription service listens" in printed


def test_a_storage_that_gives_back_other_bytes_is_a_problem(
    in_order: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = storage.keep

    def damaged(path: Path, key: str) -> str:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        return keep(path, key)

    monkeypatch.setattr(storage, "keep", damaged)
    assert "what was written is not what was read back" in only_problem()


@pytest.mark.parametrize(
    ("free", "level"),
    [(400 * 10**6, "problem"), (4 * 10**9, "warning"), (6 * 10**9, "ok")],
)
def test_little_room_is_said(
    in_order: None, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: Usage(free, 0, free))
    code, printed = doctor()
    (line,) = [line for line in printed.splitlines() if "GB are free in" in line]
    assert line.startswith(level)
    assert code == (level == "problem")


def test_a_wrong_configuration_is_a_problem(in_order: None, settings: Any) -> None:
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "retry": 30}
    assert only_problem().startswith("Lane speakr: retry (30 s) must exceed timeout")


def test_a_service_that_does_not_listen_is_a_problem(in_order: None, settings: Any) -> None:
    settings.ASR_BASE_URL = "http://me:geheim2@127.0.0.1:1"
    assert only_problem().startswith("The transcription service at 127.0.0.1, port 1:")


def test_an_address_that_is_none_is_not_repeated(in_order: None, settings: Any) -> None:
    settings.ASR_BASE_URL = "http://me:gehe/im2@127.0.0.1"
    assert only_problem() == ("The address of the transcription service (ASR_BASE_URL) is not one.")


@pytest.mark.parametrize("name", ["SECRET_KEY", "ADMIN_PASSWORD", "ASR_BASE_URL"])
def test_an_error_that_repeats_a_secret_is_told_without_it(settings: Any, name: str) -> None:
    settings.ADMIN_PASSWORD = "open sesame"
    secret = "geheim2" if name == "ASR_BASE_URL" else getattr(settings, name)
    error = OperationalError(f"refused {secret} twice: {secret}\nsecond line")
    assert findings.told(error) == "refused *** twice: ***."


@pytest.mark.engine
def test_the_engine_listens_to_silence(in_order: None, local_engine: None) -> None:
    code, printed = doctor()
    assert code == 0
    for sentence in (
        "The speech model's checksum is right.",
        "The voice model's checksum is right.",
        "The engine child starts and answers.",
        "The engine transcribed a second of silence with base in",
        "The diarizer (embedded) listened to it too.",
    ):
        assert sentence in printed


@pytest.mark.engine
def test_a_damaged_speech_model_is_a_problem(
    in_order: None, local_engine: None, settings: Any, tmp_path: Path
) -> None:
    """One bit of 145 MB: size and beginning are right, and the engine may load it all the same."""
    whole = settings.MODELS_DIR / weights.FOLDER_NAME
    shutil.copytree(whole, tmp_path / weights.FOLDER_NAME)
    with (tmp_path / weights.FOLDER_NAME / "model.bin").open("r+b") as model:
        model.seek(-1000, os.SEEK_END)
        byte = model.read(1)[0]
        model.seek(-1000, os.SEEK_END)
        model.write(bytes([byte ^ 1]))
    settings.MODELS_DIR = tmp_path
    (finding,) = findings.guarded("speech model", engine.speech_model)
    assert finding.level is findings.Level.PROBLEM
    assert "is damaged" in finding.sentence


def test_a_speech_model_that_is_not_there_yet_is_a_warning(settings: Any, tmp_path: Path) -> None:
    settings.TRANSCRIPTION_CONNECTOR = "faster_whisper"
    settings.MODELS_DIR = tmp_path
    (finding,) = engine.speech_model()
    assert finding.level is findings.Level.WARNING


def test_a_damaged_voice_model_is_a_problem(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.DIARIZER = "embedded"
    copy = tmp_path / "embedder.onnx"
    content = bytearray(embedder._packaged().read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    monkeypatch.setattr(embedder, "_packaged", lambda: copy)
    (finding,) = findings.guarded("voice model", engine.voice_model)
    assert finding.level is findings.Level.PROBLEM
    assert "wrong checksum" in finding.sentence


@pytest.mark.parametrize("kind", ["closed", "mute"])
def test_without_a_database_the_rest_is_examined_and_no_password_shown(
    tmp_path: Path, mute_port: int, kind: str
) -> None:
    port = mute_port if kind == "mute" else 1
    done = subprocess.run(
        [sys.executable, "-c", MISCONFIGURED],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "speakr_site.settings",
            "DATABASE_URL": f"postgresql://someone:geheim1@127.0.0.1:{port}/x",
            "DATA_DIR": str(tmp_path),
            "DIARIZER": "none",
            "TRANSCRIPTION_CONNECTOR": "asr_endpoint",
            "ASR_BASE_URL": "http://me:geheim2@127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    configuration, database_down, service_down = problems(done.stdout)
    assert configuration.startswith("Lane speakr: retry (30 s)")
    assert database_down.startswith("The check of the database failed: ")
    assert service_down.startswith("The transcription service at")
    assert "The storage keeps bytes and gives them back." in done.stdout
    assert "geheim" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_language_model_is_asked_for_a_word(in_order: None, model_server: ModelServer) -> None:
    code, printed = doctor()
    assert code == 0
    assert "Texts are made by the language model made-up at 127.0.0.1, port " in printed
    assert "Its context is taken as 8192 tokens." in printed
    assert len(model_server.requests) == 1


def test_a_model_that_refuses_the_key_is_a_problem_without_the_key(
    in_order: None, model_server: ModelServer
) -> None:
    model_server.answers = [Refuses(401, f"bad key {KEY}")]
    code, printed = doctor()
    assert code == 1
    assert problems(printed)[0].endswith("The language model's server refuses this server's key.")
    assert KEY not in printed


def test_without_a_language_model_the_doctor_says_what_happens_instead(in_order: None) -> None:
    assert "No language model is configured: summaries are made of key sentences." in doctor()[1]
