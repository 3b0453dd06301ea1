"""Claims: tables from predictions, rules, verdicts."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.study.claims import (
    Claim,
    Rule,
    StudyData,
    above_commonest,
    best_of,
    difference,
    fact_ratio,
    judged_claims,
    rank_agreement,
    scores_of,
)
from tests.study.synthetic import predictions


def answer(id, model, correct, *, pool="held_in", kind="count", reference="2", **scores):
    return Prediction(
        id, model, 0, pool, "scenes", kind, "How many?", (reference,), "Two.", scores={"correct": correct, **scores}
    )


def data(**models):
    return StudyData({(0, name): found for name, found in models.items()})


def test_tables_pair_questions_by_id_whatever_their_order():
    given = data(
        a=[answer("q1", "a", 1.0), answer("q2", "a", 0.0), answer("t", "a", 1.0, pool="texts")],
        b=[answer("q2", "b", 0.5), answer("q1", "b", 0.25)],
    )
    assert scores_of(("a", "b"), "held_in", "correct")(given, 0).tolist() == [[1.0, 0.25], [0.0, 0.5]]


def test_predictions_of_another_set_are_refused():
    given = data(a=[answer("q1", "a", 1.0)], b=[answer("q9", "b", 1.0)])
    with pytest.raises(DataError, match=r"not asked the same questions.*q1"):
        scores_of(("a", "b"), "held_in", "correct")(given, 0)


def test_a_part_is_compared_with_the_same_part():
    given = data(a=[answer("q1", "a", 1.0), answer("q2", "a", 1.0)], b=[answer("q9", "b", 1.0), answer("q1", "b", 0.0)])
    assert scores_of(("a", "b"), "held_in", "correct", part=True)(given, 0).tolist() == [[1.0, 0.0]]


def test_the_base_counts_at_its_better_prompt_over_all_seeds():
    given = StudyData(
        {
            (seed, model): [replace(answer("q", model, correct), seed=seed)]
            for model, values in {"zero": (1.0, 0.0, 0.0), "few": (0.0, 1.0, 1.0), "tuned": (1.0, 1.0, 1.0)}.items()
            for seed, correct in enumerate(values)
        }
    )
    tables = best_of(("zero", "few"), "tuned", "held_in", "correct")
    assert [tables(given, seed).tolist() for seed in range(3)] == [[[1.0, 0.0]], [[1.0, 1.0]], [[1.0, 1.0]]]


def test_guess_line_is_the_commonest_answer_of_the_type():
    asked = [answer(f"q{i}", "m", 1.0, reference=text) for i, text in enumerate(["2", "2", "3"])]
    other = answer("q9", "m", 0.0, kind="color", reference="red")
    table = above_commonest("m", "held_in", "count")(data(m=[*asked, other]), 0)
    assert table.tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]


def test_a_missing_fact_is_named():
    given = StudyData({}, {(0, "a"): {"tokens": 6.0}, (0, "b"): {"tokens": 3.0}})
    assert fact_ratio("a", "b", "tokens")(given, 0).tolist() == [[2.0]]
    with pytest.raises(DataError, match="no steps is stored of a and b"):
        fact_ratio("a", "b", "steps")(given, 0)


def test_rank_agreement_counts_pairs():
    chance = np.random.default_rng(0)
    for _ in range(20):
        measured, true = chance.integers(0, 4, 5), chance.integers(0, 4, 5)
        pairs = list(combinations(range(5), 2))
        agree = sum((measured[i] - measured[j]) * (true[i] - true[j]) > 0 for i, j in pairs)
        against = sum((measured[i] - measured[j]) * (true[i] - true[j]) < 0 for i, j in pairs)
        assert rank_agreement(measured, true) == pytest.approx((agree - against) / len(pairs))


@pytest.mark.parametrize(
    ("rule", "low", "high", "holds", "failure"),
    [
        (Rule("above"), 0.01, 0.05, True, ""),
        (Rule("above"), -0.01, 0.05, False, "the interval includes 0"),
        (Rule("above"), -0.05, -0.01, False, "the contrary is shown"),
        (Rule("below", -0.5), -0.9, -0.6, True, ""),
        (Rule("below", -0.5), -0.9, -0.4, False, "the interval includes -0.5"),
        (Rule("below"), 0.01, 0.02, False, "the contrary is shown"),
        (Rule("within", 0.03), -0.02, 0.02, True, ""),
        (Rule("within", 0.03), -0.02, 0.04, False, "the interval reaches beyond ±0.03"),
        (Rule("within", 0.03), 0.04, 0.08, False, "they differ by more than 0.03"),
    ],
)
def test_rules_hold_only_if_the_contrary_is_excluded(rule, low, high, holds, failure):
    assert rule.holds(low, high) is holds
    if not holds:
        assert rule.failure(low, high) == failure


def claim(models=("a", "b")):
    return Claim(
        "x", "group", "a against b", Rule("above"), models, scores_of(models, "held_in", "correct"), difference
    )


def test_a_claim_is_judged_on_the_seeds_that_have_all_its_models():
    stored = {(seed, "a"): predictions("a", seed, right=0.9) for seed in range(4)}
    stored |= {(seed, "b"): predictions("b", seed, right=0.5) for seed in (1, 2, 3)}
    (row,) = judged_claims([claim()], StudyData(stored), range(5), replicates=200)
    assert row["seeds"] == [1, 2, 3] and set(row["per_seed"]) == {"1", "2", "3"}
    assert row["holds"] is True and 0.3 < row["low"] < row["ours"] < row["high"] < 0.5
    assert row["ours"] == pytest.approx(np.mean(list(row["per_seed"].values())), abs=1e-3)
    assert row["reason"] == "not run on seeds 0, 4"
    assert row["questions"] == 3 * 160


def test_a_claim_that_two_seeds_leave_open_says_so():
    stored = {(seed, "a"): predictions("a", seed, right=0.5 + 0.2 * seed) for seed in (0, 1)}
    stored |= {(seed, "b"): predictions("b", seed, right=0.4) for seed in (0, 1)}
    (row,) = judged_claims([claim()], StudyData(stored), (0, 1, 2), replicates=200)
    assert row["holds"] is False and row["low"] < 0 < row["ours"]
    assert "two seeds, whose interval reaches 12.7 standard errors" in row["reason"]
    assert row["reason"].endswith("; not run on seeds 2")


def test_a_claim_without_its_models_has_no_verdict():
    (row,) = judged_claims([claim()], StudyData({(0, "a"): predictions("a", 0)}), [0])
    assert (row["ours"], row["low"], row["high"], row["holds"], row["seeds"]) == (None, None, None, None, [])
    assert row["reason"] == "not run: b"


def test_one_seed_gives_an_interval_over_questions():
    stored = {(0, "a"): predictions("a", 0, right=0.9), (0, "b"): predictions("b", 0, right=0.88)}
    (row,) = judged_claims([claim()], StudyData(stored), [0], replicates=500)
    assert row["seeds"] == [0] and row["low"] < row["high"]


def test_scores_that_are_no_numbers_are_refused():
    given = data(a=[answer("q", "a", float("nan"))], b=[answer("q", "b", 1.0)])
    with pytest.raises(DataError, match="no finite number"):
        judged_claims([claim()], given, [0])


def test_a_claim_without_questions_has_no_verdict():
    given = data(a=[answer("q", "a", 1.0, pool="texts")], b=[answer("q", "b", 1.0, pool="texts")])
    (row,) = judged_claims([claim()], given, [0])
    assert row["holds"] is None and row["reason"] == "no question to measure it on, seed 0"
