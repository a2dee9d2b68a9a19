"""pyannote.audio 4 with community-1 from a local folder: the only file that touches it and torch.

Optional, meant for a GPU. The caller's process must set PYANNOTE_METRICS_ENABLED=0, as
engine_host.py does, before anything is imported here: it reports durations to its makers otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from speakers.diarization.base import Diarization, DiarizationError, Turn
from speakers.diarization.wav import SAMPLE_RATE, Wav
from speakers.voices import unit

# Where the two long steps of the pipeline begin and end in the whole.
_STEPS = {"segmentation": (0.0, 0.3), "embeddings": (0.3, 0.95)}


class PyannoteDiarizer:
    """Loads the pipeline once, on the GPU where there is one."""

    name = "pyannote"

    def __init__(self, *, folder: Path | str) -> None:
        """`folder`: a clone of pyannote/speaker-diarization-community-1, the operator's own.

        Its checkpoints are pickles, so it must never be a path that a user gave. Raises
        DiarizationError where the folder or the package is missing or does not load.
        """
        # Without this look the hub is asked five times before it fails.
        if not folder or not (Path(folder) / "config.yaml").is_file():
            raise DiarizationError(
                "The folder of the pyannote model has no config.yaml: set PYANNOTE_MODEL_DIR to a "
                "clone of pyannote/speaker-diarization-community-1.",
                permanent=True,
            )
        if find_spec("pyannote") is None or find_spec("pyannote.audio") is None:
            raise DiarizationError(
                "pyannote.audio is not installed: see requirements-gpu.txt.", permanent=True
            )
        self._pipeline = _loaded(Path(folder))

    def diarize(
        self,
        wav: Path,
        *,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
    ) -> Diarization:
        """See Diarizer. Here the whole file is held in memory: pyannote knows no other way."""
        import torch

        with Wav(wav) as audio:
            samples = audio.read(0, audio.frames)
        if not samples.size:
            return Diarization(turns=())
        try:
            # A tensor, not a path: torchcodec would have to work otherwise.
            output = self._pipeline(
                {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE},
                min_speakers=min_speakers,
                max_speakers=max_speakers,
                hook=_Hook(on_progress),
            )
        except (RuntimeError, ValueError) as error:
            raise DiarizationError(f"pyannote.audio failed: {error}", permanent=False) from error
        on_progress(1.0)
        return _diarization(output)


class _Hook:
    """Turns pyannote's calls (step, artifact, file, completed, total) into one number."""

    def __init__(self, on_progress: Callable[[float], None]) -> None:
        self._on_progress = on_progress

    def __call__(self, step: str, *artifacts: Any, **state: Any) -> None:
        completed, total = state.get("completed"), state.get("total")
        if step in _STEPS and total and completed is not None:
            low, high = _STEPS[step]
            self._on_progress(low + (high - low) * min(1.0, completed / total))


def _loaded(folder: Path) -> Any:
    try:
        import torch
        from pyannote.audio import Pipeline

        pipeline = Pipeline.from_pretrained(str(folder))
        pipeline.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    # torchaudio raises OSError where it does not fit torch; a broken clone any of the others.
    except (ImportError, OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise DiarizationError(f"pyannote.audio does not load: {error}", permanent=True) from error
    return pipeline


def _diarization(output: Any) -> Diarization:
    """Turns without overlap; labels renumbered in order of first appearance."""
    spoken = sorted(
        (segment.start, segment.end, label)
        for segment, _, label in output.exclusive_speaker_diarization.itertracks(yield_label=True)
    )
    order = dict.fromkeys(label for _, _, label in spoken)
    names = {label: f"SPEAKER_{number:02d}" for number, label in enumerate(order)}
    vectors = output.speaker_embeddings
    # Rows stand in the order of the labels of the diarization with overlap.
    labels = output.speaker_diarization.labels() if vectors is not None else []
    return Diarization(
        turns=tuple(Turn(start, end, names[label]) for start, end, label in spoken),
        embeddings={
            names[label]: unit(vector).tolist()
            for label, vector in zip(labels, vectors if labels else [], strict=True)
            if label in names and np.isfinite(vector).all()
        },
    )
