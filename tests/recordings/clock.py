"""A clock and a machine that tests move: time that passes, a clock that is put, a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from speakr_site.core.uptime import Uptime

OLD = timedelta(days=40)


@dataclass
class World:
    """`now`: what the clock shows. `real`: the time that truly passed."""

    now: datetime = datetime(2026, 6, 1, 12, tzinfo=UTC)
    real: timedelta = timedelta(0)
    started: timedelta = timedelta(0)
    starts: list[str] = field(default_factory=lambda: ["boot 0"])

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)
        self.real += timedelta(**time)

    def put_clock(self, **time: float) -> None:
        self.now += timedelta(**time)

    def restart(self) -> None:
        self.started = self.real
        self.starts.append(f"boot {len(self.starts)}")

    def uptime(self) -> Uptime:
        return Uptime(self.starts[-1], int((self.real - self.started).total_seconds()))

    def install(self, patch: pytest.MonkeyPatch) -> World:
        patch.setattr("django.utils.timezone.now", lambda: self.now)
        patch.setattr("recordings.services.retention.uptime", self.uptime)
        return self
