"""Media files that several test modules read. They are made once and never written to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.recordings.media_samples import SAMPLES, Sample, make


@pytest.fixture(scope="session")
def media_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two seconds of a 440 Hz tone in every format of `SAMPLES`."""
    folder = tmp_path_factory.mktemp("media")
    return {name: make(folder / name, sample) for name, sample in SAMPLES.items()}


@pytest.fixture(scope="session")
def hour_of_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of silence at 8 kHz, 29 MB."""
    silence = np.zeros((1, 3600 * 8000), np.float32)
    return make(tmp_path_factory.mktemp("hour") / "hour.wav", Sample("pcm_mulaw", 8000), silence)
