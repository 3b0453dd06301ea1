"""The trainer of the tiny judges, for a few steps; and the figures it reports, against slow formulas."""

import json

import numpy as np
import pytest
import torch

from flamingo_lib.judges import judge_metrics as quality
from flamingo_lib.judges.losses import MatchingHead
from flamingo_lib.judges.nli import NliJudge, nli_text
from flamingo_lib.judges.nli_examples import NliExample, nli_examples
from flamingo_lib.judges.reward import RewardJudge
from flamingo_lib.judges.reward_examples import RewardExample
from flamingo_lib.judges.statement_examples import KINDS, statement_examples
from flamingo_lib.judges.tiny_encoder import train_word_pieces
from flamingo_lib.judges.train import JudgeTraining, average_weights, like_length, train_nli, train_reward

SHORT = JudgeTraining(examples=96, test_examples=60, batch_size=16, bucket=3)


def test_nli_judge_is_trained_saved_and_the_same_again(tmp_path):
    figures = train_nli(tmp_path / "nli-tiny", seed=1, training=SHORT)
    assert json.loads((tmp_path / "nli-tiny" / "metrics.json").read_text())["accuracy"] == figures["accuracy"]
    assert set(figures["by_type"]) and figures["parameters"] < 500_000
    assert "held-out" in (tmp_path / "nli-tiny" / "README.md").read_text()
    assert sum(path.stat().st_size for path in (tmp_path / "nli-tiny").iterdir()) < 3_000_000
    assert set(figures["statements"]["by_kind"]) == set(KINDS)
    train_nli(tmp_path / "again", seed=1, training=SHORT)
    one, two = (NliJudge(str(tmp_path / name), device="cpu") for name in ("nli-tiny", "again"))
    texts = [["What color is the ring?"] * 2, ["red", "blue"], ["The ring is red.", "The ring is red."]]
    assert one(*texts).tolist() == two(*texts).tolist()


def test_reward_judge_is_trained_and_saved(tmp_path):
    figures = train_reward(tmp_path / "reward-tiny", seed=1, training=SHORT)
    assert {"accuracy_like_length", "length_correlation", "by_kind"} <= set(figures)
    assert RewardJudge(str(tmp_path / "reward-tiny"), device="cpu")(["Hi?"], ["Hello!"]).shape == (1,)


def test_shipped_judges_are_good_enough():
    nli = NliJudge("tiny", device="cpu")
    figures = quality.nli_quality(nli, nli_examples(11, "test", 400))
    assert figures["accuracy"] >= 0.95 and figures["contradiction_precision"] >= 0.95
    told = quality.statement_quality(nli.statements, statement_examples(11, "test", 400))
    assert told["accuracy"] >= 0.85 and min(told["by_kind"][kind] for kind in ("object", "caption", "count")) >= 0.9


def test_averaging_takes_shares_of_both_weights():
    model = torch.nn.Linear(2, 1)
    before = {name: torch.full_like(weight, 4.0) for name, weight in model.state_dict().items()}
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(2.0)
    average_weights(model, before, 0.25)
    assert model.weight.tolist() == [[1.75, 1.75]] and model.bias.tolist() == [2.5]
    average_weights(model, {}, 0.0)
    assert model.bias.tolist() == [2.5]


def test_like_length_keeps_all_full_batches():
    lengths = np.random.default_rng(0).integers(1, 100, 205).tolist()
    order = like_length(lengths, 10, 5, seed=0)
    assert len(order) == len(set(order)) == 200
    spans = [np.ptp([lengths[index] for index in order[at : at + 10]]) for at in range(0, 200, 10)]
    assert np.mean(spans) < 35
    assert order == like_length(lengths, 10, 5, seed=0) != like_length(lengths, 10, 5, seed=1)


def test_the_helper_looks_for_words_of_the_other_part():
    question = "Is there a ring?"
    pair = (nli_text("There is one red ring.", question), nli_text("1. Red", question))
    tokenizer = train_word_pieces([*pair, "two one 1 2 3"] * 5, lowercase=True)
    head = MatchingHead(tokenizer, tail='" is the answer', seed=0)
    encoded = tokenizer([pair[0]], [pair[1]], return_tensors="pt", return_offsets_mapping=True)
    segments = head.segments(encoded, [pair])
    words = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    assert [word for word, part in zip(words, segments[0].tolist(), strict=True) if part == 2] == ['"', "1", ".", "red"]
    assert "question" not in [word for word, part in zip(words, segments[0].tolist(), strict=True) if part]
    perfect = torch.zeros(1, len(words), 64)
    with torch.no_grad():
        head.linear.weight.zero_()[0, 0] = 1.0
        same = {'"', ".", "one", "1", "red"}
        for place, (word, part) in enumerate(zip(words, segments[0].tolist(), strict=True)):
            perfect[0, place, 0] = 20.0 if part and word in same else -20.0
        assert head(perfect, encoded["input_ids"], segments).item() < 1e-6
        assert head(-perfect, encoded["input_ids"], segments).item() > 10


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


def test_reward_figures_of_a_length_meter():
    """A judge that only counts words is found out."""
    texts = [("a b c d", "a"), ("a b", "a b c d e"), ("a b", "c d"), ("a b c", "x")]
    examples = [RewardExample("q", better, worse, "curt", "question") for better, worse in texts]
    figures = quality.reward_quality(lambda _, texts: np.array([len(text.split()) for text in texts]), examples)
    assert figures["accuracy"] == 0.5 and figures["accuracy_like_length"] == 0.0
    assert figures["accuracy_worse_longer"] == 0.0 and figures["accuracy_worse_shorter"] == 1.0
    assert figures["length_correlation"] == 1.0 and figures["length_alone"] == 0.625


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
