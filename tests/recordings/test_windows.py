"""Windows: they cover the file, stay within the limit, and are cut in pauses."""

from __future__ import annotations

import numpy as np
import pytest

from recordings.audio.windows import cut_points, windows


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Loudness of words of about 0.3 s with gaps of 0.1 s, at 100 values a second."""
    noise = np.random.default_rng(seed)
    loudness = noise.uniform(0.05, 0.3, round(seconds * 100)).astype(np.float32)
    position = 0
    while position < len(loudness):
        position += int(noise.integers(20, 40))
        loudness[position : position + 10] = 0.001
        position += 10
    return loudness


@pytest.mark.parametrize("seed", range(20))
def test_windows_cover_the_file_without_gap_or_overlap(seed: int) -> None:
    noise = np.random.default_rng(seed)
    loudness = speech(float(noise.uniform(0.5, 400)), seed)
    limit = float(noise.uniform(0.5, 60))
    found = windows(loudness, limit)
    assert found[0][0] == 0.0
    assert found[-1][1] == len(loudness) / 100
    assert all(before[1] == after[0] for before, after in zip(found, found[1:], strict=False))
    assert [start for start, _ in found] == cut_points(loudness, limit)


@pytest.mark.parametrize("seed", range(20))
def test_every_cut_is_in_the_last_fifth_before_the_limit(seed: int) -> None:
    limit = float(np.random.default_rng(seed).integers(5, 60))
    found = windows(speech(300, seed), limit)
    lengths = [end - start for start, end in found]
    assert all(length <= limit + 1e-6 for length in lengths)
    assert all(length >= 0.8 * limit - 1e-6 for length in lengths[:-1])


def test_a_file_within_the_limit_is_one_window() -> None:
    assert cut_points(speech(10), 10) == [0.0]
    assert cut_points(speech(0.01), 10) == [0.0]
    assert cut_points(np.empty(0, np.float32), 10) == [0.0]


def test_a_cut_falls_into_a_pause_and_not_between_two_syllables() -> None:
    loudness = speech(20)
    loudness[850:910] = 0.002  # louder than the gaps within words, but longer
    assert 8.5 <= cut_points(loudness, 10)[1] <= 9.1


def test_a_long_silence_is_cut_in_its_middle() -> None:
    loudness = speech(20)
    loudness[820:980] = 0.0
    assert cut_points(loudness, 10)[1] == pytest.approx(9.0, abs=0.02)


def test_a_file_of_silence_is_cut_all_the_same() -> None:
    loudness = np.zeros(100_000, np.float32)
    found = windows(loudness, 60)
    assert max(end - start for start, end in found) <= 60
    assert len(found) <= 21


def test_a_limit_without_a_single_step_is_refused() -> None:
    with pytest.raises(ValueError, match="limit_seconds"):
        cut_points(speech(1), 0.0)
