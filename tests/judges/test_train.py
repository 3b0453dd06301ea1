"""The trainer of the tiny judges, for a few steps, and the shipped judges."""

import json

import numpy as np

from flamingo_lib.judges import judge_metrics as quality
from flamingo_lib.judges.nli import NliJudge
from flamingo_lib.judges.nli_examples import nli_examples
from flamingo_lib.judges.nli_styles import styled_answers
from flamingo_lib.judges.reward import RewardJudge
from flamingo_lib.judges.reward_examples import STYLES, reward_examples, style_examples
from flamingo_lib.judges.statement_examples import KINDS, statement_examples
from flamingo_lib.judges.train import JudgeTraining, like_length, train_nli, train_reward

SHORT = JudgeTraining(examples=96, test_examples=60, batch_size=16, bucket=3)


def test_nli_judge_is_trained_saved_and_the_same_again(tmp_path):
    figures = train_nli(tmp_path / "nli-tiny", seed=1, training=SHORT)
    assert json.loads((tmp_path / "nli-tiny" / "metrics.json").read_text())["accuracy"] == figures["accuracy"]
    assert set(figures["by_type"]) and figures["parameters"] < 500_000
    assert "held-out" in (tmp_path / "nli-tiny" / "README.md").read_text()
    assert sum(path.stat().st_size for path in (tmp_path / "nli-tiny").iterdir()) < 3_000_000
    assert set(figures["statements"]["by_kind"]) == set(KINDS)
    assert set(figures["by_style"]["curt, curt reference"]) == {"sensitivity", "specificity", "answers"}
    train_nli(tmp_path / "again", seed=1, training=SHORT)
    one, two = (NliJudge(str(tmp_path / name), device="cpu") for name in ("nli-tiny", "again"))
    texts = [["What color is the ring?"] * 2, ["red", "blue"], ["The ring is red.", "The ring is red."]]
    assert one(*texts).tolist() == two(*texts).tolist()


def test_reward_judge_is_trained_and_saved(tmp_path):
    figures = train_reward(tmp_path / "reward-tiny", seed=1, training=SHORT)
    assert {"accuracy_like_length", "length_correlation", "by_kind", "by_grade", "by_style"} <= set(figures)
    assert "## Grades" in (tmp_path / "reward-tiny" / "README.md").read_text()
    assert RewardJudge(str(tmp_path / "reward-tiny"), device="cpu")(["Hi?"], ["Hello!"]).shape == (1,)


def test_the_shipped_reward_judge_gives_degrees():
    reward = RewardJudge("tiny", device="cpu")
    rows = quality.style_rewards(reward, style_examples(11, 100))
    raw, rewrite, dialogue = (rows[style] for style in STYLES)
    assert raw["median"] + 0.8 < rewrite["median"] < dialogue["median"] - 0.6
    assert (
        raw["upper_quartile"] < rewrite["lower_quartile"] < rewrite["upper_quartile"] < dialogue["lower_quartile"] + 0.2
    )
    figures = quality.reward_quality(reward, reward_examples(11, "test", 300))
    assert figures["accuracy"] >= 0.72 and figures["calibration_error"] <= 0.1
    assert figures["by_kind"]["leak"] >= 0.9 and figures["by_kind"]["curt"] >= 0.9
    assert min(figures["accuracy_worse_longer"], figures["accuracy_worse_shorter"]) >= 0.65


def test_the_shipped_nli_judge_is_good_enough():
    nli = NliJudge("tiny", device="cpu")
    figures = quality.nli_quality(nli, nli_examples(11, "test", 400))
    assert figures["accuracy"] >= 0.88 and figures["contradiction_precision"] >= 0.88
    by_style = quality.style_errors(nli, styled_answers(11, 60))
    assert all(row["sensitivity"] >= 0.85 and row["specificity"] >= 0.8 for row in by_style.values())
    told = quality.statement_quality(nli.statements, statement_examples(11, "test", 400))
    assert told["accuracy"] >= 0.85 and min(told["by_kind"][kind] for kind in ("object", "caption", "count")) >= 0.85


def test_like_length_keeps_all_full_batches():
    lengths = np.random.default_rng(0).integers(1, 100, 205).tolist()
    order = like_length(lengths, 10, 5, seed=0)
    assert len(order) == len(set(order)) == 200
    spans = [np.ptp([lengths[index] for index in order[at : at + 10]]) for at in range(0, 200, 10)]
    assert np.mean(spans) < 35
    assert order == like_length(lengths, 10, 5, seed=0) != like_length(lengths, 10, 5, seed=1)
