"""Untrusted media, opened only in limited child processes: probe, extract audio, decode to WAV.

The one place of the audio package that starts a process. This file never touches libav itself; what
happens in the child is in `media_child.py` and `decoding.py`. No Django, no settings.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from recordings.audio import formats
from recordings.audio.media_types import (
    ExtractedAudio,
    MediaCancelled,
    MediaError,
    MediaInfo,
    WavInfo,
    media_info,
)

__all__ = [
    "ExtractedAudio",
    "MediaCancelled",
    "MediaError",
    "MediaInfo",
    "WavInfo",
    "extract_audio",
    "probe",
    "to_wav",
]

logger = logging.getLogger(__name__)

PROBE_SECONDS = 10.0
PROBE_CPU_SECONDS = 5
LONGEST_WAV_BYTES = 24 * 3600 * 16_000 * 2
_POLL_SECONDS = 0.25
_GRACE_SECONDS = 2.0
_ANSWER_BYTES = 1 << 16
_REQUESTS_PER_HELPER = 500
_PROJECT = Path(__file__).resolve().parents[2]


def probe(path: Path) -> MediaInfo:
    """Opens a file and decodes its first audio frames.

    Takes about 10 ms, 150 ms more at first use, `PROBE_SECONDS` at worst. Safe to call from any
    thread. Raises MediaError.
    """
    _refuse_empty(path)
    with path.open("rb") as source:
        answer = _helper.ask(source)
        if answer is None:
            # The helper or its child died; a child of our own tells whether the file kills it.
            task = {"name": "probe", "cpu_seconds": PROBE_CPU_SECONDS, "file_bytes": 0}
            answer = _run_once(task, source, [], _Watch(PROBE_SECONDS))
    return media_info(_result(answer))


def extract_audio(source: Path, target_folder: Path, *, deadline_seconds: float) -> ExtractedAudio:
    """Copies the packets of the first audio stream, unchanged, to a new file in `target_folder`.

    Raises MediaError and leaves no file then.
    """
    _refuse_empty(source)
    number, name = tempfile.mkstemp(prefix="audio-", dir=target_folder)
    written = Path(name)
    # Headers and indexes come on top of the packets.
    limit = 2 * source.stat().st_size + (1 << 24)
    task = {"name": "copy", "cpu_seconds": _cpu(deadline_seconds), "file_bytes": limit}
    with ExitStack() as undo:
        undo.callback(written.unlink, missing_ok=True)
        with source.open("rb") as file, os.fdopen(number, "w+b") as target:
            result = _result(_run_once(task, file, [target], _Watch(deadline_seconds)))
        naming = formats.COPIED[result["muxer"]]
        path = written.rename(written.with_suffix(naming.extension))
        undo.pop_all()
    return ExtractedAudio(path, naming.mime_type, naming.extension, path.stat().st_size)


def to_wav(
    source: Path,
    target: Path,
    *,
    deadline_seconds: float,
    should_stop: Callable[[], bool] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> WavInfo:
    """Decodes the first audio stream to 16 kHz mono 16-bit WAV: the plain average of all channels.

    Memory stays flat whatever the length. Gaps in the time stamps become silence, so times are
    those of a player. `should_stop` is asked four times a second; `on_progress` gets the share
    done. Raises MediaError, or MediaCancelled; leaves no target then.
    """
    _refuse_empty(source)
    watch = _Watch(deadline_seconds, should_stop, on_progress)
    limit = LONGEST_WAV_BYTES + (1 << 24)
    task = {"name": "decode", "cpu_seconds": _cpu(deadline_seconds), "file_bytes": limit}
    with ExitStack() as undo:
        undo.callback(target.unlink, missing_ok=True)
        with (
            source.open("rb") as file,
            target.open("w+b") as wav,
            tempfile.TemporaryFile(dir=target.parent) as levels,
        ):
            result = _result(_run_once(task, file, [wav, levels], watch))
            levels.seek(0)
            loudness = np.fromfile(levels, np.float32)
        undo.pop_all()
    return WavInfo(
        duration_seconds=float(result["duration_seconds"]),
        truncated=bool(result["truncated"]),
        skipped_packets=int(result["skipped_packets"]),
        loudness=loudness,
    )


def _refuse_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        raise MediaError("empty")


def _cpu(deadline_seconds: float) -> int:
    return math.ceil(deadline_seconds) + 1


def _result(message: dict[str, Any]) -> dict[str, Any]:
    """The result in a child's last word. Raises MediaError if it is a failure."""
    if "crash" in message:
        logger.error("The media child crashed:\n%s", message["crash"])
        raise MediaError("undecodable")
    if "failure" in message:
        raise MediaError(message["failure"])
    return message["result"]


@dataclass(slots=True)
class _Watch:
    """How long to wait for a child, and whom to ask and tell meanwhile."""

    deadline_seconds: float
    should_stop: Callable[[], bool] | None = None
    on_progress: Callable[[float], None] | None = None


def _run_once(
    task: dict[str, Any], source: BinaryIO, targets: list[BinaryIO], watch: _Watch
) -> dict[str, Any]:
    """Does a task in a new process and gives its last word, or the failure that its end means."""
    source.seek(0)
    task = task | {
        "source": source.fileno(),
        "targets": [target.fileno() for target in targets],
        "deadline_seconds": watch.deadline_seconds,
    }
    process = _start(
        "once",
        json.dumps(task),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        pass_fds=[task["source"], *task["targets"]],
    )
    assert process.stdout is not None
    try:
        last = _listen(process.stdout.fileno(), watch)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    finally:
        process.kill()
        process.stdout.close()
        status = process.wait()
    return last or {"failure": _cause_of_death(status)}


def _cause_of_death(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "too_complex"
    if status == -signal.SIGALRM:
        return "timeout"
    if status == -signal.SIGKILL:
        return "interrupted"
    # Any other signal is a fault inside a decoder; an exit code means that Python did not come up.
    return "undecodable" if status < 0 else "helper_failed"


def _listen(answers: int, watch: _Watch) -> dict[str, Any] | None:
    """Reads a child's lines until its last word; None if it ended without one.

    Raises MediaError when the time is over, MediaCancelled; the child is still there then.
    """
    ends_at = time.monotonic() + watch.deadline_seconds + _GRACE_SECONDS
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        while len(pending) < _ANSWER_BYTES:
            if watch.should_stop is not None and watch.should_stop():
                raise MediaCancelled
            if time.monotonic() > ends_at:
                raise MediaError("timeout")
            if not selector.select(_POLL_SECONDS):
                continue
            data = os.read(answers, _ANSWER_BYTES)
            if not data:
                return None
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "progress" not in message:
                    return message
                if watch.on_progress is not None:
                    watch.on_progress(float(message["progress"]))
    return None


def _start(*arguments: str, **channels: Any) -> subprocess.Popen[bytes]:
    """A new media child. Raises MediaError when the system has no room for a process."""
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "recordings.audio.media_child", *arguments],
            # Secrets stay out of the child; a thread pool of OpenBLAS would not survive its forks.
            env={"PYTHONPATH": str(_PROJECT), "OPENBLAS_NUM_THREADS": "1"},
            cwd=_PROJECT,
            **channels,
        )
    except OSError as error:
        raise MediaError("helper_failed") from error


class _Helper:
    """A warm process that forks a limited child for each probe, so none waits for Python to start.

    Started at first use, and again when it died or has served many requests.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._link: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._served = 0

    def ask(self, source: BinaryIO) -> dict[str, Any] | None:
        """The last word of a child that probed `source`; None if there was none.

        Raises MediaError when the time is over. Callers wait for their own child only.
        """
        answers, their_end = os.pipe()
        try:
            try:
                self._send(source.fileno(), their_end)
            finally:
                os.close(their_end)
            return _listen(answers, _Watch(PROBE_SECONDS))
        finally:
            os.close(answers)

    def close(self) -> None:
        """Ends the helper. The next request starts another."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """For a fork of this process: the helper belongs to the parent."""
        if self._link is not None:
            self._link[1].close()
        self._reset()

    def _send(self, *descriptors: int) -> None:
        """Gives the helper a request, if need be after starting it anew. May fail silently."""
        with self._lock:
            if self._served >= _REQUESTS_PER_HELPER:
                self._stop()
            for _ in range(2):
                link = self._link = self._link or self._begin()
                self._served += 1
                with suppress(OSError):  # it died since the last request
                    socket.send_fds(link[1], [b"p"], list(descriptors))
                    return
                self._stop()

    def _begin(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        # The parent stops waiting first; the alarm of a forked child only cleans up after it.
        alarm = PROBE_SECONDS + 2 * _GRACE_SECONDS
        limits = {"deadline_seconds": alarm, "cpu_seconds": PROBE_CPU_SECONDS}
        with theirs:
            process = _start("serve", json.dumps(limits), stdin=theirs, stdout=subprocess.DEVNULL)
        self._served = 0
        return process, ours

    def _stop(self) -> None:
        if self._link is not None:
            process, requests = self._link
            requests.close()
            process.kill()
            process.wait()
        self._link = None


_helper = _Helper()
atexit.register(_helper.close)
os.register_at_fork(after_in_child=_helper.forget)
