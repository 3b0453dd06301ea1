"""Checks of notebook 00: best guess, fooling the judge, which steps depend on a setting."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from ..config import Preset
from ..pipeline.steps import build_steps
from ..scenes.graph import Scene
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
def ex_00_1(best_guess: Callable[[list[tuple[str, str]]], float]) -> str:
    """Best-guess baseline: accuracy of always giving the most frequent answer of each question type.

    Args:
        best_guess: from a list of (question type, true answer) to an accuracy, 0 to 1.
    """
    for seed in range(5):
        questions = _questions(seed)
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
    return "a model that never looks at the picture reaches this; read every accuracy against it."


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
    known = {step.name for step in build_steps(preset)}
    require(given <= known, f"there is no step {shown(next(iter(given - known), ''))}; steps are {', '.join(known)}")
    extra, missing = given - set(affected), set(affected) - given
    require(not extra, f"{', '.join(sorted(extra))}: reads neither {setting} nor anything made with it")
    require(not missing, f"{_first(affected, missing)} is missing: it reads {setting}, or a result that depends on it")
    return f"{affected[0]} reads {setting}, and the others read what comes out of it."


def _within(setting: str, path: str) -> bool:
    """Whether one of the two dotted paths holds the other."""
    return setting == path or setting.startswith(path + ".") or path.startswith(setting + ".")


def _first(order: Sequence[str], names: set[str]) -> Any:
    return next(name for name in order if name in names)
