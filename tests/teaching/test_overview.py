"""Checks of notebook 00: right answers pass, typical slips are named."""

import math
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
    own = [("color", "red"), ("color", "red"), ("color", "blue"), ("count", "1")]
    assert "0.750 on the 4 questions" in check.ex_00_1(best_guess, own).text


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
    examined = {f"examine_{stage}" for stage in preset.stages}
    right = {"filter", "packing", *preset.stages, *examined, "evaluate", "figures"}
    outcome = check.ex_00_3(right, preset)
    assert outcome, outcome
    assert "rewrite: reads neither" in check.ex_00_3(right | {"rewrite"}, preset).text
    assert "is missing" in check.ex_00_3({"filter"}, preset).text
    assert "no step 'sieve'" in check.ex_00_3({"sieve"}, preset).text


def test_reward_gap():
    assert check.ex_00_4(lambda rate: math.log(rate / (1 - rate)))


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        (lambda rate: 1 / (1 + math.exp(-rate)), "turn the equation around"),
        (lambda rate: math.log(1 - rate) - math.log(rate), "the sign is wrong"),
        (lambda rate: math.log10(rate / (1 - rate)), "natural logarithm"),
        (lambda rate: math.log(rate), "divide by the chance of losing"),
        (lambda rate: rate, "it is 0.000, not 0.500"),
        (None, "give the function itself"),
    ],
)
def test_slips_of_the_reward_gap(gap, message):
    outcome = check.ex_00_4(gap)
    assert not outcome and message in outcome.text


def scenes(pairs=42, sizes=2, choose=math.perm, cells=math.comb, counts=range(1, 5)):
    return sum(cells(9, n) * choose(pairs, n) * sizes**n for n in counts)


def test_number_of_scenes():
    outcome = check.ex_00_5(scenes())
    assert outcome and f"{scenes():,}" in outcome.text


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (scenes(sizes=1), "small or large"),
        (scenes(choose=math.comb), "which pair is in which cell"),
        (scenes(pairs=48), "training shows 42"),
        (scenes(counts=[4]), "of four objects"),
        (scenes(cells=math.perm), "without an order"),
        (12, "billion, not 12"),
        ("many", "should be a number"),
    ],
)
def test_slips_of_the_number_of_scenes(answer, message):
    outcome = check.ex_00_5(answer)
    assert not outcome and message in outcome.text
