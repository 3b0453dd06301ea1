"""Answers of two models side by side: the stage diff and the answer browser, over stored predictions."""

from __future__ import annotations

import pytest
from PIL import Image

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.predictions import Prediction
from flamingo_lib.widgets.answer_browser import PAGE, AnswerBrowser, answers_view
from flamingo_lib.widgets.answers import answers_by_model
from flamingo_lib.widgets.stage_diff import StageDiff, stage_diff_view


def prediction(number, model, response, right, *, pool="held_in", kind="color", reward=1.0):
    scores = {"correct": float(right), "hallucinated": float(not right), "polite": float(" " in response),
              "reward": reward}  # fmt: skip
    return Prediction(str(number), model, 0, pool, "scenes", kind, f"Question {number}?", ("red",), response,
                      ("a.png",), scores=scores)  # fmt: skip


def stored():
    """Four questions; stage 2 loses the first, gains the second; the third stays right, the fourth wrong."""
    said = {"stage1": [("The ring is red.", 1), ("The ring is blue.", 0), ("Red it is.", 1), ("It is blue.", 0)],
            "stage2": [("blue", 0), ("red", 1), ("red", 1), ("blue", 0)]}  # fmt: skip
    return [
        prediction(number, model, text, right, kind="color" if number < 2 else "shape", reward=-1 + 2 * (" " in text))
        for model, answers in said.items()
        for number, (text, right) in enumerate(answers)
    ]


def pictures(_):
    return [Image.new("RGB", (36, 36), "tan")]


@pytest.fixture
def answers():
    return answers_by_model(stored())


def test_answers_are_aligned_and_captions_left_out(answers):
    caption = Prediction("c", "stage1", 0, "captions", "x", "", "Describe.", (), "A ring.")
    assert answers_by_model([*reversed(stored()), caption]) == answers
    with pytest.raises(DataError, match="answer different questions"):
        answers_by_model(stored()[:-1])


@pytest.mark.parametrize(
    ("shown", "count", "question"),
    [
        ("every question", 4, "Question 0?"),
        ("right, then wrong", 1, "Question 0?"),
        ("wrong, then right", 1, "Question 1?"),
        ("wrong both times", 1, "Question 3?"),
    ],
)
def test_two_stages_and_a_question(answers, shown, count, question):
    made = stage_diff_view(answers, pictures, first="stage1", second="stage2", shown=shown)
    assert f"1 of {count}" in made and question in made and "truth: red" in made and "<del>" in made
    assert "both are right on 1, only stage 1 on 1, only stage 2 on 1, neither on 1" in made
    assert "Mean reward: stage 1 1.000, stage 2 -1.000" in made


def test_a_kind_of_question_that_there_is_none_of(answers):
    made = stage_diff_view(answers, pictures, first="stage1", second="stage1", shown="right, then wrong")
    assert "No question is of the kind" in made and "<img" not in made


def test_the_slider_reaches_the_last_question(answers):
    diff = StageDiff(answers, pictures)
    assert diff.number.max == 4
    diff.number.value = 4
    assert "Question 3?" in diff.view.value
    diff.shown.value = "right, then wrong"
    assert diff.number.max == 1 and "Question 0?" in diff.view.value


@pytest.mark.parametrize(
    ("choice", "passing", "shown"),
    [
        ({}, 1, {"Question 0?"}),
        ({"verdict": "A wrong, B right"}, 1, {"Question 1?"}),
        ({"verdict": "any", "kind": "shape"}, 2, {"Question 2?", "Question 3?"}),
        ({"verdict": "any"}, 4, {"Question 0?", "Question 3?"}),
    ],
)
def test_pages_of_answers_by_verdict(answers, choice, passing, shown):
    made = answers_view(answers, pictures, first="stage1", second="stage2", **choice)
    assert f"{passing} questions pass the filter" in made and all(question in made for question in shown)
    assert made.count("<article") == min(passing, PAGE)


def test_a_filter_that_nothing_passes(answers):
    made = answers_view(answers, pictures, first="stage1", second="stage2", pool="held_out")
    assert "No question passes the filter" in made and "<article" not in made


def test_the_browser_filters_and_turns_pages():
    many = answers_by_model([prediction(number, model, "red", 1) for model in ("stage3", "raw") for number in range(9)])
    browser = AnswerBrowser(many, pictures)
    assert "No question passes" in browser.view.value and browser.page.max == 1
    browser.verdict.value = "both right"
    assert browser.page.max == 3 and browser.view.value.count("<article") == PAGE
    browser.page.value = 3
    assert browser.view.value.count("<article") == 9 - 2 * PAGE
    browser.kind.value = "color"
    assert "page 3 of 3" in browser.view.value
    assert "fl-card" in browser._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("widget", [StageDiff, AnswerBrowser])
def test_one_model_is_too_few(widget):
    with pytest.raises(ConfigError, match="two models"):
        widget(answers_by_model(stored()[:4]), pictures)
