"""Judges' errors, the correction by them, and rank agreement, with answers known by hand."""

import numpy as np
import pytest

from flamingo_lib.evaluation.bootstrap import resample_weights
from flamingo_lib.evaluation.meta_evaluation import (
    Judged,
    auc,
    by_style,
    corrected,
    judge_errors,
    kendall_tau,
    rank_agreement,
    rogan_gladen,
    style_of,
)
from tests.evaluation.synthetic import answers, predicted


def judged(truth, verdicts, rouge=None):
    truth, verdicts = np.array(truth, float), np.array(verdicts, float)
    return Judged(truth, verdicts, rouge, np.arange(len(truth)) % 2 == 1)


def weights_of(count, resamples=200):
    return resample_weights(answers("a", range(count)), resamples=resamples)


def test_the_correction_undoes_the_errors_that_made_the_judged_share():
    true, sensitivity, specificity = 0.6, 0.8, 0.9
    share = true * sensitivity + (1 - true) * (1 - specificity)
    assert rogan_gladen(share, sensitivity, specificity) == pytest.approx(true)
    assert rogan_gladen(0.05, 0.8, 0.9) == 0 and rogan_gladen(0.99, 0.8, 0.9) == 1
    assert np.isnan([rogan_gladen(0.5, 0.5, 0.5), rogan_gladen(0.5, np.nan, 0.9)]).all()


def test_sensitivity_and_specificity_are_counted():
    one = judged([1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1])
    errors = judge_errors([one], weights_of(6))
    assert (errors.sensitivity.value, errors.sensitivity.n) == (0.75, 4)
    assert (errors.specificity.value, errors.specificity.n) == (0.5, 2)
    both = judge_errors([one, judged([0] * 6, [0] * 6)], weights_of(6))
    assert both.specificity.value == 7 / 8 and both.sensitivity == errors.sensitivity
    assert np.isnan(judge_errors([judged([1, 1], [1, 0])], weights_of(2)).specificity.value)


def test_a_style_specific_error_is_corrected_by_that_style_only():
    generator = np.random.default_rng(1)
    truth = generator.random(4000) < 0.5
    strict = judged(truth, truth & (generator.random(4000) < 0.6))
    fair = judged(truth, truth)
    weights = weights_of(4000, 50)
    assert corrected(strict, [strict], weights).value == pytest.approx(truth.mean(), abs=0.03)
    assert corrected(strict, [strict, fair], weights).value < truth.mean() - 0.08
    assert corrected(strict, [strict], weights).low < truth.mean() < corrected(strict, [strict], weights).high


def test_no_answer_corrects_itself():
    truth = [1, 1, 0, 0, 1, 1, 0, 0]
    verdicts = [1, 0, 0, 1, 1, 1, 0, 0]  # even questions judged without an error, odd ones at chance
    found = corrected(judged(truth, verdicts), [judged(truth, verdicts)], weights_of(8))
    first = rogan_gladen(0.5, 0.5, 0.5)  # even questions by the errors of the odd ones
    assert np.isnan(first) and np.isnan(found.value)


def test_one_class_has_no_correction():
    assert np.isnan(corrected(judged([1] * 6, [1] * 6), [judged([1] * 6, [1] * 6)], weights_of(6)).value)


def test_rouge_is_measured_by_ranking_right_above_wrong():
    assert auc(np.array([1.0, 1, 0, 0]), np.array([0.9, 0.2, 0.2, 0.1])) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(np.ones(3), np.arange(3.0)))


def test_rank_agreement_is_kendalls():
    assert kendall_tau(np.array([1, 2, 3, 4]), np.array([1, 2, 4, 3])) == pytest.approx(4 / 6)
    assert np.isnan([kendall_tau(np.ones(1), np.ones(1)), kendall_tau(np.ones(3), np.arange(3))]).all()
    truth = np.array([[1.0, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]])
    found = rank_agreement(truth, 1 - truth, weights_of(4))
    assert found.value == -1 and found.low == -1 and found.high < 0
    assert rank_agreement(truth, truth).value == 1 and np.isnan(rank_agreement(truth, truth).low)


@pytest.mark.parametrize(
    ("response", "scores", "style"),
    [
        ("red", {}, "curt"),
        ("red", {"polite": 1}, "sentence"),
        ("The ring is red.", {}, "sentence"),
        ("The ring is red.", {"polite": 0}, "curt"),
        ("Sure! The ring that stands beside the star is red. Do ask if you want more.", {}, "full answer"),
    ],
)
def test_styles(response, scores, style):
    assert style_of([predicted("a", 0, response=response, **scores)]) == style


def test_models_are_grouped_by_style():
    assert by_style({"a": "full answer", "b": "curt", "c": "curt"}) == {"curt": ["b", "c"], "full answer": ["a"]}
    assert style_of([]) == "curt"
