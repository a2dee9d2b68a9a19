from __future__ import annotations

import numpy as np
import pytest

from speakers.voices import centroid, cosine, unit


def test_every_row_gets_length_one():
    rows = unit([[3.0, 4.0], [0.0, -2.0]])
    assert rows.dtype == np.float32
    assert rows.tolist() == pytest.approx(np.array([[0.6, 0.8], [0.0, -1.0]]))


def test_a_row_of_zeros_stays_zero_instead_of_turning_into_nan():
    assert unit([[0.0, 0.0]]).tolist() == [[0.0, 0.0]]


def test_a_centroid_does_not_depend_on_the_lengths_of_its_vectors():
    assert centroid([[100.0, 0.0], [0.0, 1.0]]) == pytest.approx([0.5**0.5, 0.5**0.5])


@pytest.mark.parametrize(
    ("other", "expected"), [([5.0, 0.0], 1.0), ([0.0, 2.0], 0.0), ([-1.0, 0.0], -1.0)]
)
def test_cosine_is_about_direction_only(other, expected):
    assert cosine([2.0, 0.0], other) == pytest.approx(expected)
