"""Meta-evaluation: NLI and Rouge-L against the truth by style, and accuracies corrected by the judge's known errors.

Sensitivity is the share of right answers that the judge calls entailed, specificity the share of wrong ones that it
does not. With both known, the judged share p gives the true one as ``(p + specificity - 1) / (sensitivity + specificity
- 1)`` (Rogan and Gladen, American Journal of Epidemiology 107, 1978). A judge's errors are measured on one half of the
questions and applied to the other, and the reverse, so that no answer corrects itself; the mean of both is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .bootstrap import Interval, percentiles, statistic_interval, weighted_means
from .predictions import Prediction

SENTENCE_WORDS = 12
"""Median words above which polite answers count as full answers rather than sentences."""


@dataclass(frozen=True)
class Judged:
    """One model's judged answers.

    Attributes:
        truth: 1 of right answers (n,).
        verdicts: 1 of entailed ones (n,).
        rouge: Rouge-L of each (n,), or None where it is not stored.
        second_half: questions of the second half (n,), the same for every model.
    """

    truth: np.ndarray
    verdicts: np.ndarray
    rouge: np.ndarray | None
    second_half: np.ndarray


@dataclass(frozen=True)
class Errors:
    """A judge's sensitivity and specificity, 0 to 1; NaN where there are no right, or no wrong, answers."""

    sensitivity: Interval
    specificity: Interval


def style_of(predictions: Sequence[Prediction]) -> str:
    """How a model answers: ``curt``, ``sentence`` or ``full answer``, by its polite share and median words.

    Without the score ``polite`` an answer of at least three words that ends in punctuation counts as polite.
    """
    polite = [item.scores.get("polite", _sentence_like(item.response)) for item in predictions]
    if not predictions or float(np.mean(polite)) < 0.5:
        return "curt"
    median = float(np.median([len(item.response.split()) for item in predictions]))
    return "sentence" if median <= SENTENCE_WORDS else "full answer"


def rogan_gladen(judged: float, sensitivity: float, specificity: float) -> float:
    """The true share behind a judged one, 0 to 1; NaN if the judge is no better than chance or unknown."""
    better = sensitivity + specificity - 1
    if not better > 0:
        return math.nan
    return float(min(max((judged + specificity - 1) / better, 0.0), 1.0))


def judge_errors(answers: Sequence[Judged], weights: np.ndarray) -> Errors:
    """Sensitivity and specificity over the answers of all `answers`, with intervals; `weights` of the questions."""
    truth, verdicts = (np.concatenate([getattr(item, name) for item in answers]) for name in ("truth", "verdicts"))
    tiled = np.tile(weights, (1, len(answers)))
    right, wrong = truth > 0.5, truth < 0.5
    return Errors(_share(verdicts[right], tiled[:, right]), _share(1 - verdicts[wrong], tiled[:, wrong]))


def corrected(model: Judged, calibration: Sequence[Judged], weights: np.ndarray) -> Interval:
    """The model's accuracy as the judge's verdicts give it once corrected by the errors seen on `calibration`.

    NaN where one half of the calibration holds right or wrong answers alone, or the judge is no better than chance.
    """
    stacked = {name: np.array([getattr(item, name) for item in calibration]) for name in ("truth", "verdicts")}

    def estimate(drawn: np.ndarray) -> float:
        halves = []
        for half in (model.second_half, ~model.second_half):
            seen, other = drawn * ~half, drawn * half
            if not other.sum():
                return math.nan
            judged = float(np.average(model.verdicts, weights=other))
            halves.append(rogan_gladen(judged, *_errors(stacked["truth"], stacked["verdicts"], seen)))
        return float(np.mean(halves))

    return statistic_interval(estimate, weights, len(model.truth))


def auc(truth: np.ndarray, values: np.ndarray) -> float:
    """Area under the ROC curve: how often a right answer has the higher value; ties count half; NaN of one class."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth > 0.5, values)) if 0 < truth.mean() < 1 else math.nan


def rank_agreement(truth: np.ndarray, judged: np.ndarray, weights: np.ndarray | None = None) -> Interval:
    """Kendall's tau-b between the models' orders by truth and by judge, -1 to 1, with an interval.

    NaN of fewer than two models, and where all models are equal by one of the two.

    Args:
        truth, judged: of each model's answers (k, n); or the models' values (k, 1) without `weights`.
        weights: as `bootstrap.resample_weights` gives for the questions (resamples, n).
    """
    value = kendall_tau(truth.mean(axis=1), judged.mean(axis=1))
    if weights is None:
        return Interval(value, math.nan, math.nan, len(truth))
    left, right = weighted_means(truth, weights), weighted_means(judged, weights)
    resampled = np.array([kendall_tau(left[:, index], right[:, index]) for index in range(len(weights))])
    return percentiles(value, resampled, truth.shape[1])


def kendall_tau(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's tau-b of two rankings; NaN of fewer than two values, and where one has a single value."""
    from scipy.stats import kendalltau

    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(kendalltau(first, second).statistic)


def _share(values: np.ndarray, weights: np.ndarray) -> Interval:
    if not len(values):
        return Interval(math.nan, math.nan, math.nan, 0)
    return percentiles(float(values.mean()), weighted_means(values, weights), len(values))


def _errors(truth: np.ndarray, verdicts: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Sensitivity and specificity of verdicts (k, n) under weights of the questions (n,)."""
    right, wrong = truth * drawn, (1 - truth) * drawn
    if not right.sum() or not wrong.sum():
        return math.nan, math.nan
    return float((verdicts * right).sum() / right.sum()), float(((1 - verdicts) * wrong).sum() / wrong.sum())


def _sentence_like(text: str) -> float:
    return float(len(text.split()) >= 3 and text.rstrip().endswith((".", "!", "?")))


def by_style(styles: Mapping[str, str]) -> dict[str, list[str]]:
    """Models by style, in the order of the styles from curt to full."""
    order = ("curt", "sentence", "full answer")
    return {style: found for style in order if (found := [name for name, own in styles.items() if own == style])}
