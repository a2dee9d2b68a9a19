"""Voice vectors: unit length, centroid, cosine. Pure NumPy, no Django."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit(vectors: ArrayLike) -> np.ndarray:
    """float32 (..., dim), every row scaled to length 1; a row of zeros stays as it is."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(lengths > 0.0, lengths, 1.0)


def centroid(vectors: ArrayLike) -> np.ndarray:
    """(n, dim), n at least 1 -> the mean direction of the rows, float32 (dim,), unit length."""
    return unit(unit(vectors).mean(axis=0))


def cosine(one: ArrayLike, other: ArrayLike) -> float:
    """Likeness of two vectors, -1..1; 0 where one of them is all zeros."""
    return float(unit(one) @ unit(other))
