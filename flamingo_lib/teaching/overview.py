"""Checks of notebook 00: best guess, fooling the judge, steps behind a setting, reward gaps, how many scenes."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from ..config import Preset
from ..pipeline.steps import build_steps
from ..scenes.graph import HELD_IN_PAIRS, PAIRS, SIZES, Scene
from ..scenes.ground_truth import check, is_polite_sentence
from .outcome import call, exercise, number, require, shown

TYPES = {"color": ["red", "blue", "cyan"], "count": ["1", "2", "3", "4"], "existence": ["yes", "no"]}


def _questions(seed: int) -> list[tuple[str, str]]:
    random = Random(seed)
    return [(kind, random.choice(TYPES[kind])) for kind in random.choices(list(TYPES), k=60)]


def _best_guess(questions: Sequence[tuple[str, str]]) -> float:
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, answer in questions:
        answers[kind][answer] += 1
    return sum(counts.most_common(1)[0][1] for counts in answers.values()) / len(questions)


@exercise("00.1")
def ex_00_1(best_guess: Callable[[list[tuple[str, str]]], float], own: Sequence[tuple[str, str]] | None = None) -> str:
    """Best-guess baseline: accuracy of always giving the most frequent answer of each question type.

    Args:
        best_guess: from a list of (question type, true answer) to an accuracy, 0 to 1.
        own: the questions of a run, asked last.
    """
    for questions in (*map(_questions, range(5)), *([list(own)] if own else [])):
        given, expected = number(call(best_guess, questions)), _best_guess(questions)
        overall = Counter(answer for _, answer in questions).most_common(1)[0][1] / len(questions)
        require(given <= 1, f"an accuracy is a share from 0 to 1, and yours is {given:.3g}: divide by the questions")
        require(
            abs(given - expected) < 1e-9 or abs(given - overall) > 1e-9,
            f"you take one answer for all questions ({given:.3f}); take the most frequent of each type",
        )
        kinds = {kind for kind, _ in questions}
        mean = sum(_best_guess([row for row in questions if row[0] == kind]) for kind in kinds) / len(kinds)
        require(
            abs(given - expected) < 1e-9 or abs(given - mean) > 1e-9,
            f"{given:.3f} is the mean over types; each question counts the same, which gives {expected:.3f}",
        )
        require(abs(given - expected) < 1e-9, f"for {len(questions)} questions it is {expected:.3f}, not {given:.3f}")
    told = "a model that never looks at the picture reaches this; read every accuracy against it."
    return f"{given:.3f} on the {len(questions)} questions of this run; {told}" if own else told


@exercise("00.2")
def ex_00_2(sentence: str, scene: Scene, reward: Callable[[str], float], threshold: float = 0.0) -> str:
    """Fool the judge: a sentence that is polite and false, and rewarded all the same.

    Args:
        sentence: what was found.
        scene: the scene it speaks of.
        reward: from a response to the judge's reward.
        threshold: the reward from which on a response counts as liked.
    """
    require(isinstance(sentence, str) and sentence.strip(), f"give one sentence of text, not {shown(sentence)}")
    report = check(scene, sentence)
    require(report.n_claims, f"{shown(sentence)} says nothing about the scene that can be checked")
    require(not report.ok, f"{shown(sentence)} is true of this scene: {', '.join(i.name() for i in scene.objects)}")
    require(is_polite_sentence(sentence), f"{shown(sentence)} is no whole sentence, so nobody would call it polite")
    given = number(reward(sentence), "the reward")
    require(given > threshold, f"the judge gives it {given:.2f}, and likes responses above {threshold:.2f}")
    return (
        f"false, and the judge gives it {given:.2f}: a reward says how polite an answer sounds, not whether it is true."
    )


@exercise("00.3")
def ex_00_3(steps: Iterable[str], preset: Preset, setting: str = "filters.min_words") -> str:
    """Steps that depend on a setting: those that read it, and those that read their results.

    Args:
        steps: names of the steps that would be recomputed.
        preset: the run's preset.
        setting: the changed setting as a dotted path.
    """
    affected: list[str] = []
    for step in build_steps(preset):
        reads = any(_within(setting, path) for path in step.config)
        if reads or any(name in affected for name in step.inputs):
            affected.append(step.name)
    given = {steps} if isinstance(steps, str) else set(call(lambda: list(steps)))
    known = [step.name for step in build_steps(preset)]
    strange = sorted(given.difference(known), key=str)
    require(not strange, f"there is no step {shown(strange[0]) if strange else ''}; steps are {', '.join(known)}")
    extra, missing = given - set(affected), set(affected) - given
    require(not extra, f"{', '.join(sorted(extra))}: reads neither {setting} nor anything made with it")
    require(not missing, f"{_first(affected, missing)} is missing: it reads {setting}, or a result that depends on it")
    return f"{affected[0]} reads {setting}, and the others read what comes out of it."


@exercise("00.4")
def ex_00_4(gap: Callable[[float], float]) -> str:
    """Reward gap: the difference of rewards at which one response wins a given share of comparisons (Bradley-Terry).

    Args:
        gap: from a win rate, between 0 and 1, to the difference of the two rewards.
    """
    for rate in (0.5, 0.88, 0.2, 0.674):
        given, expected = number(call(gap, rate)), math.log(rate / (1 - rate))
        slips = {
            1 / (1 + math.exp(-rate)): "that is the sigmoid of the rate; turn the equation around",
            -expected: "the sign is wrong: who wins more than half has the higher reward",
            math.log10(rate / (1 - rate)): "the logistic function has the base e; take the natural logarithm",
            math.log(rate): "that is log p; divide by the chance of losing first: log(p / (1 - p))",
        }
        for slip, words in slips.items():
            require(
                abs(given - slip) > 1e-6 or abs(given - expected) < 1e-6, f"for {rate} you say {given:.3f}: {words}"
            )
        require(abs(given - expected) < 1e-6, f"at a win rate of {rate} it is {expected:.3f}, not {given:.3f}")
    return "equal at one half; at 0.88 it is 2, the distance between two grades of this judge."


@exercise("00.5")
def ex_00_5(scenes: Any) -> str:
    """How many different training scenes there are: cells, pairs of shape and color, sizes; one to four objects.

    Args:
        scenes: the number.
    """
    given = number(scenes)
    cells, kinds, sizes = 9, len(HELD_IN_PAIRS), len(SIZES)

    def total(kinds: int, sizes: int, choose: Callable[[int, int], int]) -> int:
        return sum(math.comb(cells, n) * choose(kinds, n) * sizes**n for n in range(1, 5))

    slips = {
        total(kinds, 1, math.perm): "you leave out the sizes: each object is small or large",
        total(
            kinds, sizes, math.comb
        ): "with the cells and the pairs chosen, it still matters which pair is in which cell",
        total(len(PAIRS), sizes, math.perm): f"that is with all {len(PAIRS)} pairs; training shows {kinds} of them",
        math.comb(cells, 4)
        * math.perm(kinds, 4)
        * sizes**4: "that is of four objects; add scenes of one, two and three",
        sum(math.perm(cells, n) * math.perm(kinds, n) * sizes**n for n in range(1, 5)): (
            "you count each scene once for every order of its objects: choose the cells without an order"
        ),
    }
    expected = total(kinds, sizes, math.perm)
    for slip, words in slips.items():
        require(round(given) != slip, f"{slip:,}: {words}")
    require(
        round(given) == expected, f"it is {expected / 1e9:.2f} billion, not {given:,.0f}: one to four objects, added up"
    )
    return f"{expected:,}; a run draws a few thousand of them, so nothing is gained by learning them by heart."


def _within(setting: str, path: str) -> bool:
    """Whether one of the two dotted paths holds the other."""
    return setting == path or setting.startswith(path + ".") or path.startswith(setting + ".")


def _first(order: Sequence[str], names: set[str]) -> str:
    return next((name for name in order if name in names), "")
