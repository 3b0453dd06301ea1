"""Stored predictions of an eval set: every pool, its scores, and answers to another set."""

from dataclasses import replace

import numpy as np
import pytest

from flamingo_lib.config import EvaluationConfig
from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.metrics import answer_accuracy, measure
from flamingo_lib.evaluation.model_metrics import examine, make_eval_set
from flamingo_lib.evaluation.pool_predictions import (
    caption_files,
    caption_samples,
    pool_predictions,
    prediction_metrics,
)
from flamingo_lib.evaluation.predictions import read_predictions, write_predictions
from tests.evaluation.fakes import JUDGES, fake_reward

CONFIG = EvaluationConfig(questions=16, held_out_questions=8, held_out_source_questions=4, texts=4)


class Knowing:
    """Answers every question right, and texts with a greeting."""

    def answer(self, asked, *, description=""):
        return [item.answer for item in asked]

    def ask(self, instructions, images, *, description=""):
        return ["Hello! How can I help you?" for _ in instructions]


@pytest.fixture(scope="module")
def eval_set(index):
    return make_eval_set(index, CONFIG, seed=0)


@pytest.fixture(scope="module")
def metrics(eval_set):
    return examine("stage1", Knowing(), eval_set, fake_reward)


def test_every_pool_is_stored_and_scored(index, eval_set, metrics, tmp_path):
    captions = caption_samples(index, 5, seed=0)
    assert all(index.pool(sample.images[0], sample.source) == "evaluation" for sample in captions)
    said = ["There is a purple star." for _ in captions]
    made = pool_predictions(metrics, eval_set, index, JUDGES, seed=3, shots=4, captions=captions, descriptions=said)
    write_predictions(tmp_path / "predictions.jsonl", made)
    assert list(read_predictions(tmp_path / "predictions.jsonl")) == made
    counts = {pool: sum(item.pool == pool for item in made) for pool in {item.pool for item in made}}
    sources = len(eval_set.source_questions)
    assert counts == {"held_in": 16, "held_out": 8, "held_out_source": sources, "texts": 4, "captions": len(captions)}
    assert len({item.id for item in made}) == len(made) and {item.seed for item in made} == {3}
    by_pool = {pool: [item for item in made if item.pool == pool] for pool in counts}
    for pool, share in (("held_in", metrics.held_in), ("held_out", metrics.held_out)):
        value = answer_accuracy(by_pool[pool])
        assert value.value == share.value and value.by_type == share.by_group
    assert answer_accuracy(by_pool["held_out_source"]).value == metrics.held_out_source.value
    rewards = [item.scores["reward"] for item in by_pool["held_in"]]
    assert np.allclose(rewards, metrics.rewards)
    assert {"correct", "hallucinated", "nli", "reward", "objects_named"} <= by_pool["held_in"][0].scores.keys()
    assert {"chair_instance", "object_recall", "rouge_l", "sts", "clipscore"} <= {
        item.metric.name for item in measure(by_pool["captions"], leave_out=["cider"])
    }
    figures = prediction_metrics(made)
    assert figures["stages.stage1.held_in_nli_accuracy"] == 1.0
    assert figures["stages.stage1.held_in_reward_mean"] == pytest.approx(np.mean(rewards))
    wrong = np.mean(["purple star" not in item.meta["objects"] for item in by_pool["captions"]])
    assert figures["stages.stage1.caption_chair_sentence"] == figures["stages.stage1.caption_chair_instance"] == wrong
    assert prediction_metrics([]) == {}
    assert all((index.folder / image).is_file() for item in made for image in item.images)
    assert len(caption_files(captions, index)) == len(captions)


def test_answers_to_another_set_are_refused(index, eval_set, metrics):
    with pytest.raises(DataError, match=r"'stage1' has 15 answers to the 16 questions of the pool 'held_in'"):
        pool_predictions(replace(metrics, answers=metrics.answers[1:]), eval_set, index, JUDGES, seed=0)
    with pytest.raises(DataError, match=r"0 answers to the 2 questions of the pool 'captions'"):
        pool_predictions(metrics, eval_set, index, JUDGES, seed=0, captions=caption_samples(index, 2, seed=0))
    assert caption_samples(index, 0, seed=0) == []
