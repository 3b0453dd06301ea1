"""Checks of notebook 02: right answers pass, typical slips are named."""

import random

import pytest

from flamingo_lib.records import Pair
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.teaching import check
from flamingo_lib.teaching.distortion import says_more

SCENE = draw_scene(0, "teaching/1", count=1)
ITEM = SCENE.objects[0]
TRUE = f"There is a {ITEM.color} {ITEM.shape}."
OTHER = "red" if ITEM.color != "red" else "blue"


def test_a_style_command():
    assert check.ex_02_1(lambda text, generator: text.replace(".", " :)"))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda text, generator: text, "nothing is left to undo"),
        (lambda text, generator: "something else", "does not"),
        (lambda text, generator: text + "!" * random.randrange(10**6), "draw from the one you are given"),
        (lambda text, generator: "  ", "nothing is left of"),
        (lambda text, generator: 3, "return a text"),
    ],
)
def test_slips_of_a_style_command(answer, message):
    outcome = check.ex_02_1(answer)
    assert not outcome and message in outcome.text


def swap(word, generator):
    at = generator.randrange(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def insert(word, generator):
    at = generator.randrange(len(word) + 1)
    return word[:at] + generator.choice("abc") + word[at:]


def delete(word, generator):
    at = generator.randrange(len(word))
    return word[:at] + word[at + 1 :]


def substitute(word, generator):
    at = generator.randrange(len(word))
    return word[:at] + generator.choice("abc") + word[at + 1 :]


@pytest.mark.parametrize("function", [swap, insert, delete, substitute], ids=lambda function: function.__name__)
def test_character_noise(function):
    outcome = check.ex_02_2(function, function.__name__)
    assert outcome, outcome


@pytest.mark.parametrize(
    ("answer", "operation", "message"),
    [
        (lambda word, generator: word[::-1], "swap", "more than one swap"),
        (lambda word, generator: delete(delete(word, generator), generator), "delete", "changes the length by -1"),
        (lambda word, generator: word[1:], "delete", "draw the position"),
        (lambda word, generator: word + "é", "insert", "letters and digits"),
        (swap, "shuffle", "the operation is one of"),
    ],
)
def test_slips_of_character_noise(answer, operation, message):
    outcome = check.ex_02_2(answer, operation)
    assert not outcome and message in outcome.text


def test_the_unchanged_share():
    assert check.ex_02_3(lambda probability: (1 - probability) ** 3)
    assert "three levels" in check.ex_02_3(lambda probability: probability**3).text
    assert "none may be drawn" in check.ex_02_3(lambda probability: 1 - probability).text


def pair(id, draft, target):
    return Pair(id, "x", ("a.png",), "What is there?", draft, target, "llm")


def test_targets_that_say_more():
    told = pair("1", "", TRUE)
    made_up = pair("2", "", f"There is a {OTHER} {ITEM.shape}.")
    in_the_draft = pair("3", made_up.target, made_up.target)
    assert [says_more(one, SCENE) for one in (told, made_up, in_the_draft)] == [False, True, False]
    pairs = [told, made_up, in_the_draft, told]
    assert check.ex_02_4(0.25, pairs, lambda one: SCENE)
    assert check.ex_02_4(0.25, pairs, {one.id: SCENE for one in pairs})
    assert "compare claims, not words" in check.ex_02_4(0.5, pairs, lambda one: SCENE).text
    assert "look at every claim" in check.ex_02_4(0.0, pairs, lambda one: SCENE).text
