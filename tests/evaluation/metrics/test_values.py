"""Metric values: means by type, what is left out, NaN, and pairing of two models."""

import math
from dataclasses import replace

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.metrics.values import mean_score, median_score, pair_up, ratio


def test_means_and_medians_by_type(prediction):
    given = [prediction(type=kind, scores={"reward": value}) for kind, value in (("a", 1), ("a", 2), ("b", 9))]
    given.append(prediction(type="b"))
    mean, median = mean_score(given, "reward"), median_score(given, "reward")
    assert (mean.value, mean.n, mean.left_out) == (4.0, 3, 1)
    assert mean.by_type == {"a": (1.5, 2), "b": (9.0, 1)}
    assert median.value == 2.0


def test_nothing_to_measure_is_nan_of_none_and_null_in_json():
    empty = mean_score([], "reward")
    assert math.isnan(empty.value) and empty.n == 0 and empty.to_json()["value"] is None
    assert math.isnan(ratio([0.0], [0.0], [""]).value)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "1"])
def test_a_score_that_is_no_number_is_named(prediction, bad):
    with pytest.raises(DataError, match=r"'reward' of 'm' is .*record q1\)"):
        mean_score([prediction(scores={"reward": bad})], "reward")


def test_predictions_of_another_set_are_refused(prediction):
    first = [prediction(), prediction()]
    second = [replace(item, model="other") for item in reversed(first)]
    assert [(one.id, other.id) for one, other in pair_up(first, second)] == [("q1", "q1"), ("q2", "q2")]
    with pytest.raises(DataError, match=r"'other' has no answer to 1 of 2 questions.*record q1\)"):
        pair_up(first, second[:1])
    with pytest.raises(DataError, match=r"'m' has no answer to 1 of 2"):
        pair_up(first[:1], second)
    with pytest.raises(DataError, match="no predictions to compare"):
        pair_up(first, [])
    with pytest.raises(DataError, match="both answer this question in one list"):
        pair_up([first[0], second[1]], second)
    assert pair_up([], []) == []
