"""Memory of the processes of a running Speakr, watched from outside while something happens."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class PeakMemory:
    """The largest of each figure that `measure` gives, in bytes, while it is used as a context
    manager. `measure` is called in a thread, every `seconds`, and once at the end.
    """

    def __init__(self, measure: Callable[[], Mapping[str, int]], *, seconds: float) -> None:
        self.peaks: dict[str, int] = {}
        self._measure = measure
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if error is None:
            # In the caller's thread, so that a `measure` that fails does not go unnoticed.
            self._look()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self._look()

    def _look(self) -> None:
        for name, now in self._measure().items():
            self.peaks[name] = max(self.peaks.get(name, 0), now)


def high_water(pid: int) -> int:
    """The most that the process ever held resident, in bytes; 0 where it is gone. Linux only.

    The kernel keeps it (VmHWM), so no moment between two looks is missed. Like RSS it counts pages
    that are shared with other processes in full.
    """
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        if found := re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE):
            return int(found[1]) * 1024
    return 0
