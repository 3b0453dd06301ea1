"""Hierarchical bootstrap: confidence intervals over seeds and, within each seed, over questions, paired by question.

Of every seed there is a table with one row a question and one column for each quantity measured of it (the correctness
of two models, for instance). A replicate draws seeds with replacement, then of every drawn seed its rows with
replacement; a row keeps its columns together, which is what pairs them. The statistic is computed of each drawn seed's
column means (or medians) and averaged over the seeds drawn.

With few seeds the percentile interval of such replicates is too narrow where the seeds differ more than the questions
explain (resampling S seeds sees only (S - 1) / S of their variance, and the normal quantile is too small for S - 1
degrees of freedom). So the interval is the wider, on each side, of the bootstrap's and of Student's t interval of the
statistic by seed, which needs two seeds. With one seed the interval is over questions only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..seeding import numpy_generator

REPLICATES = 4000
LEVEL = 0.95
"""Coverage that an interval aims at."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""Column means (..., columns) to values (...)."""


def first_column(columns: np.ndarray) -> np.ndarray:
    """The statistic of tables with a single column: its mean."""
    return columns[..., 0]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        value: mean over the seeds of the statistic.
        low, high: bounds of the interval, `low <= value <= high`.
        by_seed: the statistic of each seed.
        questions: rows in all seeds together.
    """

    value: float
    low: float
    high: float
    by_seed: dict[int, float]
    questions: int


def hierarchical_bootstrap(
    tables: Mapping[int, np.ndarray],
    statistic: Statistic = first_column,
    *,
    median: bool = False,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    key: str = "bootstrap",
) -> Interval:
    """The estimate and its interval.

    Args:
        tables: by seed, arrays of shape (questions, columns), or (questions,) for one column.
        statistic: of the column means; must take any number of leading axes.
        median: columns are reduced by their median in place of their mean.
        replicates: bootstrap replicates, at least 1.
        level: coverage aimed at, above 0 and below 1.
        key: of the generator; equal keys give equal intervals.

    Raises:
        DataError: no seeds, a seed without questions, or a value that is no finite number.
    """
    rows = {seed: _checked(seed, np.asarray(table, float)) for seed, table in sorted(tables.items())}
    if not rows:
        raise DataError("no predictions to make an interval of: there is no seed")
    reduce = np.median if median else np.mean
    by_seed = {seed: float(statistic(reduce(table, axis=0))) for seed, table in rows.items()}
    value = float(np.mean(list(by_seed.values())))
    samples = _replicates(list(rows.values()), statistic, median, replicates, key)
    tail = (1 - level) / 2
    low, high = (float(bound) for bound in np.quantile(samples, (tail, 1 - tail)))
    half = t_half_width(list(by_seed.values()), level)
    return Interval(
        value=value,
        low=min(low, value - half, value),
        high=max(high, value + half, value),
        by_seed=by_seed,
        questions=sum(map(len, rows.values())),
    )


def t_half_width(values: list[float], level: float = LEVEL) -> float:
    """Half the width of Student's t interval of the mean of `values`; 0 of a single value, which shows no variance."""
    if len(values) < 2:
        return 0.0
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def prediction_range(values: list[float], level: float = LEVEL) -> tuple[float, float]:
    """Where one more seed's value is expected: Student's t prediction interval of `values`; of one, that value twice.

    An interval of the mean is narrower than single seeds scatter, so a single run is held against this one.
    """
    mean = float(np.mean(values))
    half = t_half_width(values, level) * float(np.sqrt(len(values) + 1))
    return mean - half, mean + half


def _checked(seed: int, table: np.ndarray) -> np.ndarray:
    if not len(table):
        raise DataError("no predictions to make an interval of", record=f"seed {seed}")
    table = table.reshape(len(table), -1)
    if not np.isfinite(table).all():
        raise DataError(
            "a score is no finite number",
            record=f"seed {seed}",
            remedy="Score the predictions again; a judge that gives NaN is broken.",
        )
    return table


def _replicates(tables: list[np.ndarray], statistic: Statistic, median: bool, replicates: int, key: str) -> np.ndarray:
    """The statistic of each replicate (replicates,)."""
    random = numpy_generator(0, "study", key)
    drawn = random.integers(len(tables), size=(replicates, len(tables)))
    total = np.zeros(replicates)
    for index, table in enumerate(tables):
        times = (drawn == index).sum(axis=1)  # how often each replicate draws this seed
        owner = np.repeat(np.arange(replicates), times)
        for start in range(0, len(owner), _CHUNK):
            part = owner[start : start + _CHUNK]
            if median:
                columns = np.median(table[random.integers(len(table), size=(len(part), len(table)))], axis=1)
            else:
                counts = random.multinomial(len(table), np.full(len(table), 1 / len(table)), size=len(part))
                columns = counts @ table / len(table)
            np.add.at(total, part, statistic(columns))
    return total / len(tables)


_CHUNK = 1000
"""Resamples held in memory at once."""
