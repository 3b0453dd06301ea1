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
    kendall_tau_a,
    scores_of,
)
from flamingo_lib.study.verdicts import judged_claims
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


def test_questions_without_a_reference_have_no_guess():
    known = [answer(f"q{i}", "m", 1.0, reference=text) for i, text in enumerate(["2", "2", "3"])]
    unknown = replace(answer("q3", "m", 0.0), references=())
    table = above_commonest("m", "held_in", "count")(data(m=[*known, unknown]), 0)
    assert table.tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]


def tokens(values, fact="tokens"):
    """The claim that `a` has more tokens than `b`, and its row from the tokens of `a` of each seed."""
    stored = {(seed, model): predictions(model, seed, questions=1) for seed in values for model in "ab"}
    facts = {(seed, "a"): {fact: value} for seed, value in values.items() if value}
    facts |= {(seed, "b"): {fact: 1.0} for seed in values}
    claim = Claim("tokens", "group", "a over b", Rule("above", 1.0), ("a", "b"), fact_ratio("a", "b", "tokens"))
    return judged_claims([claim], StudyData(stored, facts), list(values), replicates=100)[0]


def test_a_seed_whose_fact_is_missing_is_left_out_with_the_reason():
    row = tokens({0: 3.0, 1: None, 2: 3.1})
    assert row["seeds"] == [0, 2] and row["ours"] == pytest.approx(3.05) and row["holds"] is True
    assert row["reason"] == "no tokens is stored of a and b on seed 1"
    none = tokens({0: 3.0, 1: 3.0}, fact="steps")
    assert none["holds"] is None and none["seeds"] == [] and none["reason"].endswith("of a and b on seeds 0, 1")


def test_one_value_of_one_seed_has_no_interval_and_no_verdict():
    row = tokens({0: 3.0})
    assert (row["ours"], row["low"], row["high"], row["holds"]) == (3.0, None, None, None)
    assert row["reason"] == "one value of one seed has no interval"


def test_kendall_tau_a_counts_pairs():
    chance = np.random.default_rng(0)
    for _ in range(20):
        measured, true = chance.integers(0, 4, 5), chance.integers(0, 4, 5)
        pairs = list(combinations(range(5), 2))
        agree = sum((measured[i] - measured[j]) * (true[i] - true[j]) > 0 for i, j in pairs)
        against = sum((measured[i] - measured[j]) * (true[i] - true[j]) < 0 for i, j in pairs)
        assert kendall_tau_a(measured, true) == pytest.approx((agree - against) / len(pairs))


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
    assert row["reason"].endswith("; not run on seed 2")


def test_a_claim_without_its_models_has_no_verdict():
    (row,) = judged_claims([claim()], StudyData({(0, "a"): predictions("a", 0)}), [0])
    assert (row["ours"], row["low"], row["high"], row["holds"], row["seeds"]) == (None, None, None, None, [])
    assert row["reason"] == "not run: b"


def test_one_seed_gives_an_interval_over_questions():
    stored = {(0, "a"): predictions("a", 0, right=0.9), (0, "b"): predictions("b", 0, right=0.88)}
    (row,) = judged_claims([claim()], StudyData(stored), [0], replicates=500)
    assert row["seeds"] == [0] and row["low"] < row["high"]
    assert row["reason"].endswith("one seed: the interval is over questions only")
    stored[0, "b"] = predictions("b", 0, right=0.3)
    (row,) = judged_claims([claim()], StudyData(stored), [0, 1], replicates=100)
    assert row["holds"] is True
    assert row["reason"] == "one seed: the interval is over questions only; not run on seed 1"


def test_scores_that_are_no_numbers_are_refused():
    given = data(a=[answer("q", "a", float("nan"))], b=[answer("q", "b", 1.0)])
    with pytest.raises(DataError, match=r"claim x: .*no finite number \(record seed 0, q\)"):
        judged_claims([claim()], given, [0])


def test_a_claim_without_questions_has_no_verdict():
    given = data(a=[answer("q", "a", 1.0, pool="texts")], b=[answer("q", "b", 1.0, pool="texts")])
    (row,) = judged_claims([claim()], given, [0])
    assert row["holds"] is None and row["reason"] == "no question to measure it on seed 0"


def test_a_seed_without_questions_is_left_out():
    stored = {(seed, "a"): predictions("a", seed, right=0.9) for seed in range(3)}
    stored |= {(seed, "b"): predictions("b", seed, right=0.5) for seed in range(3)}
    for model in "ab":
        stored[1, model] = [item for item in stored[1, model] if item.pool != "held_in"]
    best = replace(claim(), tables=best_of(("b",), "a", "held_in", "correct"))
    for row in judged_claims([claim(), best], StudyData(stored), range(3), replicates=100):
        assert row["seeds"] == [0, 2] and row["holds"] is True
        assert "no question to measure it on seed 1" in row["reason"]
