"""NLI-entailed accuracy, STS, CLIPScore, reward and win rate, of stored scores (docs/method.md, section 6).

Each reads what `evaluation.scoring` stored: ``nli``, ``sts``, ``clipscore``, ``reward`` and
``reward_reference``. Which judge gave them stands in ``metrics.json``; values of other judges can't be compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..predictions import Prediction
from .values import MetricValue, mean_score, median_score, pair_up, score_of, summarize


def nli_accuracy(predictions: Iterable[Prediction]) -> MetricValue:
    """Share of responses that entail the reference answer by the NLI judge: the paper's accuracy."""
    return mean_score(predictions, "nli")


def sts_mean(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean STS (-1 to 1), of several references the best."""
    return mean_score(predictions, "sts")


def clipscore_mean(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean CLIPScore (-100 to 100) of the responses against their images."""
    return mean_score(predictions, "clipscore")


def reward_mean(predictions: Iterable[Prediction]) -> MetricValue:
    """Mean reward (figure 9 and table 3 of the paper)."""
    return mean_score(predictions, "reward")


def reward_median(predictions: Iterable[Prediction]) -> MetricValue:
    """Median reward (figure 6 of the paper)."""
    return median_score(predictions, "reward")


def reference_win_rate(predictions: Iterable[Prediction]) -> MetricValue:
    """How often the response has a higher reward than the reference answer; ties count half."""
    values, types, left_out = [], [], 0
    for prediction in predictions:
        own, other = score_of(prediction, "reward"), score_of(prediction, "reward_reference")
        if own is None or other is None:
            left_out += 1
        else:
            values.append(_win(own, other))
            types.append(prediction.type)
    return summarize(values, types, left_out=left_out)


def win_rate(first: Iterable[Prediction], second: Iterable[Prediction]) -> MetricValue:
    """How often `first` has a higher reward than `second` on the same question; ties count half.

    Raises:
        DataError: the two answer different questions.
    """
    values, types, left_out = [], [], 0
    for one, other in pair_up(first, second):
        own, others = score_of(one, "reward"), score_of(other, "reward")
        if own is None or others is None:
            left_out += 1
        else:
            values.append(_win(own, others))
            types.append(one.type)
    return summarize(values, types, left_out=left_out)


def _win(first: float, second: float) -> float:
    return 1.0 if first > second else 0.5 if first == second else 0.0
