"""Metrics: functions from stored predictions to a value with the number of predictions behind it.

What a metric gives where there is nothing to measure is the same for all of them (see `values`): no predictions, or
none to which it applies, is NaN with ``n = 0``; a stored score that is no number is a `DataError` naming the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .captions import cider, mean_words, repeated_share, rouge_l_mean
    from .guess import chance, commonest, guess_line
    from .judged import clipscore_mean, nli_accuracy, reward_mean, reward_median, sts_mean, win_rate
    from .pope import YesNo, said_yes, yes_no
    from .select import METRICS, Metric, applicable, measure
    from .truth import answer_accuracy, box_accuracy, chair_instance, chair_sentence, count_error, hallucination_rate
    from .values import MetricValue, mean_score, median_score, pair_up
    from .vqa import exact_match, label_named, normalize_answer, vqa_accuracy, vqa_accuracy_stated
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "METRICS",
    "Metric",
    "MetricValue",
    "YesNo",
    "answer_accuracy",
    "applicable",
    "box_accuracy",
    "chair_instance",
    "chair_sentence",
    "chance",
    "cider",
    "clipscore_mean",
    "commonest",
    "count_error",
    "exact_match",
    "guess_line",
    "hallucination_rate",
    "label_named",
    "mean_score",
    "mean_words",
    "measure",
    "median_score",
    "nli_accuracy",
    "normalize_answer",
    "pair_up",
    "repeated_share",
    "reward_mean",
    "reward_median",
    "rouge_l_mean",
    "said_yes",
    "sts_mean",
    "vqa_accuracy",
    "vqa_accuracy_stated",
    "win_rate",
    "yes_no",
]
