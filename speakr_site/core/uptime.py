"""How long this machine has been up: the one clock that nobody sets. Linux only."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Uptime(NamedTuple):
    """`seconds` since the start that `boot_id` names; they compare within one start only. An empty
    `boot_id`: not known.
    """

    boot_id: str
    seconds: int


def uptime() -> Uptime:
    """Sleeping counts. Whole seconds, rounded down."""
    if sys.platform != "linux":
        return Uptime("", 0)
    try:
        boot_id = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return Uptime("", 0)
    return Uptime(boot_id, int(time.clock_gettime(time.CLOCK_BOOTTIME)))
