"""Stored predictions of models and rewriters, with fake models and judges."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.evaluation.questions import ask_pool
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.storage import write_json
from flamingo_lib.study.predict import rewriter_predictions, training_facts, with_rouge


class Length:
    """Rewards a text by its words."""

    def __call__(self, instructions, responses):
        return np.array([len(text.split()) for text in responses], float)


def test_curt_answers_have_a_rouge_score_too():
    asked = Prediction("q", "raw", 0, "held_in", "scenes", "count", "How many?", ("two", "2"), "2")
    assert with_rouge(asked).scores == {"rouge_l": 1.0}
    text = replace(asked, references=())
    assert with_rouge(text) == text


def sample(number, task="vqa", **changes):
    return Sample(f"vqa-v2/{number}", "vqa-v2", task, ("a.png",), "How many?", "two dogs in a park", **changes)


def test_rewrites_are_scored_against_their_raw_annotation():
    rewrites = [
        Rewrite(sample(1), "There are two dogs in a park today."),
        Rewrite(sample(2), "two dogs in a park"),
        Rewrite(sample(3, task="caption"), "Dogs."),
    ]
    clip = SimpleNamespace(asked=[])

    def clipscore(pictures, texts):
        clip.asked += texts
        return [np.array([20.0, 30.0]) for _ in texts]

    judges = SimpleNamespace(reward=Length(), clip=clipscore)
    found = rewriter_predictions("rewriter", rewrites, judges, None, lambda item: ["picture"], seed=1)
    assert [item.scores["beats_raw"] for item in found] == [1.0, 0.5, 0.0]
    assert [item.scores["unchanged"] for item in found] == [0.0, 1.0, 0.0]
    assert [item.scores["polite"] for item in found] == [1.0, 0.0, 0.0]
    assert found[0].scores["reward"] == 8 and found[0].scores["reward_raw"] == 5
    assert clip.asked == ["Dogs."] and found[2].scores["clipscore"] == 25.0
    assert all("false_addition" not in item.scores for item in found)
    assert {item.pool for item in found} == {"rewrites"} and found[0].images == ("vqa-v2/a.png",)


def test_false_additions_are_those_that_the_scene_does_not_bear_out(index):
    item = next(one for one in ask_pool(index, "held_in", 16, seed=0) if one.type == "color")
    name = item.image.removeprefix(f"{index.folder}/").split("/", 1)
    asked = Sample("q/1", name[0], "vqa", (name[1],), item.instruction, item.answer)
    other = next(color for color in ("red", "blue", "green") if color != item.answer)
    rewrites = [Rewrite(asked, f"It is {color}.") for color in (item.answer, other)]
    judges = SimpleNamespace(reward=Length(), clip=lambda pictures, texts: [])
    found = rewriter_predictions("rewriter", rewrites, judges, index, lambda one: [], seed=0)
    assert [one.scores["false_addition"] for one in found] == [0.0, 1.0]


def test_facts_are_those_of_the_training(tmp_path):
    write_json(tmp_path / "training.json", {"steps": 3, "supervised_tokens": 70, "curve": [[1, 2.0]], "loss": 0.5})
    assert training_facts(tmp_path) == {"steps": 3, "supervised_tokens": 70, "loss": 0.5}
