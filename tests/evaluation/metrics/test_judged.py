"""Metrics of judges' stored scores."""

import math
from dataclasses import replace

import pytest

from flamingo_lib.evaluation.metrics.judged import nli_accuracy, reference_win_rate, reward_median, win_rate


def test_nli_accuracy_is_the_share_that_entails(prediction):
    assert nli_accuracy([prediction(scores={"nli": hit}) for hit in (0.0, 1.0, 1.0, 0.0)]).value == 0.5


def test_win_rates_count_ties_half(prediction):
    pairs = [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (2.0, 1.0)]
    given = [prediction(scores={"reward": own, "reward_reference": other}) for own, other in pairs]
    others = [replace(item, model="n", scores={"reward": item.scores["reward_reference"]}) for item in given]
    assert reference_win_rate([*given, prediction(scores={"reward": 1.0})]).value == pytest.approx(2.5 / 4)
    assert win_rate(given, others).value == pytest.approx(2.5 / 4)
    assert win_rate(others, given).value == pytest.approx(1.5 / 4)
    assert reward_median(given).value == 1.0 and math.isnan(win_rate([], []).value)
