"""The truth on Scenes: CHAIR against a slow count and by hand, boxes, counts."""

import math
import random

import pytest

from flamingo_lib.evaluation.metrics.truth import (
    answer_accuracy,
    any_subject_accuracy,
    box_accuracy,
    box_recall,
    chair_instance,
    chair_sentence,
    count_claims,
    count_error,
    object_recall,
)


def test_chair_by_hand(prediction):
    named = [(2, 1), (3, 0), (0, 0), (1, 1)]
    given = [prediction(scores={"objects_named": all_, "objects_false": false}) for all_, false in named]
    instance, sentence = chair_instance([*given, prediction()]), chair_sentence([*given, prediction()])
    assert (instance.value, instance.n, instance.left_out) == (pytest.approx(2 / 6), 6, 1)
    assert (sentence.value, sentence.n) == (0.5, 4)


def test_chair_against_a_slow_count(prediction):
    draw = random.Random(1)
    for _ in range(50):
        texts = [[draw.random() < 0.3 for _ in range(draw.randint(0, 5))] for _ in range(draw.randint(1, 8))]
        given = [prediction(scores={"objects_named": len(text), "objects_false": sum(text)}) for text in texts]
        mentions = [false for text in texts for false in text]
        if mentions:
            assert chair_instance(given).value == pytest.approx(sum(mentions) / len(mentions))
        else:
            assert math.isnan(chair_instance(given).value) and chair_instance(given).n == 0
        assert chair_sentence(given).value == pytest.approx(sum(any(text) for text in texts) / len(texts))


def test_answers_boxes_and_counts(prediction):
    given = [
        prediction(scores={"correct": 1, "answer_correct": 1, "count_error": 0, "counts_said": 2, "counts_true": 1}),
        prediction(scores={"correct": 0, "answer_correct": 1, "boxes_said": 4, "boxes_right": 1, "boxes_there": 2}),
        prediction(scores={"correct": 0, "answer_correct": 0, "objects_there": 4, "objects_found": 3}),
    ]
    assert answer_accuracy(given).value == pytest.approx(1 / 3)
    assert any_subject_accuracy(given).value == pytest.approx(2 / 3)
    assert (box_accuracy(given).value, box_recall(given).value) == (0.25, 0.5)
    assert (count_error(given).value, count_claims(given).value, object_recall(given).value) == (0.0, 0.5, 0.75)
