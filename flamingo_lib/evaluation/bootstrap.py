"""Bootstrap intervals: percentiles over resampled questions, paired where models answer the same ones.

Resampling is by weights: each resample draws as many questions as there are, with replacement, and counts how often it
drew each. One generator with a fixed seed makes every interval the same again.

Such an interval is over the questions of one run. Of several seeds it would be too narrow, since few seeds show little
of their variance; `study.bootstrap` makes those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .predictions import Prediction

RESAMPLES = 1000
COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its bootstrap interval.

    Attributes:
        value: on all predictions; NaN of none.
        low, high: percentiles of the resamples, 2.5 and 97.5; NaN of fewer than two predictions.
        n: predictions behind it.
    """

    value: float
    low: float
    high: float
    n: int

    def excludes(self, value: float = 0.0) -> bool:
        """Whether `value` lies outside the interval; False if there is none."""
        return self.low > value or self.high < value

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        if math.isnan(self.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f},\N{NO-BREAK SPACE}{self.high:.3f}]"


NOTHING = Interval(math.nan, math.nan, math.nan, 0)
"""The interval of no predictions."""


def resample_weights(predictions: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each resample draws each prediction: counts (resamples, n).

    Args:
        predictions: of one run.
        resamples: how many.
        seed: of the draws.

    Raises:
        DataError: the predictions are of several seeds.
    """
    seeds = sorted({item.seed for item in predictions})
    if len(seeds) > 1:
        raise DataError(
            f"predictions of seeds {', '.join(map(str, seeds))}, for an interval over the questions of one",
            remedy="Give those of one seed; flamingo_lib.study.hierarchical_bootstrap takes several.",
        )
    generator = np.random.default_rng(seed)
    questions = _numbered([(item.pool, item.id) for item in predictions])
    return _draws(generator, int(questions.max(initial=-1)) + 1, resamples)[:, questions]


def percentiles(value: float, resampled: np.ndarray, n: int) -> Interval:
    """The interval of a `value` from its `resampled` values; those that are not defined are left out."""
    defined = resampled[np.isfinite(resampled)]
    if n < 2 or not len(defined):
        return Interval(float(value), math.nan, math.nan, n)
    tail = 50 * (1 - COVERAGE)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high), n)


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `values` (..., n) under each row of `weights` (resamples, n): (..., resamples); NaN without weight."""
    totals = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values @ weights.T / totals


def mean_interval(values: np.ndarray, weights: np.ndarray) -> Interval:
    """The mean of `values` (n,) with its interval; `weights` as `resample_weights` gives."""
    if not len(values):
        return NOTHING
    return percentiles(float(np.mean(values)), weighted_means(values, weights), len(values))


def median_interval(values: np.ndarray, weights: np.ndarray) -> Interval:
    """The median of `values` (n,) with its interval; `weights` as `resample_weights` gives."""
    if not len(values):
        return NOTHING
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[:, order], axis=1)
    middle = cumulated[:, -1:] / 2
    lower = values[order][np.argmax(cumulated >= middle, axis=1)]
    upper = values[order][np.argmax(cumulated > middle, axis=1)]
    return percentiles(float(np.median(values)), (lower + upper) / 2, len(values))


def statistic_interval(
    statistic: Callable[[np.ndarray], float], weights: np.ndarray, n: int, *, resamples: int | None = None
) -> Interval:
    """Any statistic of weights (n,) with its interval; on all predictions every weight is 1."""
    resampled = np.array([statistic(row) for row in weights[:resamples]])
    return percentiles(statistic(np.ones(n)), resampled, n)


def _numbered(names: Sequence[object]) -> np.ndarray:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=int)


def _draws(generator: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    if not count:
        return np.zeros((resamples, 0), dtype=int)
    return generator.multinomial(count, np.full(count, 1 / count), size=resamples)
