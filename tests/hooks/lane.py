"""The part of a Speakr that delivers webhooks, of real processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.hooks.receiver import HOST, Receiver
from tests.instance import POSTGRESQL, STOP_SECONDS, Instance, free_port, fresh_database, start

EVENT = "recording.updated"
LOOPBACK_IS_OPEN = {
    "WEBHOOK_INTRANET_HOST_ALLOWLIST": HOST.replace(".", r"\."),
    "WEBHOOK_ALLOWED_PRIVATE_CIDRS": "127.0.0.0/8",
}
SUBSCRIBE = """
from accounts.services import ensure_user
from tests.factories import make_webhook
for name, targets in {targets!r}.items():
    owner, _ = ensure_user(
        username=name, email=name + "@example.com", password="Tr7-quiet-lake"
    )
    for target in targets:
        make_webhook(
            owner=owner, url="http://" + target + "/hook", target=target, allow_http=True,
            events=[{event!r}],
        )
"""


class Lane(Instance):
    """A database, and the cluster that delivers, which comes back as long as it is not ended.
    `deaths`: when it had died, in seconds of time.time().
    """

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.database_url = environment.get("DATABASE_URL", "") or (
            fresh_database(data_dir.name) if POSTGRESQL else ""
        )
        self.environment = {
            **LOOPBACK_IS_OPEN,
            **environment,
            "DATABASE_URL": self.database_url,
        }
        self.deaths: list[float] = []
        self._has_ended = threading.Event()
        self._has_begun = threading.Event()
        self._keeper = threading.Thread(target=self._keep)
        self.manage("migrate", "-v", "0")
        self.manage("sync_schedules")
        self._keeper.start()

    def _keep(self) -> None:
        while not self._has_ended.is_set():
            self.process = start("cluster", self.data_dir, free_port(), **self.environment)
            self._has_begun.set()
            self.process.wait()
            self.deaths.append(time.time())

    def run(self, code: str) -> str:
        """What this server's own Python prints."""
        return self.manage("shell", "-v", "0", "-c", code)

    def subscribe(self, receivers: Mapping[str, list[Receiver]]) -> None:
        """Makes people with webhooks to these receivers, for EVENT."""
        targets = {name: [one.target for one in theirs] for name, theirs in receivers.items()}
        self.run(SUBSCRIBE.format(targets=targets, event=EVENT))

    def end(self) -> None:
        self._has_begun.wait()
        self._has_ended.set()
        # All that it has forked dies with it.
        self.process.kill()
        self._keeper.join(STOP_SECONDS)
