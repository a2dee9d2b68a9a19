"""The engine child: `python -m recordings.engine_child`. Answers JSON lines; imports no Django.

Owns the models, so that a crash, a hang or an out-of-memory kill in native code ends only this
process. The host (recordings/engine_host.py) starts it, gives it deadlines and kills it.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from recordings.connectors.base import ConnectorError
from recordings.engine_protocol import EngineConfig, decode, encode
from recordings.engine_whisper import Whisper, is_out_of_memory
from speakers.diarization import registry as diarizers
from speakers.diarization.base import DiarizationError

logger = logging.getLogger("engine")

PR_SET_PDEATHSIG = 1
OOM_SCORE_ADJUSTMENT = "800"
NICENESS = 5
SECONDS_BETWEEN_REPORTS = 0.25

Report = Callable[[float], None]


class Engine:
    """The operations. Each takes the request and a progress callback and gives a JSON object."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._whisper = Whisper(config)
        self._diarizer: Any = None
        self.operations: dict[str, Callable[[dict[str, Any], Report], dict[str, Any]]] = {
            "ping": self.ping,
            "load": self.load,
            "transcribe": self._whisper.transcribe,
            "diarize": self.diarize,
        }

    def ping(self, request: dict[str, Any], report: Report) -> dict[str, Any]:
        return {"pid": os.getpid()}

    def load(self, request: dict[str, Any], report: Report) -> dict[str, Any]:
        self._whisper.load(request["model"])
        return {}

    def diarize(self, request: dict[str, Any], report: Report) -> dict[str, Any]:
        if self._diarizer is None:
            self._diarizer = diarizers.load(self._config.diarizer, **self._config.diarizer_options)
        found = self._diarizer.diarize(
            Path(request["wav"]),
            min_speakers=request["min_speakers"],
            max_speakers=request["max_speakers"],
            on_progress=report,
        )
        return {
            "turns": [[float(turn.start), float(turn.end), turn.label] for turn in found.turns],
            "embeddings": {
                label: [float(value) for value in vector]
                for label, vector in found.embeddings.items()
            },
        }


class Answers:
    """The only writer of the pipe to the host."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._last_report = 0.0

    def send(self, message: dict[str, Any]) -> None:
        self._pipe.write(encode(message))
        self._pipe.flush()

    def report(self, request_id: int, fraction: float) -> None:
        now = time.monotonic()
        if now - self._last_report >= SECONDS_BETWEEN_REPORTS:
            self._last_report = now
            self.send({"id": request_id, "progress": round(float(fraction), 4)})


def answer(engine: Engine, request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Result or error of one request, as the protocol has it."""
    try:
        return {"result": engine.operations[request["op"]](request, report)}
    except ConnectorError as error:
        return _error(error.code, str(error), permanent=error.permanent)
    except DiarizationError as error:
        return _error("diarization_failed", str(error), permanent=error.permanent)
    except (MemoryError, RuntimeError, ValueError, OSError) as error:
        if is_out_of_memory(error):
            return _error("out_of_memory", "The speech engine ran out of memory.", permanent=False)
        logger.exception("%s failed", request["op"])
        return _error(
            "engine_failed",
            f"The speech engine failed ({type(error).__name__}).",
            permanent=False,
        )


def _error(code: str, message: str, *, permanent: bool) -> dict[str, Any]:
    return {"error": code, "message": message, "permanent": permanent}


def serve(requests: BinaryIO, answers: Answers) -> None:
    """Answers until the host closes its end, nothing was asked for too long, or memory ran out."""
    config = EngineConfig.from_message(decode(requests.readline()))
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    engine = Engine(config)
    while True:
        try:
            request = waiting.get(timeout=config.idle_unload_seconds or None)
        except queue.Empty:
            logger.info("idle for %s s: ending", config.idle_unload_seconds)
            return
        request_id = request["id"]
        reply = answer(engine, request, partial(answers.report, request_id))
        answers.send({"id": request_id, **reply})
        # What a failed allocation left behind is not worth finding out.
        if reply.get("error") == "out_of_memory":
            return


def _read(requests: BinaryIO, waiting: queue.Queue[dict[str, Any]]) -> None:
    for line in requests:
        waiting.put(decode(line))
    # End of file means that the host is gone or done; native code in the main thread must not
    # hold up the end, and there is nothing to clean up.
    os._exit(0)


def _die_with_parent() -> None:
    """Asks the kernel for SIGKILL when the parent dies, should its pipe stay open elsewhere."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _be_first_to_go() -> None:
    """Makes the kernel kill this process, not the worker, for memory; lets others run first."""
    os.nice(NICENESS)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE_ADJUSTMENT)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the host, out of reach of libraries that read or print.

    Afterwards standard input is empty and standard output is standard error.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, answers


def main() -> None:
    requests, answers = _private_pipes()
    _die_with_parent()
    _be_first_to_go()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    with contextlib.suppress(BrokenPipeError):
        serve(requests, Answers(answers))


if __name__ == "__main__":
    main()
