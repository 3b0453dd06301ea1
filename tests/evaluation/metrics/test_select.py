"""Choosing metrics: by task, with guess lines, of predictions that lack everything, of broken scores."""

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.metrics.select import METRICS, applicable, measure
from flamingo_lib.records import TASKS


def test_every_task_has_metrics_and_names_are_unique():
    assert all(applicable([task]) for task in TASKS) and applicable([]) == []
    assert len({metric.name for metric in METRICS}) == len({metric.title for metric in METRICS}) == len(METRICS)
    assert all(metric.guess_title for metric in METRICS if metric.guess)


def test_metrics_fit_the_task(prediction):
    answers = [prediction("red", ["red"], task="vqa", type="color"), prediction("no", ["yes"], task="vqa", type="e")]
    found = {
        item.metric.name: item
        for item in measure([*answers, prediction("a ball", ["a ball"], task="region")], leave_out=["cider"])
    }
    assert found["exact_match"].value.n == 2 and found["rouge_l"].value.n == 1 and found["words"].value.n == 3
    assert found["yes_no_accuracy"].value.n == found["yes_no_accuracy"].guess.n == 1
    assert found["exact_match"].guess.value == 1.0 and found["exact_match"].chance.value == 1.0
    assert not found.keys() & {"nli_accuracy", "reward_mean", "chair_instance", "vqa_accuracy"}
    assert found["exact_match"].to_json()["guess"]["what"] == "always the commonest answer of the type"


def test_nothing_known_and_nothing_there(prediction):
    assert measure([]) == []
    names = {item.metric.name for item in measure([prediction("Hello there, you two.", task="instruction")])}
    assert names == {"words", "repeated"}
    with pytest.raises(DataError, match=r"'reward' of 'm' is nan"):
        measure([prediction("x", scores={"reward": float("nan")}, task="instruction")])
