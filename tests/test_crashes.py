"""SIGKILL at random moments, SIGTERM in the middle of work: what was acknowledged ends as one
transcript.

Real processes share one instance with short windows and the smallest model; nobody helps them.
"""

from __future__ import annotations

import io
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from benchmarks import conversations
from tests.instance import START_SECONDS, Instance, until, zombies
from tests.recordings.speech import tiny_en

pytestmark = [pytest.mark.stress, pytest.mark.engine]
logger = logging.getLogger(__name__)

SEED = 1
VICTIMS = ("engine child", "busy worker", "idle worker", "main process", "web server") * 2
# Each of these can break off at most one window.
IN_THE_GPU_LANE = {"engine child", "busy worker", "main process"}
TURNS = 13  # about 70 s, three windows
MANY_TURNS = 50  # so many windows that a quick machine does not finish before it stops
COME_BACK_SECONDS = 60
WORK_SECONDS = 120
SECONDS_AFTER_THE_LAST_KILL = 180
SECONDS_TO_STOP = 30


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    if not conversations.readers():
        pytest.skip("the LibriSpeech recordings are not beside this checkout")
    running = Instance(
        tmp_path_factory.mktemp("crashes"),
        TRANSCRIPTION_WINDOW_SECONDS="30",
        WHISPER_MODEL=str(tiny_en()),
    )
    try:
        until(running.answers, START_SECONDS, "the server answers")
        yield running
    finally:
        running.end()


class BodyWithADeed(io.BytesIO):
    """A request's body; something happens once `at` of its bytes are on their way."""

    def __init__(self, data: bytes, at: int, deed: Callable[[], None]) -> None:
        super().__init__(data)
        self._at, self._deeds = at, [deed]

    def read(self, size: int | None = -1) -> bytes:
        if self._deeds and self.tell() >= self._at:
            self._deeds.pop()()
        return super().read(size)


class Client:
    def __init__(self, instance: Instance, folder: Path) -> None:
        self._url = f"{instance.url}/api/v1/recordings/"
        self._headers = {"Authorization": f"Bearer {instance.token}"}
        self._folder = folder
        # A transcription and nothing after it: every job is one of the lane that is killed.
        reply = requests.patch(
            f"{instance.url}/api/v1/users/me",
            json={"preferences": {"auto_summarization": False}},
            headers=self._headers,
            timeout=60,
        )
        assert reply.ok, reply.text

    def form(self, number: int, turns: int = TURNS) -> tuple[bytes, dict[str, str]]:
        """Body and headers of an upload; each number is another conversation of two people."""
        wav = conversations.build(2, seed=number, turns=turns).write(self._folder / "next.wav")
        with wav.open("rb") as file:
            fields = {"data": {"title": f"Talk {number}"}, "files": {"file": file}}
            prepared = requests.Request("POST", self._url, **fields).prepare()
        assert isinstance(prepared.body, bytes)
        return prepared.body, {**self._headers, "Content-Type": prepared.headers["Content-Type"]}

    def send(self, body: bytes | io.BytesIO, headers: dict[str, str]) -> int:
        """The id of the recording. Raises requests.ConnectionError when nobody acknowledges it."""
        reply = requests.post(f"{self._url}upload", data=body, headers=headers, timeout=60)
        assert reply.status_code == 202, reply.text
        return reply.json()["id"]

    def upload(self, number: int, turns: int = TURNS) -> int:
        return self.send(*self.form(number, turns))

    def transcribe_again(self, recording: int) -> None:
        reply = requests.post(
            f"{self._url}{recording}/transcribe", json={}, headers=self._headers, timeout=60
        )
        assert reply.ok, reply.text

    def words(self, recording: int) -> list[str]:
        url = f"{self._url}{recording}/transcript?format=json"
        reply = requests.get(url, headers=self._headers, timeout=60)
        assert reply.status_code == 200, reply.text
        return " ".join(segment["sentence"] for segment in reply.json()["segments"]).split()


@pytest.fixture(scope="module")
def client(instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(instance, tmp_path_factory.mktemp("uploads"))


def alive(instance: Instance, name: str) -> psutil.Process:
    return until(lambda: instance.program(name), COME_BACK_SECONDS, f"{name} runs")


def engine_child(instance: Instance) -> psutil.Process | None:
    with suppress(psutil.Error):
        for process in alive(instance, "gpu").children(recursive=True):
            if "recordings.engine_child" in process.cmdline():
                return process
    return None


def idle_worker(instance: Instance, chance: random.Random) -> psutil.Process:
    def found() -> list[int]:
        ready = re.findall(r"ready for work at (\d+)", instance.log("cluster"))
        return sorted({int(pid) for pid in ready} & instance.processes())

    return psutil.Process(chance.choice(until(found, COME_BACK_SECONDS, "the lane has workers")))


def claims(instance: Instance) -> dict[str, float]:
    """The claims of the jobs that are running, or seem to be: how far each of them is, 0 to 1."""
    rows = instance.rows("SELECT claim_token, progress FROM recordings_job WHERE status='running'")
    return {str(claim): progress for claim, progress in rows}


def in_the_middle(instance: Instance, fraction: float, dead: set[str]) -> psutil.Process:
    """The engine child at work, once a live worker's job has come so far. Adds its claim to `dead`,
    the claims of the workers killed so far.
    """

    def found() -> psutil.Process | None:
        engine = engine_child(instance)
        for claim, progress in claims(instance).items():
            if engine is not None and claim not in dead and progress >= fraction:
                dead.add(claim)
                return engine
        return None

    return until(found, WORK_SECONDS, f"a job has come as far as {fraction:.0%}")


def kill(process: psutil.Process) -> None:
    process.kill()
    until(
        lambda: not psutil.pid_exists(process.pid) or process.pid in zombies({process.pid}),
        COME_BACK_SECONDS,
        "the killed process is gone",
    )


def strike(victim: str, instance: Instance, chance: random.Random, dead: set[str]) -> None:
    if victim == "idle worker":
        kill(idle_worker(instance, chance))
        return
    # Up to the end of the transcription: what is left then may be over too soon to be hit.
    engine = in_the_middle(instance, chance.uniform(0, 0.75), dead)
    if victim == "engine child":
        kill(engine)
    elif victim == "busy worker":
        kill(psutil.Process(engine.ppid()))
    else:
        kill(alive(instance, "gpu"))


def cut_off(number: int, instance: Instance, client: Client, chance: random.Random) -> None:
    """An upload during which the web server dies: no answer, no row, nothing in storage."""
    body, headers = client.form(number)
    before = stored(instance)
    at = int(len(body) * chance.uniform(0, 0.95))
    with pytest.raises(requests.ConnectionError):
        client.send(BodyWithADeed(body, at, lambda: kill(alive(instance, "gunicorn"))), headers)
    assert stored(instance) == before


def stored(instance: Instance) -> tuple[int, int]:
    """Recordings, and files in storage."""
    ((rows,),) = instance.rows("SELECT COUNT(*) FROM recordings_recording")
    files = (instance.data_dir / "uploads" / "audio").rglob("*")
    return rows, sum(path.is_file() for path in files)


def windows_begun(instance: Instance) -> dict[str, list[int]]:
    """Job: the windows whose transcription was begun, in order of time."""
    begun: dict[str, list[int]] = {}
    for job, window in re.findall(r"(job \d+): window (\d+) of", instance.log("gpu")):
        begun.setdefault(job, []).append(int(window))
    return begun


def has_repeats(windows: list[int]) -> bool:
    return len(set(windows)) < len(windows)


def begun_again(instance: Instance) -> int:
    """How many times. A window that was finished is never begun again, so no job goes back."""
    begun = windows_begun(instance)
    assert all(windows == sorted(windows) for windows in begun.values()), begun
    return sum(len(windows) - len(set(windows)) for windows in begun.values())


def all_done(instance: Instance) -> bool:
    rows = instance.rows("SELECT status, error_message FROM recordings_recording")
    assert "FAILED" not in {status for status, _ in rows}, rows
    return all(status == "COMPLETED" for status, _ in rows)


def assert_nothing_is_left_over(instance: Instance) -> None:
    assert not instance.rows("SELECT id, status FROM recordings_job WHERE status <> 'done'")
    assert not instance.rows("SELECT id FROM recordings_windowresult")
    assert not list((instance.data_dir / "scratch").iterdir())


def test_every_acknowledged_recording_ends_as_one_transcript(
    instance: Instance, client: Client
) -> None:
    chance = random.Random(SEED)
    dead: set[str] = set()
    acknowledged = []
    began = time.monotonic()
    for number, victim in enumerate(chance.sample(VICTIMS, len(VICTIMS))):
        if victim == "web server":
            cut_off(number, instance, client, chance)
            until(instance.answers, COME_BACK_SECONDS, "the server answers again")
        acknowledged.append(client.upload(number))
        if victim != "web server":
            strike(victim, instance, chance, dead)
        logger.info("%5.1f s: killed %s", time.monotonic() - began, victim)

    last_kill = time.monotonic()
    until(lambda: all_done(instance), SECONDS_AFTER_THE_LAST_KILL, "everything is transcribed")
    logger.info("everything is transcribed %.1f s after the last", time.monotonic() - last_kill)

    rows = instance.rows("SELECT recording_id, COUNT(*) FROM recordings_transcript GROUP BY 1")
    assert dict(rows) == dict.fromkeys(acknowledged, 1)
    assert stored(instance) == (len(acknowledged), len(acknowledged))
    assert_nothing_is_left_over(instance)
    again = begun_again(instance)
    logger.info("windows begun: %s; %d of them again", windows_begun(instance), again)
    assert again <= sum(victim in IN_THE_GPU_LANE for victim in VICTIMS)

    jobs = instance.rows("SELECT id, recording_id FROM recordings_job")
    begun = windows_begun(instance)
    disturbed = [recording for job, recording in jobs if has_repeats(begun[f"job {job}"])]
    words = {recording: client.words(recording) for recording in disturbed}
    for recording in disturbed:
        client.transcribe_again(recording)
    until(lambda: all_done(instance), WORK_SECONDS, "the disturbed ones are transcribed in peace")
    assert words == {recording: client.words(recording) for recording in disturbed}


@pytest.mark.parametrize("engine_hangs", [False, True])
def test_a_cluster_that_is_asked_to_stop_hands_its_job_back_in_time(
    instance: Instance, client: Client, engine_hangs: bool
) -> None:
    again_before = begun_again(instance)
    client.upload(len(VICTIMS) + engine_hangs, MANY_TURNS)
    engine = in_the_middle(instance, 0.06, set())
    if engine_hangs:
        engine.suspend()
    main = alive(instance, "gpu")

    asked = time.monotonic()
    main.terminate()
    main.wait(SECONDS_TO_STOP)

    logger.info("stopped after %.1f s", time.monotonic() - asked)
    assert instance.rows("SELECT status, attempts FROM recordings_job ORDER BY id DESC")[0] == (
        "queued",
        0,
    )
    until(lambda: all_done(instance), WORK_SECONDS, "it is transcribed after all")
    assert begun_again(instance) - again_before == int(engine_hangs)
    assert_nothing_is_left_over(instance)
