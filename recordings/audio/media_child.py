"""The process in which untrusted media is opened: `python -m recordings.audio.media_child`.

`serve` keeps libav warm and forks a child for each file; `once` does one task. Either way a file
meets libav in a process of its own, which can open nothing more and ends by itself. Spoken to by
`media.py`: file descriptors in, JSON lines out. No Django.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from types import TracebackType
from typing import Any

from recordings.audio import decoding

_MEMORY_BYTES = 1 << 30  # address space; libav, NumPy and Python take a quarter of it at rest
_PARENT_CHECK_SECONDS = 5.0
_REPORT_EVERY_SECONDS = 0.25
_PR_SET_PDEATHSIG = 1
_FULL = {errno.ENOSPC, errno.EDQUOT}


def main(arguments: list[str]) -> None:
    if arguments[0] == "serve":
        serve(json.loads(arguments[1]))
    else:
        once(json.loads(arguments[1]))


def serve(limits: dict[str, Any]) -> None:
    """Forks a child for each request, until standard input ends or the parent is gone.

    A request is one byte with two descriptors: the file, and the pipe for the answer. The signal
    of a dying parent is not used here: Linux sends it when the *thread* that started us ends.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    parent = os.getppid()
    requests = socket.socket(fileno=0)
    requests.settimeout(_PARENT_CHECK_SECONDS)
    while True:
        try:
            byte, descriptors, _, _ = socket.recv_fds(requests, 1, 2)
        except TimeoutError:
            # Standard input does not end when a fork of the parent holds the other side.
            if os.getppid() != parent:
                return
            continue
        if not byte:
            return
        if os.fork() == 0:
            source, answers = descriptors
            _run(limits | {"name": "probe", "source": source, "file_bytes": 0}, answers)
            os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)


def once(task: dict[str, Any]) -> None:
    """Does one task and answers on standard output. Dies with the thread that asked for it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _run(task, answers=1)


def _run(task: dict[str, Any], answers: int) -> None:
    """Confines the process for good, does the task, writes the answer as one JSON line."""

    def crashed(
        kind: type[BaseException], error: BaseException, where: TracebackType | None
    ) -> None:
        _say(answers, {"crash": "".join(traceback.format_exception(kind, error, where))[-4000:]})

    sys.excepthook = crashed
    source = os.fdopen(task["source"], "rb", closefd=False)
    targets = [os.fdopen(number, "w+b", closefd=False) for number in task.get("targets", ())]
    _confine(task["deadline_seconds"], task["cpu_seconds"], task["file_bytes"])
    try:
        if task["name"] == "probe":
            result = decoding.describe(source)
        elif task["name"] == "copy":
            result = decoding.copy_audio(source, targets[0])
        else:
            result = decoding.decode(source, targets[0], targets[1], _reporter(answers))
        for target in targets:
            target.flush()
    except decoding.MediaFailure as failure:
        _say(answers, {"failure": failure.code})
    except MemoryError:
        _say(answers, {"failure": "too_complex"})
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _say(answers, {"failure": "disk_full"})
    else:
        _say(answers, {"result": result})


def _confine(deadline_seconds: float, cpu_seconds: int, file_bytes: int) -> None:
    """No new file or socket, no large one, bounded memory and time; silence on standard error."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, deadline_seconds)
    limits = {
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 0,  # open descriptors stay usable
    }
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = _MEMORY_BYTES
    # At the soft limit comes SIGXCPU, which says why; at the hard one SIGKILL, which does not.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _reporter(answers: int) -> decoding.Report:
    last = time.monotonic()

    def report(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_EVERY_SECONDS:
            last = now
            _say(answers, {"progress": round(share, 4)})

    return report


def _say(answers: int, message: dict[str, Any]) -> None:
    os.write(answers, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
