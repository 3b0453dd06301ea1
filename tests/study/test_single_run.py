"""Claims on one run: what is measured, what is not, and the scores that are added."""

from __future__ import annotations

import pytest

from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.presets import load_preset
from flamingo_lib.study.single_run import single_run_claims, single_run_data

SHARES = {"base": 0.5, "base_4shot": 0.6, "stage1": 0.7, "stage2": 0.9, "stage3": 0.9, "raw": 0.9}


def stored(count=60):
    made = []
    for model, right in SHARES.items():
        for number in range(count):
            scores = {"correct": float(number < right * count), "nli": 1.0, "hallucinated": 0.0}
            scores |= {"polite": float(model != "raw"), "reward": -2.0 if model == "raw" else 1.0}
            made.append(Prediction(str(number), model, 3, "held_in", "scenes", "color", "What color?", ("red",), "red",
                                   scores=scores))  # fmt: skip
    return made


def rewrite(new, old):
    return Prediction("r", "rewriter", 3, "rewrites", "x", "", "?", ("red",), "Red.",
                      scores={"reward": new, "reward_raw": old})  # fmt: skip


@pytest.mark.parametrize(("new", "old", "beats"), [(1.0, 0.0, 1.0), (0.0, 0.0, 0.5), (0.0, 1.0, 0.0)])
def test_a_rewrite_beats_its_annotation_by_reward(new, old, beats):
    (item,) = single_run_data([rewrite(new, old)]).predictions[3, "rewriter"]
    assert item.scores["beats_raw"] == beats


def test_answers_get_rouge():
    (item,) = single_run_data(stored()[:1]).predictions[3, "base"]
    assert item.scores["rouge_l"] == 1.0


def test_claims_of_one_run_have_a_verdict_where_it_has_the_models():
    claims = {row["name"]: row for row in single_run_claims(stored(), load_preset("tiny"), replicates=200)}
    assert claims["stage2_pays.held_in"]["holds"] is True and claims["stage2_pays.held_in"]["ours"] == pytest.approx(
        0.2
    )
    assert claims["tax.reward"]["holds"] is True and claims["tax.held_in"]["holds"] is True
    assert claims["stage3_restores.reward"]["holds"] is False and claims["stage3_restores.reward"]["reason"]
    assert claims["no_stage1.held_in"]["holds"] is None and "not run" in claims["no_stage1.held_in"]["reason"]
    assert claims["tax.held_out"]["holds"] is None and "no question" in claims["tax.held_out"]["reason"]
