"""Processes of this machine: dying with a parent, recognising a cluster. Does nothing off Linux."""

from __future__ import annotations

import ctypes
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PROC = Path("/proc")


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent dies, so nothing stays at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def is_cluster(pid: int, lane: str, data_dir: Path) -> bool:
    """Whether `pid` belongs to the cluster of that lane and instance: ids are used again."""
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    started_with = environment_of(pid)
    return (
        b"qcluster" in command
        and started_with.get("Q_CLUSTER_NAME", "speakr") == lane
        and started_with.get("DATA_DIR") == str(data_dir)
    )


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with; empty when it is gone or somebody else's."""
    try:
        entries = (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(entry.decode(errors="replace").split("=", 1) for entry in entries if b"=" in entry)
