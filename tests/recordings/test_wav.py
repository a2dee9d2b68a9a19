"""Our own WAV files: what is written can be read back, whole or in part."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from recordings.audio.wav import SAMPLE_RATE, WavSink, read_samples, wav_duration, wav_slice


def write(path: Path, samples: np.ndarray, *, pieces: int = 1) -> np.ndarray:
    """Writes the samples in so many pieces; gives the loudness."""
    levels = io.BytesIO()
    with path.open("w+b") as target, WavSink(target, levels) as sink:
        for piece in np.array_split(samples, pieces):
            sink.write(piece)
    return np.frombuffer(levels.getvalue(), np.float32)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, SAMPLE_RATE * 3 + 100).astype(np.float32)


def test_what_is_written_is_read_back(tmp_path: Path, noise: np.ndarray) -> None:
    write(tmp_path / "a.wav", noise)
    assert np.abs(read_samples(tmp_path / "a.wav") - noise).max() <= 1 / 32768
    assert wav_duration(tmp_path / "a.wav") == pytest.approx(3.00625)


def test_the_size_of_the_pieces_changes_nothing(tmp_path: Path, noise: np.ndarray) -> None:
    whole = write(tmp_path / "a.wav", noise)
    parts = write(tmp_path / "b.wav", noise, pieces=37)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert np.array_equal(whole, parts)


def test_loudness_is_one_value_for_each_ten_milliseconds_begun(
    tmp_path: Path, noise: np.ndarray
) -> None:
    levels = write(tmp_path / "a.wav", np.concatenate([np.full(160, 0.5, np.float32), noise]))
    assert len(levels) == 1 + 301
    assert levels[0] == pytest.approx(0.5)
    assert levels[1:].mean() == pytest.approx(1 / np.sqrt(3), abs=0.02)


def test_too_loud_samples_are_clipped_and_nan_is_silence(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.array([2.0, -2.0, np.nan, np.inf], np.float32))
    assert read_samples(tmp_path / "a.wav").tolist() == [32767 / 32768, -1.0, 0.0, 32767 / 32768]


def test_a_slice_holds_the_samples_of_its_interval(tmp_path: Path, noise: np.ndarray) -> None:
    write(tmp_path / "a.wav", noise)
    wav_slice(tmp_path / "a.wav", tmp_path / "b.wav", 0.5, 2.25)
    expected = read_samples(tmp_path / "a.wav")[SAMPLE_RATE // 2 : SAMPLE_RATE * 9 // 4]
    assert np.array_equal(read_samples(tmp_path / "b.wav"), expected)
    assert np.array_equal(read_samples(tmp_path / "a.wav", 0.5, 2.25), expected)


def test_an_interval_beyond_the_file_is_cut_to_it(tmp_path: Path, noise: np.ndarray) -> None:
    write(tmp_path / "a.wav", noise)
    assert len(read_samples(tmp_path / "a.wav", 3.0, 9.0)) == 100
    assert len(read_samples(tmp_path / "a.wav", 8.0, 9.0)) == 0
    wav_slice(tmp_path / "a.wav", tmp_path / "b.wav", 8.0, 9.0)
    assert wav_duration(tmp_path / "b.wav") == 0.0
