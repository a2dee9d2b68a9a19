"""The parent's side of the engine child: start it, ask it, keep it to a deadline, kill it.

One host per lane worker process. Whatever native code does in the child, here it is an ordinary
exception.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from recordings.audio.wav import wav_duration
from recordings.connectors.base import ConnectorError, ShouldStop, TranscriptionCancelled
from recordings.engine_protocol import EngineConfig, decode, encode
from speakers.diarization.base import Diarization, Turn

__all__ = ["EngineConfig", "EngineDiarizer", "EngineHost"]

logger = logging.getLogger(__name__)

PROJECT_ROOT = Path(__file__).resolve().parents[1]
SECONDS_BETWEEN_CHECKS = 0.4
SECONDS_TO_END = 5.0

# Generous: without a GPU a diarizer may be slower than real time (technology.md T2.2).
SECONDS_TO_LOAD = 300.0
SECONDS_PER_AUDIO_SECOND = 10.0

DOWNLOAD_TIMEOUT_SECONDS = "20"
_READ_BYTES = 1 << 16

# What the child may see of the caller's environment: no database address, no secret key.
PASSED_ON = re.compile(
    r"PATH|LD_LIBRARY_PATH|PYTHONPATH|HOME|TMPDIR|LANG|TZ|USER|VIRTUAL_ENV|SSL_CERT_\w+"
    r"|REQUESTS_CA_BUNDLE|XDG_CACHE_HOME|(HTTPS?|ALL|NO)_PROXY"
    r"|(LC|HF|HUGGINGFACE|CUDA|NVIDIA|OMP|MKL|CT2|ORT)_\w+",
    re.IGNORECASE,
)
SECRET_NAME = re.compile(r"TOKEN|KEY|SECRET|PASSWORD", re.IGNORECASE)
SHORTEST_SECRET = 6
CREDENTIALS_IN_ADDRESS = re.compile(r"//[^/@\s]+@")


class EngineHost:
    """Owns one engine child, started at the first `ask` and again after each death.

    `ask` may be called from any thread, one at a time; others wait. Nothing starts before the first
    `ask`, and a host that was inherited through a fork starts a child of its own.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""
        self._request_id = 0

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def ask(
        self,
        op: str,
        payload: Mapping[str, Any],
        *,
        deadline_seconds: float,
        should_stop: ShouldStop,
        on_progress: Callable[[float], None] | None = None,
    ) -> dict[str, Any]:
        """The result of one operation: "ping", "load", "transcribe" or "diarize".

        `on_progress` gets 0..1 up to four times a second. Raises ConnectorError (codes
        "engine_timeout", "engine_died" and the child's own), TranscriptionCancelled within half a
        second of `should_stop()`. Leaving by any exception but an answered error kills the child.
        """
        with self._lock:
            watch = _Watch(time.monotonic() + deadline_seconds, should_stop)
            reply = None
            try:
                reply = self._converse(op, payload, watch, on_progress)
                if reply is None:
                    # It unloaded itself while the request was on its way.
                    reply = self._converse(op, payload, watch, on_progress)
                if reply is None:
                    raise self._death()
            finally:
                if reply is None:
                    self._kill()
        if "error" in reply:
            raise ConnectorError(
                reply["message"], code=reply["error"], permanent=reply["permanent"]
            )
        return reply["result"]

    def close(self) -> None:
        """Ends the child: end of file first, a kill after five seconds. Twice is fine."""
        with self._lock:
            process = self._process
            if process is None:
                return
            with contextlib.suppress(OSError):
                _pipe(process.stdin).close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=SECONDS_TO_END)
            self._kill()

    def _converse(
        self,
        op: str,
        payload: Mapping[str, Any],
        watch: _Watch,
        on_progress: Callable[[float], None] | None,
    ) -> dict[str, Any] | None:
        """The reply, or None when the child ended by itself, in good order, without one."""
        process = self._started()
        self._request_id += 1
        # A child that has just ended says so by end of file below, not by this write.
        with contextlib.suppress(BrokenPipeError):
            requests = _pipe(process.stdin)
            requests.write(encode({**payload, "id": self._request_id, "op": op}))
            requests.flush()
        for message in self._messages(process, watch):
            if message["id"] != self._request_id:
                continue
            if "progress" not in message:
                return message
            if on_progress is not None:
                on_progress(message["progress"])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=SECONDS_TO_END)
        if process.returncode == 0:
            return None
        raise self._death()

    def _messages(
        self, process: subprocess.Popen[bytes], watch: _Watch
    ) -> Iterator[dict[str, Any]]:
        """What the child says, until it ends. Raises what the watch raises."""
        answers = _pipe(process.stdout).fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while True:
                watch.check()
                if not selector.select(timeout=SECONDS_BETWEEN_CHECKS):
                    continue
                data = os.read(answers, _READ_BYTES)
                if not data:
                    return
                *lines, self._unread = (self._unread + data).split(b"\n")
                for line in lines:
                    yield decode(line)

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        # After a fork this is the parent's child, of which the kernel says that it is none of ours.
        if process is not None and process.poll() is None:
            return process
        self._kill()
        self._process = subprocess.Popen(
            self.config.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=PROJECT_ROOT,
            env=child_environment(self.config),
            # A signal to the worker's process group must not end a window half way.
            start_new_session=True,
        )
        threading.Thread(
            target=_log_lines,
            args=(_pipe(self._process.stderr), _secrets(self.config.environment)),
            daemon=True,
        ).start()
        logger.info("engine child %s started", self._process.pid)
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).write(encode(self.config.as_message()))
        return self._process

    def _kill(self) -> None:
        process, self._process, self._unread = self._process, None, b""
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()

    def _death(self) -> ConnectorError:
        returncode = self._process.poll() if self._process else None
        logger.warning("engine child ended with return code %s", returncode)
        return ConnectorError(
            f"The speech engine {_how_it_ended(returncode)}.", code="engine_died", permanent=False
        )


class EngineDiarizer:
    """Who spoke when, by the diarizer in the engine child; beside any connector."""

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self.name = host.config.diarizer

    def diarize(
        self,
        wav: Path,
        *,
        min_speakers: int | None,
        max_speakers: int | None,
        should_stop: ShouldStop,
        on_progress: Callable[[float], None] | None = None,
    ) -> Diarization:
        """The turns of a whole 16 kHz mono WAV. Raises ConnectorError or TranscriptionCancelled."""
        found = self._host.ask(
            "diarize",
            {
                "wav": str(wav.resolve()),
                "min_speakers": min_speakers,
                "max_speakers": max_speakers,
            },
            deadline_seconds=SECONDS_TO_LOAD + SECONDS_PER_AUDIO_SECOND * wav_duration(wav),
            should_stop=should_stop,
            on_progress=on_progress,
        )
        return Diarization(tuple(Turn(*turn) for turn in found["turns"]), found["embeddings"])


class _Watch:
    """Deadline and cancellation of one request. `give_up_at` is on the monotonic clock."""

    def __init__(self, give_up_at: float, should_stop: ShouldStop) -> None:
        self._give_up_at = give_up_at
        self._should_stop = should_stop
        self._next_look = 0.0

    def check(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        # Looking may be a database query, so a talkative child must not cause more of them.
        self._next_look = now + SECONDS_BETWEEN_CHECKS
        if self._should_stop():
            raise TranscriptionCancelled
        if now >= self._give_up_at:
            raise ConnectorError(
                "The speech engine did not finish in the time allowed.",
                code="engine_timeout",
                permanent=False,
            )


def child_environment(config: EngineConfig) -> dict[str, str]:
    """The whole environment of the child: what is passed on, and bounds for its libraries."""
    ours = {
        "HF_HUB_DOWNLOAD_TIMEOUT": DOWNLOAD_TIMEOUT_SECONDS,
        "HF_HUB_ETAG_TIMEOUT": DOWNLOAD_TIMEOUT_SECONDS,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYANNOTE_METRICS_ENABLED": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    if config.threads:
        ours["OMP_NUM_THREADS"] = str(config.threads)
    passed_on = {
        name: value for name, value in config.environment.items() if PASSED_ON.fullmatch(name)
    }
    return ours | passed_on


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """One of the child's three pipes, which Popen types as perhaps absent."""
    assert pipe is not None
    return pipe


def _how_it_ended(returncode: int | None) -> str:
    if returncode is None:
        return "closed its pipe"
    if returncode >= 0:
        return f"ended with status {returncode}"
    if returncode == -signal.SIGKILL:
        return "was ended by signal 9 (out of memory?)"
    return f"was ended by signal {-returncode} ({signal.strsignal(-returncode)})"


def _secrets(environment: Mapping[str, str]) -> list[str]:
    return [
        value
        for name, value in environment.items()
        if len(value) >= SHORTEST_SECRET and SECRET_NAME.search(name)
    ]


def _log_lines(stream: IO[bytes], secrets: list[str]) -> None:
    """Passes the child's standard error on to the log, line by line, until it ends."""
    levels = logging.getLevelNamesMapping()
    with stream:
        for raw in stream:
            line = CREDENTIALS_IN_ADDRESS.sub("//***@", raw.decode(errors="replace").rstrip())
            for secret in secrets:
                line = line.replace(secret, "***")
            if line:
                level = levels.get(line.split(" ", 1)[0], logging.INFO)
                logger.log(level, "engine: %s", line)
