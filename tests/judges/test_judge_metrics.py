"""Figures of the tiny judges against slow formulas and judges whose figures are known."""

import numpy as np
import pytest

from flamingo_lib.judges import judge_metrics as quality
from flamingo_lib.judges.nli_examples import NliExample
from flamingo_lib.judges.reward_examples import RewardExample
from flamingo_lib.judges.reward_grades import REWARD_PER_GRADE


def test_nli_figures_by_hand():
    labels, judged = [0, 0, 1, 2], [0, 1, 1, 2]
    examples = [NliExample("q", str(number), "r", label, "same", "color") for number, label in enumerate(labels)]
    figures = quality.nli_quality(lambda *_: np.eye(3)[judged] * 50, examples)
    assert (
        figures["accuracy"] == 0.75
        and figures["contradiction_precision"] == 1.0
        and figures["contradiction_recall"] == 0.5
    )
    assert figures["confusion"]["contradiction"] == {"contradiction": 1, "entailment": 1, "neutral": 0}
    assert figures["failures"] == [
        {"question": "q", "original": "1", "rewrite": "r", "label": "contradiction", "judged": "entailment"}
    ]
    assert figures["calibration_error"] == pytest.approx(0.25, abs=1e-6)


def counted(_, texts):
    return np.array([len(text.split()) for text in texts])


def test_a_judge_that_only_counts_words_is_found_out():
    texts = [("a b c d", "a"), ("a b", "a b c d e"), ("a b", "c d"), ("a b c", "x")]
    examples = [RewardExample("q", better, worse, "curt", "question") for better, worse in texts]
    figures = quality.reward_quality(counted, examples)
    assert figures["accuracy"] == 0.5 and figures["accuracy_like_length"] == 0.0
    assert figures["accuracy_worse_longer"] == 0.0 and figures["accuracy_worse_shorter"] == 1.0
    assert figures["length_correlation"] == 1.0 and figures["length_alone"] == 0.625
    assert figures["by_grade"]["1"]["length_correlation"] == 1.0


def graded(low, high, better="a b", worse="c d"):
    return RewardExample("q", better, worse, "plain", "question", "supported", low, high)


def test_a_judge_that_knows_the_grades_is_calibrated():
    levels = (0.0, 1.0, 2.0, 2.5, 3.0, 4.0)
    examples = [
        graded(low, high, f"b {index} {high}", f"w {index} {low}")
        for index, (low, high) in enumerate((low, high) for low in levels for high in levels if low <= high)
    ]

    def judge(_, texts):
        return np.array([REWARD_PER_GRADE * float(text.split()[-1]) for text in texts])

    figures = quality.reward_quality(judge, examples)
    assert figures["accuracy"] == 1.0 and figures["calibration_error"] == pytest.approx(0.0, abs=1e-6)
    assert list(figures["by_neighbours"]) == ["0 < 1", "1 < 2", "2 < 3", "2 < 2.5", "2.5 < 3", "3 < 4"]
    assert set(figures["by_neighbours"].values()) == {1.0}
    assert [figures["by_grade"][f"{level:g}"]["median"] for level in levels] == [0, 2, 4, 5, 6, 8]
    assert all(row["predicted"] == pytest.approx(row["share"], abs=1e-4) for row in figures["reliability"])
    assert sum(row["pairs"] for row in figures["reliability"]) == len(examples)
    sharp = quality.reward_quality(lambda *texts: 20 * judge(*texts), examples)
    assert sharp["accuracy"] == 1.0 and sharp["calibration_error"] > 0.05


def test_ties_count_for_calibration_alone():
    figures = quality.reward_quality(counted, [graded(2, 2, "a b c", "a b"), graded(2, 3, "a b", "a")])
    assert figures["accuracy"] == 1.0 and figures["examples"] == 2
    assert figures["by_kind"] == {"plain": 1.0}
    assert figures["calibration_error"] == pytest.approx(
        abs((0.5 + 1 / (1 + np.exp(-2))) / 2 - 1 / (1 + np.exp(-1))), abs=1e-4
    )


def test_rewards_by_style():
    styles = {"raw": [("q", "a"), ("q", "b")], "dialogue": [("q", "a b c"), ("q", "a b c d e")]}
    rows = quality.style_rewards(counted, styles)
    assert rows["raw"]["median"] == 1 and rows["dialogue"]["mean"] == 4 == rows["dialogue"]["words"]
    assert rows["dialogue"]["lower_quartile"] == 3.5


def test_spearman_and_calibration_against_slow_formulas():
    generator = np.random.default_rng(2)
    first, second = generator.integers(0, 9, 80), generator.integers(0, 9, 80)

    def ranks(values):
        return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])

    assert quality.spearman(first, second) == pytest.approx(np.corrcoef(ranks(first), ranks(second))[0, 1])
    assert quality.spearman(first, first * 0) == 0.0
    confidence, right = generator.uniform(0.5, 1, 300), generator.random(300) < 0.7
    slow = 0.0
    for low in np.arange(0, 1, 0.1):
        inside = (confidence >= low) & (confidence < low + 0.1)
        if inside.any():
            slow += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert quality.calibration_error(confidence, right) == pytest.approx(slow)
