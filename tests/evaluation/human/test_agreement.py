"""Agreement against slow formulas of its own, and figures known by hand."""

from __future__ import annotations

import json
import math
from itertools import permutations
from random import Random

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.human.agreement import cohen_kappa, judge_agreement, krippendorff_alpha, majority
from flamingo_lib.evaluation.human.pairs import make_pairs
from flamingo_lib.evaluation.human.ratings import Rating, read_ratings
from flamingo_lib.evaluation.human.summary import summarize, summary_rows


def slow_kappa(first, second):
    items = [item for item in first if item in second]
    values = sorted({*first.values(), *second.values()})
    observed = sum(1 for item in items if first[item] == second[item]) / len(items)
    expected = 0.0
    for value in values:
        expected += (sum(first[i] == value for i in items) / len(items)) * (
            sum(second[i] == value for i in items) / len(items)
        )
    return (observed - expected) / (1 - expected)


def slow_alpha(values):
    """By the coincidence matrix, one ordered pair of ratings at a time."""
    items = {item for rated in values.values() for item in rated}
    coincidence = {}
    for item in items:
        given = [rated[item] for rated in values.values() if item in rated]
        for one, other in permutations(range(len(given)), 2):
            key = (given[one], given[other])
            coincidence[key] = coincidence.get(key, 0) + 1 / (len(given) - 1)
    totals = {}
    for (one, _), weight in coincidence.items():
        totals[one] = totals.get(one, 0) + weight
    n = sum(totals.values())
    disagreement = sum(weight for (one, other), weight in coincidence.items() if one != other)
    expected = sum(totals[one] * totals[other] for one in totals for other in totals if one != other) / (n - 1)
    return 1 - disagreement / expected


def test_kappa_and_alpha_equal_slow_formulas():
    chance = Random(0)
    for _ in range(30):
        values = {
            name: {f"i{k}": chance.choice(("a", "b", "tie")) for k in range(25) if chance.random() < 0.8}
            for name in ("x", "y", "z")
        }
        assert cohen_kappa(values["x"], values["y"]) == pytest.approx(slow_kappa(values["x"], values["y"]))
        assert krippendorff_alpha(values) == pytest.approx(slow_alpha(values))


def test_known_values():

    first = {str(k): "yes" if k < 13 else "no" for k in range(20)}
    second = {str(k): "yes" if k < 10 or k >= 18 else "no" for k in range(20)}
    assert cohen_kappa(first, second) == pytest.approx(slow_kappa(first, second))
    assert cohen_kappa(first, first) == 1
    assert math.isnan(cohen_kappa(first, {}))
    assert math.isnan(cohen_kappa({"1": "yes"}, {"1": "yes"}))
    assert math.isnan(krippendorff_alpha({"x": {"1": "yes"}}))
    assert krippendorff_alpha({"x": first, "y": first}) == 1


def test_majority_and_judges():
    ratings = [Rating("1", who, winner, (None, None)) for who, winner in (("x", "a"), ("y", "a"), ("z", "b"))]
    ratings += [Rating("2", "x", "a", (None, None)), Rating("2", "y", "b", (None, None))]
    ratings += [Rating("3", "x", None, (None, None)), Rating("4", "x", "b", (None, None))]
    assert majority(ratings) == {"1": "a", "2": "tie", "4": "b"}
    share, count = judge_agreement(majority(ratings), {"1": (1.0, 0.0), "2": (1.0, 0.0), "4": (0.5, 0.5)})
    assert (share, count) == (0.75, 2)
    assert judge_agreement({}, {})[1] == 0


def rate(path, pairs, annotator, choose):
    with open(path, "w") as file:
        for pair in pairs.pairs:
            polite = choose(pair)
            row = {"set": pairs.fingerprint, "pair": pair.id, "annotator": annotator, "polite": polite}
            file.write(json.dumps({**row, "left": "matched", "right": None}) + "\n")
    return path


def test_a_summary_of_two_annotators(answers, tmp_path):
    pairs = make_pairs(*answers)
    polite = rate(tmp_path / "x.jsonl", pairs, "x", lambda pair: "left" if pair.left_system == "b" else "right")
    unsure = rate(
        tmp_path / "y.jsonl",
        pairs,
        "y",
        lambda pair: "tie" if int(pair.id[1:]) % 2 else "left" if pair.left_system == "b" else "right",
    )
    found = summarize(pairs, read_ratings([polite, unsure], pairs))
    assert found["preferred"] == {"a": 0.0, "b": 0.75, "tie": 0.25}
    assert found["annotators"] == ["x", "y"]
    assert found["bradley_terry"]["plain"][1] > 0  # b is ahead, outside the interval
    assert found["reward_agreement"]["pairs"] == 10 and found["reward_agreement"]["share"] == 1.0
    assert sum(sum(counts.values()) for counts in found["labels"].values()) == 40
    assert found["nli"]["a"]["answers"] + found["nli"]["b"]["answers"] == 40
    text = dict(map(tuple, summary_rows(found)))
    assert text["more polite: b"] == "75.0%"


def test_ratings_of_another_set_and_no_ratings(answers, tmp_path):
    pairs, others = make_pairs(*answers, seed=0), make_pairs(*answers, seed=3)
    path = rate(tmp_path / "x.jsonl", others, "x", lambda pair: "tie")
    with pytest.raises(DataError, match="another set of pairs"):
        read_ratings([path], pairs)
    path.write_text("")
    with pytest.raises(DataError, match="no ratings"):
        read_ratings([path], pairs)
    path.write_text('{"pair": 1}\n')
    with pytest.raises(DataError, match=r"not a rating.*line 1"):
        read_ratings([path], pairs)
    skipped = rate(tmp_path / "x.jsonl", pairs, "x", lambda pair: "skip")
    with pytest.raises(DataError, match="every pair was skipped"):
        summarize(pairs, read_ratings([skipped], pairs))
