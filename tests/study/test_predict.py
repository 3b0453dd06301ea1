"""Stored predictions of models and rewriters, with fake models and judges."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from flamingo_lib.config import EvaluationConfig
from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.model_metrics import make_eval_set
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.storage import write_json
from flamingo_lib.study.predict import answers, bases, rewriter_predictions, scored, training_facts

CONFIG = EvaluationConfig(questions=16, held_out_questions=8, texts=3, held_out_source_questions=4)


@pytest.fixture(scope="module")
def eval_set(index):
    return make_eval_set(index, CONFIG, seed=0)


class Knows:
    """Answers every question rightly in one word; texts with a sentence."""

    def answer(self, asked, *, description=""):
        return [item.references[0] for item in asked]

    def ask(self, instructions, images, *, description=""):
        return ["That is a fine question." for _ in instructions]


class Length:
    """Rewards a text by its words."""

    def __call__(self, instructions, responses):
        return np.array([len(text.split()) for text in responses], float)


def entails_all(questions, references, responses):
    return np.tile([0.0, 5.0, 0.0], (len(responses), 1))


def stored(eval_set, index, answerer=None, **judges):
    found = answers("stage2", answerer or Knows(), eval_set, seed=3, root=index.folder)
    return scored(found, eval_set, Judges(**judges))


def test_every_question_is_stored_once_with_what_it_asks(eval_set, index):
    found = stored(eval_set, index)
    pools = [item.pool for item in found]
    assert pools.count("held_in") == 16 and pools.count("held_out") == 8 and pools.count("texts") == 3
    assert len({item.id for item in found}) == len(found)
    assert {(item.seed, item.model) for item in found} == {(3, "stage2")}
    assert all((index.folder / name).is_file() for item in found for name in item.images)
    assert all(item.images and item.references for item in found if item.pool != "texts")


def test_the_truth_is_the_questions_own(eval_set, index):
    class Wrong(Knows):
        def answer(self, asked, *, description=""):
            return ["nonsense" for _ in asked]

    def correct(found):
        return [item.scores["correct"] for item in found if item.pool in ("held_in", "held_out")]

    assert set(correct(stored(eval_set, index))) == {1.0}
    assert set(correct(stored(eval_set, index, Wrong()))) == {0.0}


def test_judges_score_what_applies(eval_set, index):
    found = stored(eval_set, index, reward=Length(), nli=entails_all)
    questions, texts = ([item for item in found if (item.pool == "texts") is text] for text in (False, True))
    assert all(item.scores["nli"] == 1.0 and item.scores["rouge_l"] == 1.0 for item in questions)
    assert all("nli" not in item.scores and "correct" not in item.scores for item in texts)
    assert {item.scores["reward"] for item in texts} == {5.0}
    assert {item.scores["polite"] for item in texts} == {1.0}


def test_a_judge_that_gives_no_number_is_named(eval_set, index):
    with pytest.raises(DataError, match="reward"):
        stored(eval_set, index, reward=lambda asked, texts: np.full(len(texts), np.nan))


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


def test_false_additions_are_those_that_the_scene_does_not_bear_out(eval_set, index):
    item = next(one for one in eval_set.held_in if one.type == "color")
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


def test_names_of_the_base():
    assert bases(4) == ("base", "base_4shot")
