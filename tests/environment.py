"""Loaded before Django's settings (pyproject.toml, `-p`): a data directory of its own, and the
database asked for.

`TEST_DATABASE=postgresql` starts a real PostgreSQL from the pgserver package for the length of the
run.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import signal
import tempfile

# A shell makes what it starts with `&` deaf to Ctrl-C (POSIX, asynchronous lists), and all that the
# tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

DATA_DIR = tempfile.mkdtemp(prefix="speakr-tests-")
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
os.environ["DATA_DIR"] = DATA_DIR
# Tests ask more often than a client may; tests/core/test_ratelimits.py sets limits of its own.
os.environ["RATELIMIT_ENABLE"] = "false"
for name in ("DATABASE_URL", "SQLALCHEMY_DATABASE_URI", "UPLOAD_FOLDER", "ASR_BASE_URL"):
    os.environ.pop(name, None)

if os.environ.get("TEST_DATABASE", "sqlite") == "postgresql":
    import pgserver

    # It reports its own end after pytest has closed the log.
    logging.getLogger("pgserver").setLevel(logging.WARNING)
    _server = pgserver.get_server(os.path.join(DATA_DIR, "postgresql"))  # noqa: PTH118
    atexit.register(_server.cleanup)
    os.environ["DATABASE_URL"] = _server.get_uri()
