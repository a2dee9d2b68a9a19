"""Every test of the API has a disk of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from recordings.models import Recording
from tests.factories import make_recording


@dataclass(frozen=True)
class Disk:
    """Where the server under test keeps what it was sent."""

    root: Path

    def files(self) -> list[Path]:
        """Everything on it: stored audio, and uploads on their way."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, settings: Any) -> Disk:
    root = tmp_path / "uploads"
    settings.MEDIA_ROOT = root
    settings.FILE_UPLOAD_TEMP_DIR = root / ".incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir(parents=True)
    return Disk(root)


@pytest.fixture
def recording(alice: User) -> Recording:
    return make_recording(owner=alice)
