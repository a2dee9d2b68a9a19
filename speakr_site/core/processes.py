"""Processes of this machine: dying with a parent, recognising a cluster. Does nothing off Linux."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PROC = Path("/proc")


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies, so nothing stays at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_cluster(pid: int, lane: str) -> bool:
    """Whether `pid` belongs to this instance's cluster of that lane: process ids are used again."""
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    theirs, ours = environment_of(pid), environment_of(os.getpid())
    return (
        b"qcluster" in command
        and theirs.get("Q_CLUSTER_NAME", "speakr") == lane
        and theirs.get("DATA_DIR") == ours.get("DATA_DIR")
    )


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with; empty when it is gone or somebody else's."""
    try:
        entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(entry.decode(errors="replace").split("=", 1) for entry in entries if b"=" in entry)
