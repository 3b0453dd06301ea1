"""Bradley-Terry scores: one strength a model, from which every pairwise win rate follows, with and without length.

Model i beats model j with probability ``sigmoid(s_i - s_j)`` (Bradley and Terry, Biometrika 39, 1952). The fit is a
logistic regression on who was compared with whom. Judges tend to prefer longer responses; with the length covariate,
as in Chatbot Arena's style control, ``(l_i - l_j) / (l_i + l_j)`` of the two responses' words enters with a coefficient
of its own, and the scores are what is left at equal length.

A model that wins every time has an infinite maximum-likelihood score, so each pair gets one more, imaginary comparison
that is drawn.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy

from ..errors import DataError
from .bootstrap import Interval, percentiles

DRAWN = 1.0
"""Imaginary drawn comparisons of each pair."""


@dataclass(frozen=True)
class Strengths:
    """Bradley-Terry scores of models.

    Attributes:
        names: of the models (k).
        scores: in logits, with mean 0.
        length: coefficient of the relative difference in words; None where it was left out.
    """

    names: tuple[str, ...]
    scores: tuple[Interval, ...]
    length: Interval | None = None

    def win_rates(self) -> np.ndarray:
        """Expected win rates at equal length (k, k), the row's over the column's."""
        values = np.array([score.value for score in self.scores])
        return expit(values[:, None] - values)


@dataclass(frozen=True)
class Fit:
    """How near a win-rate matrix is to Bradley-Terry.

    Attributes:
        mean_gap: mean distance between observed and expected win rates, 0 to 1.
        largest_gap: the largest, with its `pair`.
        pair: (row, column) of the largest distance.
        explained: share of the deviance from chance that the scores explain: 1 if the matrix is Bradley-Terry, NaN if
            all win rates are one half.
    """

    mean_gap: float
    largest_gap: float
    pair: tuple[str, str]
    explained: float

    def __str__(self) -> str:
        explained = (
            "" if math.isnan(self.explained) else f"; {self.explained:.1%} of the deviance from chance explained"
        )
        return (
            f"win rates differ from Bradley-Terry's by {100 * self.mean_gap:.1f} points on average, at most by "
            f"{100 * self.largest_gap:.1f} ({self.pair[0]} against {self.pair[1]}){explained}"
        )


def wins(rewards: np.ndarray) -> np.ndarray:
    """Who wins each comparison (k, k, n) of rewards (k, n): 1 if the row does, 0.5 of ties."""
    left, right = rewards[:, None], rewards[None]
    return (left > right) + 0.5 * (left == right)


def fit_scores(counts: np.ndarray, *, drawn: float = DRAWN) -> np.ndarray:
    """Bradley-Terry scores (k,) with mean 0 of counts (k, k) of the row's wins over the column's; ties count half."""
    first, second = np.triu_indices(len(counts), 1)
    design = _design(first, second, len(counts))
    labels = np.repeat([1.0, 0.0], len(first))
    weights = np.concatenate([counts[first, second], counts[second, first]]) + drawn / 2
    return _logistic(np.concatenate([design, design]), labels, weights, len(counts))


def fit_with_length(
    rewards: np.ndarray, words: np.ndarray, weights: np.ndarray | None = None, *, drawn: float = DRAWN
) -> tuple[np.ndarray, float]:
    """Scores (k,) with mean 0 at equal length, and the coefficient of length.

    Args:
        rewards: of each model's responses (k, n).
        words: in the same responses (k, n).
        weights: of the questions (n,); 1 by default.
        drawn: imaginary drawn comparisons of each pair, of equal length.
    """
    models, count = rewards.shape
    weights = np.ones(count) if weights is None else weights
    first, second = np.triu_indices(models, 1)
    difference = relative_difference(words[first], words[second])
    won = wins(rewards)[first, second]
    used = np.flatnonzero(weights)
    pairs = np.repeat(np.arange(len(first)), len(used))
    lengths = difference[:, used].ravel()
    shares = won[:, used].ravel()
    pulls = np.tile(weights[used], len(first))
    design = np.column_stack([_design(first[pairs], second[pairs], models), lengths])
    prior = np.column_stack([_design(first, second, models), np.zeros(len(first))])
    rows, labels, strength = [], [], []
    for label, share in ((1.0, shares), (0.0, 1 - shares)):
        some = share > 0
        rows += [design[some], prior]
        labels.append(np.full(int(some.sum()) + len(prior), label))
        strength += [(pulls * share)[some], np.full(len(prior), drawn / 2)]
    solved = _logistic(np.concatenate(rows), np.concatenate(labels), np.concatenate(strength), models)
    return solved[:models], float(solved[models])


def relative_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Difference of two lengths over their sum, -1 to 1; 0 where both are empty."""
    total = first + second
    return np.divide(first - second, total, out=np.zeros(np.shape(total)), where=total > 0)


def strengths(names: Sequence[str], rewards: np.ndarray, weights: np.ndarray) -> Strengths:
    """Scores with bootstrap intervals.

    Args:
        names: of the models (k).
        rewards: of their responses to the same questions (k, n).
        weights: as `bootstrap.resample_weights` gives for the questions (resamples, n).

    Raises:
        DataError: fewer than two models, or no questions.
    """
    _check(names, rewards)
    won = wins(rewards)
    scores = fit_scores(won.sum(axis=2))
    resampled = np.array([fit_scores(counts) for counts in np.moveaxis(won @ weights.T, 2, 0)])
    return Strengths(tuple(names), _intervals(scores, resampled, rewards.shape[1]))


def strengths_with_length(
    names: Sequence[str], rewards: np.ndarray, words: np.ndarray, weights: np.ndarray
) -> Strengths:
    """Scores at equal length with bootstrap intervals; `words` are the responses' lengths (k, n), else `strengths`."""
    _check(names, rewards)
    scores, length = fit_with_length(rewards, words)
    fits = [fit_with_length(rewards, words, row) for row in weights]
    count = rewards.shape[1]
    intervals = _intervals(scores, np.array([found for found, _ in fits]), count)
    return Strengths(tuple(names), intervals, percentiles(length, np.array([found for _, found in fits]), count))


def nearness(names: Sequence[str], rates: np.ndarray, comparisons: float) -> Fit:
    """How near win rates (k, k), each of so many `comparisons`, are to Bradley-Terry."""
    scores = fit_scores(rates * comparisons)
    expected = expit(scores[:, None] - scores)
    first, second = np.triu_indices(len(names), 1)
    observed, fitted = rates[first, second], expected[first, second]
    gaps = np.abs(observed - fitted)
    worst = int(np.argmax(gaps))
    chance, reached, possible = (
        float(np.sum(xlogy(observed, share) + xlogy(1 - observed, 1 - share)))
        for share in (np.full(len(observed), 0.5), fitted, observed)
    )
    explained = (reached - chance) / (possible - chance) if possible - chance > 1e-12 else math.nan
    return Fit(float(gaps.mean()), float(gaps[worst]), (names[first[worst]], names[second[worst]]), explained)


def _design(first: np.ndarray, second: np.ndarray, models: int) -> np.ndarray:
    """Rows with 1 for the first model and -1 for the second; the last model, the reference, has no column."""
    rows = np.zeros((len(first), models))
    rows[np.arange(len(first)), first] = 1
    rows[np.arange(len(first)), second] = -1
    return rows[:, :-1]


def _logistic(design: np.ndarray, labels: np.ndarray, weights: np.ndarray, models: int) -> np.ndarray:
    """Coefficients of a logistic regression: those of the models with mean 0, then the others."""
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression

    routine = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-8)
    with config_context(assume_finite=True, skip_parameter_validation=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # the name of "no penalty" differs by version
        solved = routine.fit(design, labels, sample_weight=weights).coef_[0]
    scores = np.append(solved[: models - 1], 0.0)
    return np.append(scores - scores.mean(), solved[models - 1 :])


def _intervals(scores: np.ndarray, resampled: np.ndarray, count: int) -> tuple[Interval, ...]:
    resampled = resampled.reshape(-1, len(scores))
    return tuple(percentiles(score, resampled[:, number], count) for number, score in enumerate(scores))


def _check(names: Sequence[str], rewards: np.ndarray) -> None:
    if len(names) < 2 or not rewards.size:
        raise DataError(
            f"Bradley-Terry compares at least two models on the same questions, got {len(names)} on "
            f"{rewards.shape[1] if rewards.ndim == 2 else 0}",
            remedy="Evaluate more models on one set of questions.",
        )
