from __future__ import annotations

import numpy as np
import pytest

from speakers.voices import best_match, centroid, cosine, unit

KNOWN = {"Alice": [1.0, 0.0, 0.0], "Bob": [0.0, 1.0, 0.0]}


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


def test_the_most_alike_of_the_known_voices_is_found():
    name, likeness = best_match([0.8, 0.6, 0.0], KNOWN, threshold=0.7)
    assert (name, likeness) == ("Alice", pytest.approx(0.8))


def test_nobody_matches_below_the_threshold():
    assert best_match([0.8, 0.6, 0.0], KNOWN, threshold=0.81) is None


def test_nobody_matches_where_nobody_is_known():
    assert best_match([1.0, 0.0, 0.0], {}, threshold=0.0) is None
