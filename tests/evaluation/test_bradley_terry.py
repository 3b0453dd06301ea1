"""Bradley-Terry against Zermelo's iteration, and against a likelihood maximised term by term."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.bootstrap import resample_weights
from flamingo_lib.evaluation.bradley_terry import (
    fit_scores,
    fit_with_length,
    nearness,
    strengths,
    strengths_with_length,
    wins,
)
from tests.evaluation.synthetic import answers


def zermelo(counts, drawn):
    """The minorise-maximise iteration on strengths, one at a time (Hunter, Annals of Statistics 32, 2004)."""
    models = len(counts)
    counts = counts + drawn / 2 * (1 - np.eye(models))
    strength = np.ones(models)
    for _ in range(5000):
        for i in range(models):
            rest = [j for j in range(models) if j != i]
            games = sum((counts[i, j] + counts[j, i]) / (strength[i] + strength[j]) for j in rest)
            strength[i] = sum(counts[i, j] for j in rest) / games
    logits = np.log(strength)
    return logits - logits.mean()


def slow_with_length(rewards, words, drawn):
    """Minimises the penalised negative log-likelihood, one comparison after the other."""
    models, count = rewards.shape

    def loss(values):
        scores, length, total = np.append(values[: models - 1], 0), values[-1], 0.0
        for i in range(models):
            for j in range(i):
                gap = scores[i] - scores[j]
                total += drawn / 2 * (math.log1p(math.exp(-gap)) + math.log1p(math.exp(gap)))
                for q in range(count):
                    x = gap + length * (words[i, q] - words[j, q]) / (words[i, q] + words[j, q])
                    won = 1.0 if rewards[i, q] > rewards[j, q] else 0.5 if rewards[i, q] == rewards[j, q] else 0.0
                    total += won * math.log1p(math.exp(-x)) + (1 - won) * math.log1p(math.exp(x))
        return total

    found = minimize(loss, np.zeros(models), method="BFGS", options={"gtol": 1e-8}).x
    scores = np.append(found[: models - 1], 0)
    return scores - scores.mean(), found[-1]


def test_two_models_have_the_log_odds():
    scores = fit_scores(np.array([[0, 30], [10, 0]]), drawn=0)
    assert scores == pytest.approx([math.log(3) / 2, -math.log(3) / 2], abs=1e-6)


@pytest.mark.parametrize("drawn", [0.5, 1.0])
def test_scores_are_those_of_zermelos_iteration(drawn):
    counts = np.random.default_rng(5).integers(0, 40, (4, 4)).astype(float)
    assert fit_scores(counts, drawn=drawn) == pytest.approx(zermelo(counts, drawn), abs=1e-5)


def test_a_model_that_always_wins_has_a_finite_score():
    scores = fit_scores(np.array([[0, 100.0], [0, 0]]))
    assert scores[0] - scores[1] == pytest.approx(math.log(100.5 / 0.5), abs=1e-5)


def test_length_is_fitted_beside_the_scores():
    generator = np.random.default_rng(7)
    rewards, words = generator.integers(0, 4, (3, 12)).astype(float), generator.integers(1, 30, (3, 12)).astype(float)
    scores, length = fit_with_length(rewards, words)
    slow_scores, slow_length = slow_with_length(rewards, words, 1.0)
    assert scores == pytest.approx(slow_scores, abs=1e-4) and length == pytest.approx(slow_length, abs=1e-4)
    twice = fit_with_length(np.tile(rewards, 2), np.tile(words, 2))
    assert fit_with_length(rewards, words, np.full(12, 2.0))[0] == pytest.approx(twice[0], abs=1e-6)


def test_length_explains_models_that_differ_in_nothing_else():
    generator = np.random.default_rng(0)
    words = generator.integers(1, 30, (2, 400)).astype(float)
    words[1] += 15
    rewards = words + generator.normal(scale=8, size=words.shape)
    names, weights = ("short", "long"), resample_weights(answers("a", range(400)), resamples=60)
    plain = strengths(names, rewards, weights)
    equal = strengths_with_length(names, rewards, words, weights)
    assert plain.length is None and plain.scores[1].value - plain.scores[0].value > 1.2
    assert equal.length.value > 0 and equal.length.excludes(0)
    assert abs(equal.scores[1].value) < 0.4 < plain.scores[1].value
    assert all(score.low < score.value < score.high for score in plain.scores)
    assert plain.win_rates()[1, 0] == pytest.approx(wins(rewards)[1, 0].mean(), abs=0.01)


def test_how_near_a_matrix_is_to_bradley_terry():
    scores = np.array([1.0, 0.2, -1.2])
    exact = 1 / (1 + np.exp(-(scores[:, None] - scores)))
    found = nearness(("a", "b", "c"), exact, 1e7)
    assert found.mean_gap < 1e-5 and found.explained == pytest.approx(1, abs=1e-5)
    circle = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.9], [0.9, 0.1, 0.5]])
    found = nearness(("a", "b", "c"), circle, 1e4)
    assert found.mean_gap == pytest.approx(0.4, abs=1e-3) and found.explained == pytest.approx(0, abs=1e-3)
    assert "40.0 points" in str(found)
    assert math.isnan(nearness(("a", "b"), np.full((2, 2), 0.5), 100).explained)
    assert "deviance" not in str(nearness(("a", "b"), np.full((2, 2), 0.5), 100))


@pytest.mark.parametrize(("names", "shape"), [(("a",), (1, 5)), (("a", "b"), (2, 0)), ((), (0, 0))])
def test_nothing_to_compare_is_an_error(names, shape):
    for fit in (strengths, lambda *args: strengths_with_length(*args[:2], np.ones(shape), args[2])):
        with pytest.raises(DataError, match="at least two models"):
            fit(names, np.ones(shape), np.ones((3, shape[1])))


def test_ties_count_half():
    assert wins(np.array([[1.0, 2.0], [1.0, 3.0]])).tolist() == [[[0.5, 0.5], [0.5, 0.0]], [[0.5, 1.0], [0.5, 0.5]]]
    assert fit_with_length(np.zeros((2, 3)), np.zeros((2, 3)))[0] == pytest.approx([0, 0], abs=1e-9)
