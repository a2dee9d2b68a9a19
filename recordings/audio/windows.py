"""Where long audio is cut into windows: at its quietest places. Pure; one subject, no files."""

from __future__ import annotations

import math

import numpy as np

STEPS_PER_SECOND = 100
# A word's plosive is silent for up to 0.1 s; a pause between words lasts longer than 0.3 s.
_SMOOTHING_STEPS = 31
_SEARCHED_SHARE = 0.2


def cut_points(loudness: np.ndarray, limit_seconds: float) -> list[float]:
    """Starts of the windows that cover the file, in seconds.

    `loudness`: float32, shape (n,), one value per 10 ms. No window is longer than `limit_seconds`;
    each cut is at the quietest point of the last fifth before the limit, where "quiet" is the mean
    over 0.3 s. A file within the limit gives one window, starting at 0.
    """
    limit = math.floor(limit_seconds * STEPS_PER_SECOND + 1e-6)
    if limit < 1:
        raise ValueError("limit_seconds must be at least 0.01")
    starts = [0]
    while len(loudness) - starts[-1] > limit:
        last = starts[-1] + limit
        first = last - math.floor(limit * _SEARCHED_SHARE)
        starts.append(_quietest(loudness, first, last))
    return [start / STEPS_PER_SECOND for start in starts]


def windows(loudness: np.ndarray, limit_seconds: float) -> list[tuple[float, float]]:
    """The windows themselves: [start, end) in seconds, each starting where the one before ends."""
    starts = cut_points(loudness, limit_seconds)
    ends = [*starts[1:], len(loudness) / STEPS_PER_SECOND]
    return list(zip(starts, ends, strict=True))


def _quietest(loudness: np.ndarray, first: int, last: int) -> int:
    """The quietest step from `first` to `last`, both included; in a long silence, its middle."""
    reach = _SMOOTHING_STEPS // 2
    stretch = loudness[max(first - reach, 0) : last + reach + 1]
    padded = np.pad(stretch.astype(np.float64), (max(reach - first, 0), 0), mode="edge")
    missing = (last - first + 1 + 2 * reach) - len(padded)
    padded = np.pad(padded, (0, max(missing, 0)), mode="edge")
    mean = np.convolve(padded, np.full(_SMOOTHING_STEPS, 1 / _SMOOTHING_STEPS), mode="valid")
    quietest = np.flatnonzero(mean <= mean.min() + 1e-9)
    return first + int(quietest[len(quietest) // 2])
