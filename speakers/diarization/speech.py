"""Where somebody speaks: Silero's voice activity model run in blocks, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from speakers.diarization.base import DiarizationError

CHUNK = 512
"""Samples per probability: 32 ms at 16 kHz."""
_CONTEXT = 64
_STATE = (1, 1, 128)


@dataclass(frozen=True, slots=True)
class SpeechRules:
    """From which probability speech begins, below which it ends; the other three in samples."""

    start: float = 0.5
    end: float = 0.35
    silence: int = 2_400
    pad: int = 800
    longest: int = 960_000


class SpeechDetector:
    """Silero VAD v6 from inside the faster-whisper package, which is located but not imported."""

    def __init__(self) -> None:
        """Raises DiarizationError where the package or its model file is missing."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # The network is tiny and recurrent: more threads only make it slower.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(_model_file()), options, providers=["CPUExecutionProvider"]
        )

    def probabilities(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Blocks in order, all but the last a multiple of 512 long -> a probability per 512."""
        h = c = np.zeros(_STATE, dtype=np.float32)
        before = np.zeros(_CONTEXT, dtype=np.float32)
        for block in blocks:
            samples = np.pad(block, (0, -block.size % CHUNK))
            chunks = samples.reshape(-1, CHUNK)
            tails = np.vstack([before, chunks[:-1, -_CONTEXT:]])
            answer, h, c = self._session.run(
                None, {"input": np.hstack([tails, chunks]), "h": h, "c": c}
            )
            before = chunks[-1, -_CONTEXT:]
            yield answer.reshape(-1)


def regions(
    probabilities: np.ndarray, total: int, rules: SpeechRules = SpeechRules()
) -> list[tuple[int, int]]:
    """Speech as (start, end) in samples of `total`: in order, not overlapping, padded."""
    found = _padded(_triggered(probabilities, rules), total, rules.pad)
    return [piece for region in found for piece in _split(*region, rules.longest)]


def _triggered(probabilities: np.ndarray, rules: SpeechRules) -> list[list[int]]:
    """Hysteresis: speech begins at `start`, ends when it stays below `end` for `silence`."""
    found: list[list[int]] = []
    begun: int | None = None
    quiet_since: int | None = None
    for index, probability in enumerate(probabilities):
        here = index * CHUNK
        if probability >= rules.start:
            begun = here if begun is None else begun
            quiet_since = None
        elif begun is not None and probability < rules.end:
            quiet_since = here if quiet_since is None else quiet_since
        if begun is not None and quiet_since is not None and here - quiet_since >= rules.silence:
            found.append([begun, quiet_since])
            begun = quiet_since = None
    if begun is not None:
        found.append([begun, probabilities.size * CHUNK])
    return found


def _padded(found: list[list[int]], total: int, pad: int) -> list[tuple[int, int]]:
    """Widen by `pad` on both sides; neighbours closer than two pads meet in the middle."""
    padded = []
    for i, (start, end) in enumerate(found):
        floor = (found[i - 1][1] + start) // 2 if i else 0
        ceiling = (end + found[i + 1][0]) // 2 if i + 1 < len(found) else total
        padded.append((max(start - pad, floor), min(end + pad, ceiling)))
    return padded


def _split(start: int, end: int, longest: int) -> list[tuple[int, int]]:
    """Equal parts of at most `longest`, so that music taken for speech cannot fill the memory."""
    parts = max(1, -(-(end - start) // longest))
    cuts = [start + (end - start) * part // parts for part in range(parts + 1)]
    return list(zip(cuts[:-1], cuts[1:], strict=True))


def _model_file() -> Path:
    spec = find_spec("faster_whisper")
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0]) / "assets" / "silero_vad_v6.onnx" if folders else None
    if path is None or not path.is_file():
        raise DiarizationError(
            "The voice activity model is missing: install faster-whisper 1.2.1.", permanent=True
        )
    return path
