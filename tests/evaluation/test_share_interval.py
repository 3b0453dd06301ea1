"""Wilson's interval: known values, the ends, and coverage by simulation."""

import math

import numpy as np
import pytest

from flamingo_lib.evaluation.share_interval import share_interval


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 12, 0.0, 0.2425), (1, 10, 0.0179, 0.4042), (50, 100, 0.4038, 0.5962)]
)
def test_known_intervals(hits, n, low, high):
    found = share_interval(hits, n)
    assert (found.value, found.n) == (hits / n, n)
    assert found.low == pytest.approx(low, abs=1e-4) and found.high == pytest.approx(high, abs=1e-4)


def test_no_case_has_no_share():
    assert math.isnan(share_interval(0, 0).value)
    with pytest.raises(ValueError, match="3 of 2"):
        share_interval(3, 2)


@pytest.mark.parametrize("true", [0.05, 0.3, 0.9])
def test_it_covers_the_truth_about_19_times_in_20(true):
    drawn = np.random.default_rng(0).binomial(40, true, 2000)
    covered = np.mean(
        [share_interval(int(hits), 40).low <= true <= share_interval(int(hits), 40).high for hits in drawn]
    )
    assert 0.92 <= covered <= 0.98
