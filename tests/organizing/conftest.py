"""Folders are switched on for every test of this room; one that wants them off says so."""

from __future__ import annotations

import pytest
from constance import config

from organizing.models import Folder, Tag
from tests.factories import make_folder, make_tag

KINDS = {"tags": (Tag, make_tag), "folders": (Folder, make_folder)}


@pytest.fixture(autouse=True)
def _folders_are_on(db: None) -> None:
    config.enable_folders = True


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param
