"""VQA accuracy: the official normalisation, leave-one-out against a slow formula, hand-computed cases."""

import math
import random

import pytest

from flamingo_lib.evaluation.metrics.vqa import (
    exact_match,
    label_named,
    normalize_answer,
    stated,
    vqa_accuracy,
    vqa_accuracy_stated,
)


@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        ("The Red.", "red"),
        ("two dogs", "2 dogs"),
        ("none", "0"),
        ("1,000", "1000"),
        ("ice-cream", "ice cream"),
        ("yes, it is!", "yes it is"),
        ("dont know", "don't know"),
        ("3.5", "3.5"),
        ("U.S.", "us"),
        ("a\tman\nwalking", "man walking"),
        ("black/white", "black white"),
        ("", ""),
    ],
)
def test_official_normalisation(answer, normal):
    assert normalize_answer(answer) == normal


def slow_accuracy(response, answers):
    """Leave each human answer out in turn, and count the matches among the others."""
    own, others = normalize_answer(response), [normalize_answer(answer) for answer in answers]
    scores = []
    for left in range(len(others)):
        matches = sum(answer == own for index, answer in enumerate(others) if index != left)
        scores.append(min(1.0, matches / 3))
    return sum(scores) / len(scores)


def test_leave_one_out_against_the_slow_formula(prediction):
    draw = random.Random(0)
    for _ in range(300):
        answers = [draw.choice(("red", "Red.", "the blue", "2", "two", "a ring")) for _ in range(draw.randint(2, 12))]
        response = draw.choice(("red", "blue", "two", "ring", "green"))
        given = prediction(response=response, meta={"answers": answers})
        assert vqa_accuracy([given]).value == pytest.approx(slow_accuracy(response, answers))


@pytest.mark.parametrize(("agreeing", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_accuracy_of_ten_answers_by_hand(prediction, agreeing, accuracy):
    answers = ["red"] * agreeing + [f"other {index}" for index in range(10 - agreeing)]
    assert vqa_accuracy([prediction(response="red", meta={"answers": answers})]).value == pytest.approx(accuracy)


def test_sentences_are_wrong_but_state_the_answer(prediction):
    answers = ["red"] * 4 + ["dark red"] * 6
    sentence = prediction("The ball is dark red.", ["dark red", "red"], meta={"answers": answers}, type="color")
    bare = prediction("Red", ["dark red", "red"], meta={"answers": answers}, type="color")
    assert vqa_accuracy([sentence, bare]).value == pytest.approx(0.5)
    assert vqa_accuracy_stated([sentence, bare]).by_type == {"color": (1.0, 2)}
    assert stated("two redwood trees", "2") and not stated("redwood", "red") and not stated("red", "")


def test_no_human_answers_are_left_out(prediction):
    value = vqa_accuracy([prediction("red", ["red"]), prediction("red", meta={"answers": ["red"]})])
    assert math.isnan(value.value) and (value.n, value.left_out) == (0, 2)


def test_exact_match_and_named_labels(prediction):
    given = [prediction("A cat!", ["cat", "kitten"]), prediction("I see a kitten.", ["cat", "kitten"]), prediction("x")]
    assert exact_match(given).value == 0.5 and label_named(given).value == 1.0
    assert exact_match(given).left_out == 1
