"""Real processes, as `make run` starts them: they serve, survive kills, and leave nothing behind.

One instance serves most tests, the last of which ends it; what is killed must come back by itself.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import requests
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

START_SECONDS = 60
COME_BACK_SECONDS = 20
STOP_SECONDS = 20
TRANSCRIBE_SECONDS = 180
LANES = {"speakr", "gpu", "text"}


def until[T](condition: Callable[[], T], seconds: float, what: str) -> T:
    """The first truthy answer of `condition`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.1)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
