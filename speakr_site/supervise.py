"""supervisord for one data directory: a closed terminal stops it, and there is one at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import IO

from supervisor import supervisord
from supervisor.options import ServerOptions

LOCK = "supervisord.lock"
OWNER_AND_GROUP_ONLY = 0o027


class Options(ServerOptions):
    def setsignals(self) -> None:
        super().setsignals()
        # supervisord's own answer is to start everything afresh, with nobody left to stop it.
        signal.signal(signal.SIGHUP, lambda *_: self.signal_receiver.receive(signal.SIGTERM, None))

    def cleanup_fds(self) -> None:
        """Nothing to close: the lock is all that is open."""


def locked(data_dir: Path) -> IO[bytes] | None:
    """The lock of a data directory, held while the file is open; None when another holds it."""
    file = (data_dir / LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def is_running(data_dir: Path) -> bool:
    lock = locked(data_dir)
    if lock is None:
        return True
    lock.close()
    return False


def main(data_dir: Path, arguments: list[str]) -> None:
    lock = locked(data_dir)
    if lock is None:
        sys.exit(f"Another Speakr runs on {data_dir}.")
    os.umask(OWNER_AND_GROUP_ONLY)
    options = Options()
    options.realize(arguments, doc=__doc__)
    options.first, options.test = True, False
    with lock:
        supervisord.go(options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
