"""The engine child under its host: real weights, real signals, no sleeping."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from recordings.connectors.base import ConnectorError, TranscriptionCancelled
from recordings.engine_host import EngineConfig, EngineHost, child_environment
from tests.recordings.speech import tiny_en, write_jfk

ROOT = Path(__file__).resolve().parents[2]
LONG_SECONDS = 242
pytestmark = pytest.mark.engine

# A child as it is, but for one operation that the test puts in its place.
PREPARED = """
import os, sys, time
import recordings.engine_child as child
from recordings.connectors.base import ConnectorError

def ping(self, request, report):
    {body}

child.Engine.ping = ping
child.main()
"""


def never() -> bool:
    return False


def eventually(condition: Callable[[], bool], seconds: float = 15) -> bool:
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        threading.Event().wait(0.02)
    return True


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def window(wav: Path, end: float) -> dict:
    return {"wav": str(wav), "start": 0.0, "end": end, "model": str(tiny_en()), "language": "en"}


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[..., EngineHost]]:
    hosts = []

    def make(**options: object) -> EngineHost:
        body = options.pop("ping", None)
        if body is not None:
            options["command"] = (sys.executable, "-c", PREPARED.format(body=body))
        # One stretch of speech at a time: progress comes early and often.
        options = {"batch_size": 1, **options}
        host = EngineHost(EngineConfig(models_dir=tmp_path / "models", **options))
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.close()


@pytest.fixture(scope="module")
def long_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes: a few seconds of work for tiny.en, so there is a middle to interrupt."""
    return write_jfk(tmp_path_factory.mktemp("audio") / "long.wav", times=LONG_SECONDS // 11)


def ask(host: EngineHost, op: str = "ping", payload: dict | None = None, **options: object) -> dict:
    options = {"deadline_seconds": 60, "should_stop": never, **options}
    return host.ask(op, payload or {}, **options)


def test_the_child_stays_warm_between_questions(make_host: Callable[..., EngineHost]) -> None:
    host = make_host()

    assert ask(host)["pid"] == ask(host)["pid"] == host.pid


def test_nothing_starts_before_the_first_question(make_host: Callable[..., EngineHost]) -> None:
    assert make_host().pid is None


def test_a_child_killed_in_a_window_is_an_error_and_the_next_question_gets_a_new_one(
    make_host: Callable[..., EngineHost], long_wav: Path
) -> None:
    host = make_host()
    seen: list[float] = []

    def kill(fraction: float) -> None:
        if not seen:
            os.kill(host.pid, signal.SIGKILL)
        seen.append(fraction)

    with pytest.raises(ConnectorError, match=r"signal 9 \(out of memory\?\)") as caught:
        ask(host, "transcribe", window(long_wav, LONG_SECONDS), on_progress=kill)

    assert caught.value.code == "engine_died"
    assert not caught.value.permanent
    assert 0 < seen[0] < 1
    assert ask(host)["pid"] == host.pid


def test_a_crash_is_named_in_words(make_host: Callable[..., EngineHost]) -> None:
    host = make_host(ping="os.kill(os.getpid(), 11)")

    with pytest.raises(ConnectorError, match=r"signal 11 \(Segmentation fault\)"):
        ask(host)


def test_an_unexpected_exception_ends_the_child_not_the_worker(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host(ping="raise KeyError('surprise')")

    with pytest.raises(ConnectorError, match="ended with status 1"):
        ask(host)


def test_a_window_past_its_deadline_is_ended(
    make_host: Callable[..., EngineHost], long_wav: Path
) -> None:
    host = make_host()
    pid = ask(host)["pid"]
    began = time.monotonic()

    with pytest.raises(ConnectorError) as caught:
        ask(host, "transcribe", window(long_wav, LONG_SECONDS), deadline_seconds=1)

    assert caught.value.code == "engine_timeout"
    assert not caught.value.permanent
    assert time.monotonic() - began < 15
    assert gone(pid)
    assert ask(host)["pid"] != pid


def test_cancelling_ends_the_work_at_once(
    make_host: Callable[..., EngineHost], long_wav: Path
) -> None:
    host = make_host()
    cancelled_at: list[float] = []

    with pytest.raises(TranscriptionCancelled):
        ask(
            host,
            "transcribe",
            window(long_wav, LONG_SECONDS),
            on_progress=lambda fraction: cancelled_at.append(time.monotonic()),
            should_stop=lambda: bool(cancelled_at),
        )

    assert time.monotonic() - cancelled_at[0] < 5
    assert host.pid is None


def test_leaving_by_an_exception_of_the_caller_ends_the_work(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host(ping="report(0.5); time.sleep(60)")

    def time_limit(fraction: float) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        ask(host, on_progress=time_limit)

    assert host.pid is None


def test_an_idle_child_ends_by_itself_and_comes_back(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host(idle_unload_seconds=0.2)
    pid = ask(host)["pid"]

    assert eventually(lambda: gone(pid))
    assert ask(host)["pid"] != pid


def test_a_child_that_unloads_just_as_it_is_asked_costs_nothing(
    make_host: Callable[..., EngineHost], tmp_path: Path
) -> None:
    mark = tmp_path / "asked"
    host = make_host(
        ping=f"""
    if not os.path.exists({str(mark)!r}):
        open({str(mark)!r}, "w").close()
        os._exit(0)
    return {{"second": True}}"""
    )

    assert ask(host) == {"second": True}


def test_what_a_library_prints_or_reads_cannot_disturb_the_answer(
    make_host: Callable[..., EngineHost], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host = make_host(
        ping="""
    print('{"id": 1, "result": "printed"}', flush=True)
    os.write(1, b'{"id": 1, "result": "written"}' + bytes([10]))
    os.system("echo shouted")
    return {"read": sys.stdin.read()}"""
    )

    assert ask(host) == {"read": ""}
    assert eventually(lambda: "shouted" in caplog.text)


def test_the_log_keeps_secrets(
    make_host: Callable[..., EngineHost], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host = make_host(
        environment={"HF_TOKEN": "hf_abcdef", "DATABASE_URL": "postgres://nobody"},
        ping="""
    print("said", os.environ["HF_TOKEN"], "http://user:word@proxy", file=sys.stderr, flush=True)
    return {"environment": dict(os.environ)}""",
    )

    environment = ask(host)["environment"]

    assert environment["HF_TOKEN"] == "hf_abcdef"
    assert "DATABASE_URL" not in environment
    assert eventually(lambda: "said *** http://***@proxy" in caplog.text)


def test_running_out_of_memory_is_said_and_the_child_starts_afresh(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host(ping="raise RuntimeError('CUDA failed with error out of memory')")

    with pytest.raises(ConnectorError) as caught:
        ask(host)

    assert caught.value.code == "out_of_memory"
    assert not caught.value.permanent
    assert eventually(lambda: host.pid is None)


def test_an_error_of_the_engine_keeps_the_child(make_host: Callable[..., EngineHost]) -> None:
    host = make_host(ping="raise ConnectorError('No.', code='refused', permanent=True)")

    with pytest.raises(ConnectorError, match="^No.$") as caught:
        ask(host)

    assert (caught.value.code, caught.value.permanent) == ("refused", True)
    assert host.pid is not None


def test_the_kernel_is_asked_to_kill_the_child_first(make_host: Callable[..., EngineHost]) -> None:
    pid = ask(make_host())["pid"]

    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "800"


def test_the_child_never_loads_django(make_host: Callable[..., EngineHost]) -> None:
    host = make_host(ping="return {'modules': sorted(sys.modules)}")

    modules = ask(host)["modules"]

    assert not [name for name in modules if name.split(".")[0] in ("django", "torch")]


@pytest.mark.parametrize("busy", [False, True])
def test_the_child_ends_when_its_parent_is_killed(
    tmp_path: Path, long_wav: Path, busy: bool
) -> None:
    script = f"""
import json, sys
from pathlib import Path
from recordings.engine_host import EngineConfig, EngineHost
host = EngineHost(EngineConfig(models_dir=Path({str(tmp_path)!r}), batch_size=1))
asked = {json.dumps(window(long_wav, LONG_SECONDS))}
ask = lambda op, **options: host.ask(op, asked, deadline_seconds=60, should_stop=bool, **options)
ask("ping")
print(host.pid, flush=True)
if {busy}:
    ask("transcribe", on_progress=lambda fraction: print(fraction, flush=True))
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        child_pid = int(parent.stdout.readline())
        if busy:
            assert 0 < float(parent.stdout.readline()) < 1
        parent.kill()

    assert eventually(lambda: gone(child_pid), seconds=5)


def test_the_child_ends_with_its_parent_though_its_pipe_stays_open(tmp_path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from recordings.engine_host import EngineConfig, EngineHost
host = EngineHost(EngineConfig(models_dir=Path({str(tmp_path)!r})))
host.ask("ping", {{}}, deadline_seconds=60, should_stop=bool)
print(host.pid, flush=True)
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        child_pid = int(parent.stdout.readline())
        parent.wait()

        assert eventually(lambda: gone(child_pid), seconds=5)


def test_a_host_inherited_through_a_fork_starts_its_own_child(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host()
    pid = ask(host)["pid"]
    reader, writer = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(writer, str(ask(host)["pid"]).encode())
        host.close()
        os._exit(0)
    os.waitpid(forked, 0)

    assert int(os.read(reader, 20)) != pid
    assert ask(host)["pid"] == pid
    os.close(reader)
    os.close(writer)


def test_closing_twice_is_fine_and_asking_afterwards_starts_again(
    make_host: Callable[..., EngineHost],
) -> None:
    host = make_host()
    pid = ask(host)["pid"]

    began = time.monotonic()

    host.close()
    host.close()

    assert gone(pid)
    assert time.monotonic() - began < 5
    assert ask(host)["pid"] != pid


def test_only_what_the_child_needs_is_passed_on(tmp_path: Path) -> None:
    environment = child_environment(
        EngineConfig(
            models_dir=tmp_path,
            threads=3,
            environment={
                "PATH": "/bin",
                "HF_HUB_OFFLINE": "1",
                "https_proxy": "http://proxy",
                "SECRET_KEY": "s",
                "AWS_SECRET_ACCESS_KEY": "s",
            },
        )
    )

    assert environment["PATH"] == "/bin"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["https_proxy"] == "http://proxy"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert not [name for name in environment if "SECRET" in name]
