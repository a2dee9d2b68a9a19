"""Putting the packaged model in place, on the real packages."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recordings.connectors import weights
from recordings.connectors.base import ConnectorError

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from pathlib import Path
from recordings.connectors.weights import ensure_default
print(ensure_default(Path(sys.argv[1])))
"""

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def packages() -> None:
    for package in weights.PART_PACKAGES:
        try:
            weights._data_folder(package)
        except ConnectorError:
            pytest.skip(f"{package}, which carries a part of the model, is not installed")


def start_build(models_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(models_dir)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_joined_model_is_the_published_one(tmp_path: Path) -> None:
    folder = weights.ensure_default(tmp_path / "models")

    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    assert digest == weights.MODEL_SHA256
    assert {path.name for path in folder.iterdir()} == {"model.bin", *weights.COMPANION_FILES}


def test_a_second_call_writes_nothing(tmp_path: Path) -> None:
    model = weights.ensure_default(tmp_path) / "model.bin"
    written = model.stat().st_mtime_ns

    weights.ensure_default(tmp_path)

    assert model.stat().st_mtime_ns == written


def test_two_processes_at_once_give_one_whole_model(tmp_path: Path) -> None:
    builds = [start_build(tmp_path) for _ in range(2)]

    folders = {build.communicate(timeout=60)[0].strip() for build in builds}

    assert folders == {str(tmp_path / weights.FOLDER_NAME)}
    assert visible_and_hidden_folders(tmp_path) == [weights.FOLDER_NAME]


def test_a_run_killed_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    build = start_build(tmp_path)
    give_up_at = time.monotonic() + 30
    while not any(path.is_dir() for path in tmp_path.iterdir()):
        assert time.monotonic() < give_up_at
    build.send_signal(signal.SIGKILL)
    build.communicate()

    folder = weights.ensure_default(tmp_path)

    assert (folder / "model.bin").stat().st_size == weights.MODEL_SIZE_BYTES
    assert visible_and_hidden_folders(tmp_path) == [weights.FOLDER_NAME]


def test_a_model_cut_short_is_put_together_again(tmp_path: Path) -> None:
    folder = tmp_path / weights.FOLDER_NAME
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"half")

    weights.ensure_default(tmp_path)

    assert (folder / "model.bin").stat().st_size == weights.MODEL_SIZE_BYTES


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MODEL_SHA256", "0" * 64)

    with pytest.raises(ConnectorError) as caught:
        weights.ensure_default(tmp_path)

    assert caught.value.code == "model_unavailable"
    assert caught.value.permanent
    assert visible_and_hidden_folders(tmp_path) == []


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PART_PACKAGES", ("no_such_package", "nor_this"))

    with pytest.raises(ConnectorError, match="no-such-package") as caught:
        weights.ensure_default(tmp_path)

    assert caught.value.permanent


def test_a_folder_that_cannot_be_written_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file is in the way")

    with pytest.raises(ConnectorError) as caught:
        weights.ensure_default(tmp_path / "models")

    assert caught.value.code == "model_unavailable"


def visible_and_hidden_folders(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir()]
