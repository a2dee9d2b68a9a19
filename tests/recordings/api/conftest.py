"""Every test of the API has a disk of its own, and a client for Alice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User


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
def client(api: Callable[[User | None], APIClient], alice: User) -> APIClient:
    """Alice's."""
    return api(alice)
