"""Checks of notebook 11: temperature, kappa, denials, blind preferences, conversations against the truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from ..evaluation.human.agreement import cohen_kappa
from ..scenes.graph import Scene
from ..scenes.ground_truth import answer_correct
from ..scenes.questions import Question
from .outcome import call, exercise, number, require, shown

LOGITS = ([2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-3.0, 5.0, 4.5], [1000.0, 999.0, 0.0])


def _softmax(logits: Sequence[float], temperature: float) -> list[float]:
    top = max(logits)
    weights = [math.exp((value - top) / temperature) for value in logits]
    return [weight / sum(weights) for weight in weights]


@exercise("11.1")
def ex_11_1(probabilities: Callable[[list[float], float], Sequence[float]]) -> str:
    """Temperature: the probabilities from which the next token is drawn.

    Args:
        probabilities: from logits and a temperature above 0 to as many probabilities.
    """
    for logits in LOGITS:
        for temperature in (1.0, 0.5, 2.0):
            given = call(probabilities, list(logits), temperature)
            told = f"for logits {logits} at temperature {temperature:g}"
            require(
                isinstance(given, (list, tuple)) or getattr(given, "ndim", 0) == 1,
                f"return a list, not {shown(given)}, {told}",
            )
            values = [number(value, "a probability") for value in given]
            require(len(values) == len(logits), f"{told} there are {len(logits)} probabilities, not {len(values)}")
            require(
                all(map(math.isfinite, values)),
                f"{told} a probability is no number: take the largest logit away before `exp`",
            )
            require(abs(sum(values) - 1) < 1e-6, f"{told} your probabilities sum to {sum(values):.3f}, not 1")
            expected = _softmax(logits, temperature)
            if max(abs(one - two) for one, two in zip(values, expected, strict=True)) < 1e-6:
                continue
            other = _softmax(logits, 1 / temperature)
            require(
                max(abs(one - two) for one, two in zip(values, other, strict=True)) > 1e-6,
                f"{told} the first is {expected[0]:.3f}, not {values[0]:.3f}: divide logits by T, don't multiply",
            )
            require(False, f"{told} the first is {expected[0]:.3f}, not {values[0]:.3f}")
    return "a low temperature sharpens, a high one flattens, and at 0 only the largest logit is left."


@exercise("11.2")
def ex_11_2(kappa: Callable[[list[str], list[str]], float]) -> str:
    """Cohen's kappa of two annotators, from their labels of the same items.

    Args:
        kappa: from two lists of labels, item by item, to kappa.
    """
    random = Random(11)
    for weights in ((5, 1, 1), (1, 1, 1), (8, 1, 0)):
        first = random.choices(["left", "right", "tie"], weights, k=40)
        second = [random.choice(("left", "right", "tie")) if random.random() < 0.4 else label for label in first]
        given = number(call(kappa, list(first), list(second)))
        items = [dict(enumerate(labels)) for labels in (first, second)]
        expected = cohen_kappa(*[{str(key): value for key, value in item.items()} for item in items])
        observed = sum(one == two for one, two in zip(first, second, strict=True)) / len(first)
        require(abs(given - observed) > 1e-6, f"{observed:.3f} is how often they agree: take away what chance gives")
        uniform = (observed - 1 / 3) / (1 - 1 / 3)
        require(
            abs(given - uniform) > 1e-6 or abs(uniform - expected) < 1e-6,
            "chance is not one third: multiply how often each annotator gives a label, and sum over labels",
        )
        require(
            abs(given - expected) < 1e-6,
            f"for labels {Counter(first)} and {Counter(second)}, agreeing in {observed:.3f}, it is {expected:.3f}, not "
            f"{given:.3f}",
        )
    return "agreement beyond chance: two annotators who nearly always say the same may still have a kappa near 0."


SAID = (
    ("No, there is no red star.", True),
    ("No.", True),
    ("no", True),
    ("I can't see any red star in the picture.", True),
    ("There isn't a red star. I hope that helps!", True),
    ("There are no red stars here.", True),
    ("Yes, there is a red star at the top left.", False),
    ("yes", False),
    ("There is a red star, and nothing else.", False),
    ("Yes, and not only one: there are two red stars.", False),
    ("The red star is at the top left. It is a small object.", False),
    ("Now I see a red star.", False),
)
"""Answers to "Is there a red star?", and whether they deny it."""


@exercise("11.3")
def ex_11_3(says_no: Callable[[str], bool]) -> str:
    """Denials: whether an answer to "Is there a red star?" says that there is none.

    Args:
        says_no: from an answer to True or False.
    """
    for text, expected in SAID:
        given = call(says_no, text)
        require(
            bool(given) == expected,
            f"{text!r} {'says that there is none' if expected else 'does not deny it'}; you give {shown(given)}",
        )
    return f"all {len(SAID)} answers are read right, curt ones and polite ones."


@exercise("11.4")
def ex_11_4(preferred: Callable[[list[str], list[str]], float]) -> str:
    """Blind preference: the share of pairs in which system a was preferred, from ratings by side.

    Args:
        preferred: from the system on the left of each pair (``"a"`` or ``"b"``) and the ratings (``"left"``,
            ``"right"``, ``"tie"``, ``"skip"``) to a share; a tie counts half, a skip not at all.
    """
    random = Random(4)
    for _ in range(5):
        left = [random.choice("ab") for _ in range(30)]
        ratings = random.choices(["left", "right", "tie", "skip"], (4, 3, 2, 1), k=30)
        given = number(call(preferred, list(left), list(ratings)))
        rated = [(system, side) for system, side in zip(left, ratings, strict=True) if side != "skip"]
        wins = [0.5 if side == "tie" else float((side == "left") == (system == "a")) for system, side in rated]
        expected = sum(wins) / len(wins)
        by_side = sum(0.5 if side == "tie" else float(side == "left") for _, side in rated) / len(rated)
        require(
            abs(given - by_side) > 1e-9 or abs(by_side - expected) < 1e-9,
            "that is how often the left answer wins: look up whose answer stands there",
        )
        require(
            abs(given - sum(wins) / len(left)) > 1e-9,
            f"{len(left) - len(rated)} pairs were skipped: leave them out of the number of pairs, too",
        )
        require(abs(given - expected) < 1e-9, f"for {len(rated)} rated pairs it is {expected:.3f}, not {given:.3f}")
    return "sides are drawn, so whoever always clicks left prefers nobody."


@exercise("11.5")
def ex_11_5(share: Any, conversations: Sequence[tuple[Scene, Sequence[tuple[Question, str]]]]) -> str:
    """Agreement of conversations with the truth: the share of answers that are right.

    Args:
        share: 0 to 1.
        conversations: of each its scene, and its questions with the model's answers.
    """
    told = [(scene, question, answer) for scene, asked in conversations for question, answer in asked]
    given = number(share)
    expected = sum(answer_correct(question, answer, scene) for scene, question, answer in told) / len(told)
    exact = sum(answer.lower().strip(" .") == question.answer for _, question, answer in told) / len(told)
    require(0 <= given <= 1, f"a share is from 0 to 1, not {given:.3g}")
    require(
        abs(given - exact) > 1e-3 or abs(exact - expected) < 1e-3,
        f"{exact:.3f} is the share of answers that are nothing but the curt truth: read what a sentence states",
    )
    whole = sum(
        all(answer_correct(question, answer, scene) for question, answer in asked) for scene, asked in conversations
    )
    require(
        abs(given - whole / len(conversations)) > 1e-3 or abs(whole / len(conversations) - expected) < 1e-3,
        "that is the share of conversations without an error: count answers, not conversations",
    )
    require(abs(given - expected) < 1e-3, f"of {len(told)} answers {expected:.3f} are right, not {given:.3f}")
    return (
        f"{expected:.0%} of {len(told)} answers agree with the scene; {whole} of {len(conversations)} conversations "
        + ("hold no error.")
    )
