"""Checks of notebook 00: right answers pass, typical slips are named."""

from collections import Counter, defaultdict

import pytest

from flamingo_lib.presets import load_preset
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.teaching import check

SCENE = draw_scene(0, "teaching/1", count=1)
ITEM = SCENE.objects[0]
FALSE = f"There is {'a red' if ITEM.color != 'red' else 'a blue'} {ITEM.shape} in the image."


def by_type(questions):
    counts = defaultdict(Counter)
    for kind, answer in questions:
        counts[kind][answer] += 1
    return counts


def best_guess(questions):
    return sum(max(counts.values()) for counts in by_type(questions).values()) / len(questions)


def one_for_all(questions):
    return max(Counter(answer for _, answer in questions).values()) / len(questions)


def mean_of_types(questions):
    return sum(max(c.values()) / sum(c.values()) for c in by_type(questions).values()) / len(by_type(questions))


def test_best_guess():
    assert check.ex_00_1(best_guess)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (one_for_all, "most frequent of each type"),
        (mean_of_types, "mean over types"),
        (lambda questions: best_guess(questions) * len(questions), "divide by the questions"),
        (lambda questions: None, "does it end in `return`"),
        (0.4, "give the function itself"),
    ],
)
def test_slips_of_the_best_guess(answer, message):
    outcome = check.ex_00_1(answer)
    assert not outcome and message in outcome.text


def test_fooling_the_judge():
    assert check.ex_00_2(FALSE, SCENE, lambda text: 1.5)


@pytest.mark.parametrize(
    ("sentence", "reward", "message"),
    [
        (f"There is a {ITEM.color} {ITEM.shape} in the image.".replace("a orange", "an orange"), 1.0, "is true"),
        (FALSE, -1.0, "likes responses above"),
        ("Good morning to you.", 1.0, "nothing about the scene"),
        (None, 1.0, "one sentence of text"),
    ],
)
def test_slips_of_fooling_the_judge(sentence, reward, message):
    outcome = check.ex_00_2(sentence, SCENE, lambda text: reward)
    assert not outcome and message in outcome.text


def test_steps_that_depend_on_a_setting():
    preset = load_preset("tiny")
    right = {"filter", "packing", *preset.stages, "evaluate", "figures"}
    outcome = check.ex_00_3(right, preset)
    assert outcome, outcome
    assert "rewrite: reads neither" in check.ex_00_3(right | {"rewrite"}, preset).text
    assert "is missing" in check.ex_00_3({"filter"}, preset).text
    assert "no step 'sieve'" in check.ex_00_3({"sieve"}, preset).text
