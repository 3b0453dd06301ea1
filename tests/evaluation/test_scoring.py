"""Scores of predictions: judges, the truth of a scene, boxes, broken judges."""

from dataclasses import replace

import numpy as np
import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.evaluation.scoring import Truth, box_scores, boxes_said, iou, score, truth_scores
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Box
from flamingo_lib.scenes.questions import answer_question, parse_question
from tests.evaluation.fakes import JUDGES


def make(response, references=(), task="vqa", **fields):
    values = {"id": "q", "model": "m", "seed": 0, "pool": "held_in", "source": "s", "type": "", "instruction": "What?"}
    meta = {"task": task} | fields.pop("meta", {})
    return Prediction(**(values | fields), references=tuple(references), response=response, meta=meta)


@pytest.fixture
def scene(index):
    found = [index.scene(image) for image in index.images]
    return next(item for item in found if len(item.objects) >= 2)


def test_each_task_gets_its_judges():
    answer, caption = make("Red.", ["red"]), make("a red ball", ["a ball", "a red ball"], "caption", images=("x",))
    other = make("cube", ["a cube"], "caption", id="c2", images=("y",))
    scored = score([answer, caption, other], JUDGES, images=lambda item: list(item.images))
    assert scored[0].scores == {"polite": 0, "reward": 1, "reward_reference": 1, "nli": 1, "nli_label": 1}
    assert scored[1].scores == {
        "polite": 0.0,
        "rouge_l": 1.0,
        "reward": 3.0,
        "reward_reference": 2.0,
        "sts": 1.0,
        "sts_borrowed": pytest.approx(1 / 3),
        "clipscore": 1.0,
        "clipscore_borrowed": 1.0,
    }
    assert score([], JUDGES) == []
    assert score([answer], Judges())[0].scores == {"polite": 0.0}
    assert "reward_reference" not in score([make("x")], JUDGES)[0].scores


def test_a_blank_response_entails_nothing():
    def all_entailed(questions, originals, rewrites):
        return np.tile([0.0, 1.0, 0.0], (len(rewrites), 1))

    blank, said = score([make(" \n", ["red"]), make("red", ["red"])], Judges(nli=all_entailed))
    assert blank.scores == {"polite": 0.0, "nli": 0.0, "nli_label": 2.0} and said.scores["nli"] == 1.0
    assert score([make("", ["red"])], Judges(nli=all_entailed))[0].scores["nli"] == 0.0
    caption = make("", ["a ball"], "caption", images=("x",))
    scores = score([caption], JUDGES, images=lambda item: list(item.images))[0].scores
    assert {"rouge_l", "sts", "clipscore", "reward"} <= scores.keys()


def test_scores_given_before_are_kept():
    given = replace(make("Red.", ["blue"]), scores={"nli": 1.0, "correct": 1.0})
    assert score([given], JUDGES)[0].scores["nli"] == 1.0


@pytest.mark.parametrize(
    ("role", "judge", "name"),
    [
        ("reward", lambda i, r: np.full(len(r), np.nan), "reward"),
        ("nli", lambda q, o, r: np.full((len(r), 3), np.nan), "nli"),
        ("sts", lambda a, b: np.array([0.5, np.nan]), "sts"),
    ],
)
def test_a_broken_judge_is_named(role, judge, name):
    task = "caption" if role == "sts" else "vqa"
    with pytest.raises(DataError, match=rf"the score '{name}' is nan.*record q\)"):
        score([make("x", ["a", "b"], task)], Judges(**{role: judge}))


def test_the_truth_of_an_answer(scene):
    thing = scene.objects[0]
    question = parse_question(f"How many {thing.shape}s are there?")
    question = replace(question, answer=answer_question(scene, question))
    right = truth_scores(question.answer, Truth(scene, question))
    wrong = truth_scores(str(int(question.answer) + 2), Truth(scene, question))
    assert (right["correct"], right["answer_correct"], right["count_error"]) == (1, 1, 0)
    assert (wrong["correct"], wrong["answer_correct"], wrong["count_error"]) == (0, 0, 2)
    silent = truth_scores("Hello there, my friend.", Truth(scene, question))
    assert silent["correct"] == silent["subject_correct"] == 0 and "count_error" not in silent


def test_chair_of_a_description(scene):
    there = {(item.color, item.shape) for item in scene.objects}
    one, other = sorted(there)[:2]
    missing = next((color, one[1]) for color in ("red", "blue", "green", "yellow") if (color, one[1]) not in there)
    text = f"There is a {one[0]} {one[1]}. There is a {other[0]} {other[1]}. There is a {missing[0]} {missing[1]}."
    scores = truth_scores(text, Truth(scene))
    assert (scores["objects_named"], scores["objects_false"], scores["objects_found"]) == (3, 1, 2)
    assert scores["objects_there"] == len(there) and scores["hallucinated"] == 1.0
    assert "correct" not in scores


def test_boxes_are_matched_once_and_by_name():
    truth = [Box("ball", 0.0, 0.0, 0.5, 0.5), Box("cube", 0.5, 0.5, 1.0, 1.0)]
    said = (
        "ball: [0.0, 0.0, 0.5, 0.4]\nball: [0.0, 0.0, 0.5, 0.5]\ncube: [0.0, 0.0, 0.5, 0.5]\nbad: [0.9, 0.1, 0.2, 0.3]"
    )
    assert len(boxes_said(said)) == 3 and boxes_said("no: [1.2.3, 0, 1, 1]") == []
    assert box_scores(said, truth) == {"boxes_said": 3.0, "boxes_right": 1.0, "boxes_there": 2.0}
    assert iou(truth[0], truth[1]) == 0.0 and iou(truth[0], Box("x", 0.25, 0.0, 0.75, 0.5)) == pytest.approx(1 / 3)
    meta = {"boxes": [["ball", 0.0, 0.0, 0.5, 0.5]]}
    assert score([make("none", task="detection", meta=meta)], Judges())[0].scores["boxes_there"] == 1.0
    assert "boxes_there" not in score([make("none", task="caption", meta=meta)], Judges())[0].scores
