"""Folders are switched on for every test of this room; one that wants them off says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from constance import config
from rest_framework.test import APIClient

from accounts.models import User


@pytest.fixture(autouse=True)
def _folders_are_on(db: None) -> None:
    config.enable_folders = True


@pytest.fixture
def client(api: Callable[[User], APIClient], alice: User) -> APIClient:
    """Alice's."""
    return api(alice)
