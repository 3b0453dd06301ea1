"""Checks of notebook 11: right answers pass, typical slips are named."""

import math

import pytest

from flamingo_lib.scenes.answers import at
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import stated_answer
from flamingo_lib.scenes.questions import ask, parse_question
from flamingo_lib.seeding import generator
from flamingo_lib.teaching import check
from flamingo_lib.teaching.talk import SAID


def softmax(logits, temperature):
    top = max(logits)
    weights = [math.exp((value - top) / temperature) for value in logits]
    return [weight / sum(weights) for weight in weights]


def overflowing(logits, temperature):
    weights = [math.exp(min(value / temperature, 800) if value < 700 else math.inf) for value in logits]
    return [weight / sum(weights) for weight in weights]


def test_temperature():
    assert check.ex_11_1(softmax)
    assert "don't multiply" in check.ex_11_1(lambda logits, t: softmax(logits, 1 / t)).text
    assert "largest logit away" in check.ex_11_1(overflowing).text
    assert "sum to" in check.ex_11_1(lambda logits, t: [value / t for value in logits]).text
    assert "the first is" in check.ex_11_1(lambda logits, t: softmax(logits, 1)).text
    assert "3 probabilities, not 1" in check.ex_11_1(lambda logits, t: [1.0]).text
    assert "return a list" in check.ex_11_1(lambda logits, t: 1.0).text


def observed(first, second):
    return sum(one == two for one, two in zip(first, second, strict=True)) / len(first)


def kappa(first, second):
    labels = {*first, *second}
    chance = sum(first.count(label) * second.count(label) for label in labels) / len(first) ** 2
    return (observed(first, second) - chance) / (1 - chance)


def test_kappa():
    assert check.ex_11_2(kappa)
    assert "take away what chance gives" in check.ex_11_2(observed).text
    uniform = check.ex_11_2(lambda first, second: (observed(first, second) - 1 / 3) / (2 / 3))
    assert "chance is not one third" in uniform.text
    assert "it is" in check.ex_11_2(lambda first, second: 0.0).text


def says_no(text):
    words = text.lower().replace(".", " ").replace(",", " ").split()
    return words[0] == "no" or any(word in words for word in ("isn't", "can't")) or words[:3] == ["there", "are", "no"]


def test_denials():
    assert check.ex_11_3(says_no)
    assert (
        "Now I see" in check.ex_11_3(lambda text: text.lower().startswith("no") or "n't" in text or " no " in text).text
    )
    assert "says that there is none" in check.ex_11_3(lambda text: text.startswith("No")).text
    assert "does not deny" in check.ex_11_3(lambda text: True).text


def test_the_denials_are_what_the_library_reads():
    question = parse_question("Is there a red star?")
    read = {text: stated_answer(question, text) for text, _ in SAID}
    assert all(read[text] in (None, "no" if denied else "yes") for text, denied in SAID)


def preferred(left, ratings):
    wins = [
        0.5 if side == "tie" else float((side == "left") == (system == "a"))
        for system, side in zip(left, ratings, strict=True)
        if side != "skip"
    ]
    return sum(wins) / len(wins)


def test_blind_preference():
    assert check.ex_11_4(preferred)
    assert "left answer wins" in check.ex_11_4(lambda left, ratings: preferred(["a"] * len(left), ratings)).text
    counted = check.ex_11_4(lambda left, ratings: preferred(left, ratings) * (30 - ratings.count("skip")) / 30)
    assert "skipped" in counted.text
    assert "it is" in check.ex_11_4(lambda left, ratings: 1 - preferred(left, ratings)).text


@pytest.fixture
def conversations():
    made = []
    for number in range(4):
        scene = draw_scene(0, f"talk/{number}", count=1)
        questions = [ask(scene, generator(0, number, kind), kind) for kind in ("color", "position")]
        answers = [questions[0].answer, f"The {questions[1].target.text()} is {at(questions[1].answer)}."]
        if number == 0:
            answers[0] = "magenta"
        made.append((scene, list(zip(questions, answers, strict=True))))
    return made


def test_conversations_against_the_truth(conversations):
    right = 7 / 8
    outcome = check.ex_11_5(right, conversations)
    assert outcome and "3 of 4 conversations" in outcome.text
    assert "nothing but the curt truth" in check.ex_11_5(3 / 8, conversations).text
    assert "count answers" in check.ex_11_5(3 / 4, conversations).text
    assert "are right, not" in check.ex_11_5(0.5, conversations).text
    assert "from 0 to 1" in check.ex_11_5(7, conversations).text
    assert "should be a number" in check.ex_11_5(..., conversations).text
