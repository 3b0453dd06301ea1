"""Guess lines: the commonest answer of the type, chance, borrowed captions."""

import math

import pytest

from flamingo_lib.evaluation.metrics.captions import rouge_l_mean
from flamingo_lib.evaluation.metrics.guess import (
    borrowed,
    borrowed_line,
    chance,
    commonest,
    commonest_share,
    guess_line,
)
from flamingo_lib.evaluation.metrics.vqa import exact_match, vqa_accuracy


def test_the_commonest_answer_of_each_type(prediction):
    given = [prediction("x", [answer], type="color") for answer in ("red", "Red.", "blue")]
    given += [prediction("x", [answer], type="count") for answer in ("2", "two", "3", "3")]
    assert commonest(given) == {("s", "color"): "red", ("s", "count"): "2"}
    assert guess_line(given, exact_match).by_type == {"color": (pytest.approx(2 / 3), 3), "count": (0.5, 4)}
    assert commonest_share(given).value == pytest.approx(4 / 7)
    assert chance(given).value == pytest.approx(0.5)
    assert chance([prediction("x", ["a"], meta={"choices": ["a", "b", "c", "d"]})]).value == 0.25


def test_human_answers_count_by_their_accuracy(prediction):
    given = [
        prediction("x", ["red"], meta={"answers": ["red"] * 4 + ["pink"] * 6}),
        prediction("x", ["red"], meta={"answers": ["red"] * 2 + ["blue"] * 8}),
        prediction("x", ["blue"], meta={"answers": ["red", "blue"]}),
    ]
    assert commonest(given)["s", ""] == "red"
    assert commonest_share(given).value == pytest.approx(2 / 3)
    assert guess_line(given, vqa_accuracy).value == pytest.approx((1.0 + 0.6 + 1 / 6) / 3)


def test_borrowed_captions_are_of_another_image(prediction):
    given = [prediction("x", [text]) for text in ("a red ball", "a red ball", "a blue cube")]
    assert [item.response for item in borrowed(given)] == ["a blue cube", "a blue cube", "a red ball"]
    assert borrowed_line(given, rouge_l_mean).value == pytest.approx(1 / 3)
    assert borrowed([prediction("x", ["alone"])]) == []


def test_nothing_to_guess_from(prediction):
    for line in (commonest_share, chance):
        value = line([prediction("x")])
        assert math.isnan(value.value) and (value.n, value.left_out) == (0, 1)
    assert math.isnan(guess_line([], exact_match).value) and math.isnan(borrowed_line([], rouge_l_mean).value)
