"""Metrics of judges' stored scores."""

import math
from dataclasses import replace

import pytest

from flamingo_lib.evaluation.metrics.judged import nli_accuracy, nli_labels, reference_win_rate, reward_median, win_rate


def test_nli_shares(prediction):
    labels = (0, 1, 1, 2)
    given = [prediction(scores={"nli": float(label == 1), "nli_label": float(label)}) for label in labels]
    assert nli_accuracy(given).value == 0.5
    assert {name: share.value for name, share in nli_labels([*given, prediction()]).items()} == {
        "contradiction": 0.25,
        "entailment": 0.5,
        "neutral": 0.25,
    }


def test_win_rates_count_ties_half(prediction):
    pairs = [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (2.0, 1.0)]
    given = [prediction(scores={"reward": own, "reward_reference": other}) for own, other in pairs]
    others = [replace(item, model="n", scores={"reward": item.scores["reward_reference"]}) for item in given]
    assert reference_win_rate([*given, prediction(scores={"reward": 1.0})]).value == pytest.approx(2.5 / 4)
    assert win_rate(given, others).value == pytest.approx(2.5 / 4)
    assert win_rate(others, given).value == pytest.approx(1.5 / 4)
    assert reward_median(given).value == 1.0 and math.isnan(win_rate([], []).value)
