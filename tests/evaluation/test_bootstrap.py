"""Bootstrap intervals against what is known of them by hand and by other formulas."""

import numpy as np
import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.bootstrap import (
    Interval,
    mean_interval,
    median_interval,
    resample_weights,
    statistic_interval,
    weighted_means,
)
from tests.evaluation.synthetic import answers


def weights_of(count, **options):
    return resample_weights(answers("a", range(count)), **options)


def test_every_resample_draws_as_many_questions_as_there_are():
    weights = weights_of(7, resamples=50)
    assert weights.shape == (50, 7) and (weights.sum(axis=1) == 7).all()
    assert (weights == weights_of(7, resamples=50)).all() and (weights != weights_of(7, resamples=50, seed=1)).any()


def test_several_seeds_are_refused():
    items = [item for seed in (0, 1) for item in answers("a", [1, 2, 3], seed=seed)]
    with pytest.raises(DataError, match=r"seeds 0, 1.*study\.hierarchical_bootstrap"):
        resample_weights(items)


def test_the_interval_of_a_share_is_near_the_normal_one():
    values = np.repeat([0.0, 1.0], [60, 140])
    found = mean_interval(values, weights_of(200, resamples=4000))
    half = 1.96 * np.sqrt(0.7 * 0.3 / 200)
    assert found.value == 0.7 and found.n == 200
    assert found.low == pytest.approx(0.7 - half, abs=0.01) and found.high == pytest.approx(0.7 + half, abs=0.01)
    assert found.excludes(0.5) and not found.excludes(0.7)


def test_medians_are_those_of_the_drawn_values():
    values = np.random.default_rng(3).normal(size=9)
    for count in (8, 9):
        weights = weights_of(count, resamples=300)
        drawn = np.array([np.median(np.repeat(values[:count], row)) for row in weights])
        found = median_interval(values[:count], weights)
        assert found.value == np.median(values[:count])
        assert (found.low, found.high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))


def test_any_statistic_agrees_with_the_mean():
    values, weights = np.arange(6.0), weights_of(6, resamples=100)
    found = statistic_interval(lambda row: float(np.average(values, weights=row)), weights, 6)
    assert (found.value, found.low, found.high) == pytest.approx(
        (lambda mean: (mean.value, mean.low, mean.high))(mean_interval(values, weights))
    )


def test_too_few_values_have_no_interval():
    none, one = mean_interval(np.zeros(0), weights_of(0)), mean_interval(np.ones(1), weights_of(1))
    assert np.isnan([none.value, none.low, one.low, one.high]).all() and (none.n, one.value) == (0, 1.0)
    assert not none.excludes(0) and str(none) == "–" and str(one) == "1.000"
    assert str(Interval(0.5, 0.25, 0.75, 4)) == "0.500 [0.250,\N{NO-BREAK SPACE}0.750]"
    assert np.isnan(median_interval(np.zeros(0), weights_of(0)).value)
    assert np.isnan(weighted_means(np.ones(2), np.zeros((1, 2)))).all()
