"""The processes around libav: kept warm, confined, ended in time, and whose fault it was."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from recordings.audio import media
from recordings.audio.media import MediaCancelled, MediaError, probe, to_wav
from tests.recordings.media_samples import EXPECTED

ROOT = Path(__file__).resolve().parents[2]


def children(kind: str = "serve") -> list[psutil.Process]:
    """The media children of this process: the warm helper, or those that do one task (`once`)."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it ended meanwhile
            command = child.cmdline()
            if "recordings.audio.media_child" in command and kind in command:
                found.append(child)
    return found


class TestHelper:
    def test_one_helper_serves_many_threads(self, media_files: dict[str, Path]) -> None:
        media._helper.close()  # an older one may have its last request behind it soon
        probe(media_files["pcm.wav"])
        before = [child.pid for child in children()]
        paths = list(media_files.values()) * 3
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(probe, paths))
        assert [info.mime_type for info in found] == [EXPECTED[path.name][0] for path in paths]
        assert [child.pid for child in children()] == before

    def test_a_dead_helper_is_replaced(self, media_files: dict[str, Path]) -> None:
        probe(media_files["pcm.wav"])
        [helper] = children()
        os.kill(helper.pid, signal.SIGKILL)
        while helper.status() != psutil.STATUS_ZOMBIE:
            continue
        for _ in range(2):
            assert probe(media_files["pcm.wav"]).mime_type == "audio/wav"
        [successor] = children()
        assert successor.pid != helper.pid

    def test_a_helper_is_replaced_after_many_requests(
        self, media_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media, "_REQUESTS_PER_HELPER", 3)
        seen = set()
        for _ in range(10):
            probe(media_files["pcm.wav"])
            seen.update(child.pid for child in children())
        assert len(seen) >= 3
        assert len(children()) == 1

    def test_a_probe_without_its_helper_still_answers(
        self, media_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media._helper, "ask", lambda source: None)
        assert probe(media_files["a.flac"]).mime_type == "audio/flac"

    def test_the_helper_ends_with_its_parent(self, media_files: dict[str, Path]) -> None:
        program = (
            "import sys, time; from pathlib import Path; from recordings.audio import media;"
            "media.probe(Path(sys.argv[1])); print(media._helper._link[0].pid, flush=True);"
            "time.sleep(600)"
        )
        command = [sys.executable, "-c", program, str(media_files["pcm.wav"])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
            helper = psutil.Process(int(parent.stdout.readline()))
            parent.kill()
        gone, alive = psutil.wait_procs([helper], timeout=60)
        assert gone
        assert not alive

    def test_secrets_of_the_server_stay_out_of_the_child(
        self, media_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_KEY", "do not tell")
        media._helper.close()
        probe(media_files["pcm.wav"])
        [helper] = children()
        assert "SECRET_KEY" not in helper.environ()

    def test_a_confined_child_can_open_nothing(self, media_files: dict[str, Path]) -> None:
        program = (
            "import socket; from recordings.audio import media_child as child\n"
            "child._confine(10, 5, 0)\n"
            "for attempt in (lambda: open('/etc/hostname'), socket.socket):\n"
            "    try: attempt()\n"
            "    except OSError as error: print(error.errno)\n"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert done.stdout.split() == ["24", "24"]

    def test_neither_side_loads_what_it_must_not(self) -> None:
        program = (
            "import sys, {module}; names = {{name.partition('.')[0] for name in sys.modules}};"
            "print(sorted(names & {{'av', 'django'}}))"
        )
        for module, loaded in (("media", "[]"), ("media_child", "['av']")):
            code = program.format(module=f"recordings.audio.{module}")
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
            )
            assert done.stdout.strip() == loaded


class TestLimits:
    def failure(self, source: Path, target: Path, seconds: float = 60) -> MediaError:
        with pytest.raises(MediaError) as caught:
            to_wav(source, target, deadline_seconds=seconds)
        assert not target.exists()
        return caught.value

    def test_memory_does_not_grow_with_the_length(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        peaks, shares = [], []

        def watch(share: float) -> None:
            shares.append(share)
            peaks.extend(child.memory_info().rss for child in children("once"))

        info = to_wav(hour_of_audio, tmp_path / "a.wav", deadline_seconds=120, on_progress=watch)
        assert info.duration_seconds == 3600.0
        assert max(peaks) < 120e6
        assert shares == sorted(shares)
        assert 0 < shares[0] <= shares[-1] <= 1

    def test_a_cancelled_child_is_gone_and_leaves_nothing(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        shares: list[float] = []
        with pytest.raises(MediaCancelled):
            to_wav(
                hour_of_audio,
                tmp_path / "a.wav",
                deadline_seconds=120,
                should_stop=lambda: bool(shares),
                on_progress=shares.append,
            )
        assert not list(tmp_path.iterdir())
        assert not children("once")

    def test_the_deadline_ends_the_work_and_blames_nobody(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        error = self.failure(hour_of_audio, tmp_path / "a.wav", 0.2)
        assert (error.code, error.transient) == ("timeout", True)

    def test_a_full_disk_is_not_the_fault_of_the_file(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        target = tmp_path / "a.wav"
        target.symlink_to("/dev/full")
        error = self.failure(hour_of_audio, target)
        assert (error.code, error.transient) == ("disk_full", True)

    def test_a_killed_child_is_not_the_fault_of_the_file(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        def kill(share: float) -> None:
            for child in children("once"):
                child.kill()

        with pytest.raises(MediaError) as caught:
            to_wav(hour_of_audio, tmp_path / "a.wav", deadline_seconds=60, on_progress=kill)
        assert (caught.value.code, caught.value.transient) == ("interrupted", True)

    def test_a_fault_in_a_decoder_is_the_fault_of_the_file(
        self, hour_of_audio: Path, tmp_path: Path
    ) -> None:
        def fault(share: float) -> None:
            for child in children("once"):
                child.send_signal(signal.SIGSEGV)

        with pytest.raises(MediaError) as caught:
            to_wav(hour_of_audio, tmp_path / "a.wav", deadline_seconds=60, on_progress=fault)
        assert (caught.value.code, caught.value.transient) == ("undecodable", False)

    def test_too_much_memory_is_the_fault_of_the_file(self) -> None:
        done = self.probing("bytes(1 << 31)")
        assert done.stdout == b'{"failure": "too_complex"}\n'

    def test_too_much_computing_is_the_fault_of_the_file(self) -> None:
        done = self.probing("sum(iter(int, 1))")
        assert media._cause_of_death(done.returncode) == "too_complex"

    def probing(self, work: str) -> subprocess.CompletedProcess[bytes]:
        """A child whose probe of any file does this work instead."""
        program = (
            "from recordings.audio import decoding, media_child as child\n"
            f"decoding.describe = lambda file: {work}\n"
            "limits = {'deadline_seconds': 60, 'cpu_seconds': 1, 'file_bytes': 0}\n"
            "child.once(limits | {'name': 'probe', 'source': 0})\n"
        )
        command = [sys.executable, "-c", program]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT)

    def test_a_crash_of_the_child_is_logged_and_refused(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR), pytest.raises(MediaError) as caught:
            media._result({"crash": "Traceback: KeyError"})
        assert caught.value.code == "undecodable"
        assert "KeyError" in caplog.text
