"""The bootstrap against slow formulas of its own, and its coverage on data whose truth is known."""

from __future__ import annotations

import random
import statistics

import numpy as np
import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.study.bootstrap import hierarchical_bootstrap, prediction_range, t_half_width


def slow_bootstrap(tables, statistic, reduce, replicates, seed):
    """One replicate after the other, with lists: quantiles .025 and .975 of the replicates."""
    chance, found = random.Random(seed), []
    for _ in range(replicates):
        values = []
        for name in chance.choices(list(tables), k=len(tables)):
            rows = chance.choices(tables[name], k=len(tables[name]))
            values.append(statistic([reduce(column) for column in zip(*rows, strict=True)]))
        found.append(statistics.fmean(values))
    cuts = statistics.quantiles(found, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def tables(seeds, questions, columns, spread=0.0, effect=0.0, start=0):
    noise = np.random.default_rng(start)
    return {
        seed: noise.normal(effect + spread * noise.normal(), 1.0, size=(questions, columns)) for seed in range(seeds)
    }


@pytest.mark.parametrize("median", [False, True])
def test_replicates_are_those_of_a_slow_loop(median):
    given = tables(3, 40, 2, effect=0.5)
    found = hierarchical_bootstrap(given, lambda c: c[..., 0] - 2 * c[..., 1], median=median, replicates=4000)
    reduce = statistics.median if median else statistics.fmean
    low, high = slow_bootstrap(
        {seed: table.tolist() for seed, table in given.items()}, lambda c: c[0] - 2 * c[1], reduce, 3000, 1
    )
    half = t_half_width(list(found.by_seed.values()))
    assert found.low == pytest.approx(min(low, found.value - half), abs=0.05)
    assert found.high == pytest.approx(max(high, found.value + half), abs=0.05)


def test_value_is_the_mean_over_seeds_of_each_seeds_statistic():
    given = {3: np.array([[1.0, 0.0], [3.0, 1.0]]), 9: np.array([[10.0, 2.0]])}
    found = hierarchical_bootstrap(given, lambda c: c[..., 0] - c[..., 1], replicates=10)
    assert found.by_seed == {3: 1.5, 9: 8.0}
    assert found.value == 4.75 and found.questions == 3
    assert found.low <= found.value <= found.high


def test_pairing_takes_out_what_both_columns_share():
    shared = np.random.default_rng(0).normal(size=(200, 1)) * 5
    own = np.random.default_rng(1).normal(size=(200, 2)) * 0.1
    paired = hierarchical_bootstrap({0: shared + own}, lambda c: c[..., 0] - c[..., 1], replicates=500)
    assert paired.high - paired.low < 0.1
    alone = hierarchical_bootstrap({0: shared + own[:, :1]}, replicates=500)
    assert alone.high - alone.low > 1


def coverage(seeds, questions, spread, trials=150):
    """The share of data sets, with a true mean of 0.3, whose interval holds it."""
    hits = 0
    for trial in range(trials):
        given = tables(seeds, questions, 1, spread, 0.3, start=trial)
        found = hierarchical_bootstrap(given, replicates=300, key=str(trial))
        hits += found.low <= 0.3 <= found.high
    return hits / trials


@pytest.mark.parametrize(("seeds", "spread"), [(5, 0.0), (5, 0.15), (5, 1.0), (3, 0.3), (1, 0.0)])
def test_intervals_cover_the_truth(seeds, spread):
    assert coverage(seeds, 50, spread) >= 0.90


def test_seeds_that_differ_widen_the_interval():
    close, apart = tables(5, 200, 1), tables(5, 200, 1, spread=1.0)
    narrow, wide = (hierarchical_bootstrap(given, replicates=500) for given in (close, apart))
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)


def test_equal_keys_give_equal_intervals():
    given = tables(1, 30, 1)
    first, second, other = (hierarchical_bootstrap(given, replicates=200, key=key) for key in ("a", "a", "b"))
    assert first == second != other


def test_constant_data_has_an_interval_of_no_width():
    found = hierarchical_bootstrap({0: np.ones(8), 1: np.ones(5)}, replicates=50)
    assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "there is no seed"),
        ({4: np.zeros((0, 2))}, "seed 4"),
        ({4: np.array([1.0, np.nan])}, "no finite number"),
    ],
)
def test_unusable_tables(given, message):
    with pytest.raises(DataError, match=message):
        hierarchical_bootstrap(given)


def test_student_t_against_its_table():
    # t(0.975, 4) = 2.776445, and the sample standard deviation of 1..5 is sqrt(2.5)
    assert t_half_width([1, 2, 3, 4, 5]) == pytest.approx(2.776445 * (2.5**0.5) / 5**0.5, rel=1e-5)
    assert t_half_width([7.0]) == 0.0


def test_a_single_run_is_held_against_a_wider_range_than_the_mean():
    values = [1.0, 2, 3, 4, 5]
    low, high = prediction_range(values)
    assert high - 3 == pytest.approx(2.776445 * (2.5**0.5) * (1 + 1 / 5) ** 0.5, rel=1e-5)
    assert 3 - low == pytest.approx(high - 3)
