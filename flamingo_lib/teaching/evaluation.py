"""Checks of notebook 08: subject-blind accuracy, a judge's correction, claims that hold, rankings, win rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from ..evaluation.accuracy import normalized
from ..evaluation.meta_evaluation import rogan_gladen
from ..evaluation.predictions import Prediction
from ..judges.reward import win_rate
from .outcome import call, exercise, number, require, shown

MEASURES = ("truth", "nli", "exact")
"""How exercise 08.4 ranks models."""


@exercise("08.1")
def ex_08_1(blind: float, predictions: Sequence[Prediction]) -> str:
    """Subject-blind accuracy: right answers about whatever subject.

    Args:
        blind: your share of them, 0 to 1.
        predictions: one model's answers with the scores ``correct``, ``answer_correct`` and ``subject_correct``.
    """
    items = [item for item in predictions if "answer_correct" in item.scores]
    require(items, "none of these answers has the score `answer_correct`: choose the pool held_in or held_out")
    strict, expected, subject = (
        float(np.mean([item.scores[name] for item in items]))
        for name in ("correct", "answer_correct", "subject_correct")
    )
    given = number(blind)
    for wrong, hint in (
        (strict, "that counts answers about the right subject only (`correct`)"),
        (subject, "that counts answers about the right subject, right or not (`subject_correct`)"),
    ):
        require(abs(given - wrong) > 1e-6 or abs(given - expected) < 1e-6, hint)
    require(abs(given - expected) < 1e-6, f"{expected:.3f} of {len(items)} answers, not {given:.3f}")
    return f"{expected:.3f}, and {strict:.3f} about the right subject: {expected - strict:.3f} are right by mistake."


@exercise("08.2")
def ex_08_2(correct: Callable[[float, float, float], float]) -> str:
    """The true share behind a judged one (Rogan and Gladen), cut to 0 to 1.

    Args:
        correct: from the judged share, the judge's sensitivity and its specificity to the true share.
    """
    for judged, sensitivity, specificity in (
        (0.6, 0.8, 0.9), (0.5, 0.7, 0.95), (0.05, 0.9, 0.9), (0.95, 0.9, 0.9), (0.3, 1.0, 1.0),
    ):  # fmt: skip
        given = number(call(correct, judged, sensitivity, specificity))
        expected = rogan_gladen(judged, sensitivity, specificity)
        told = f"judged {judged:g}, sensitivity {sensitivity:g}, specificity {specificity:g}"
        if abs(given - expected) < 1e-9:
            continue
        raw = (judged + specificity - 1) / (sensitivity + specificity - 1)
        require(abs(given - raw) > 1e-9, f"{told}: {raw:.3f} is no share; cut it to 0 to 1")
        require(abs(given - judged / sensitivity) > 1e-9, f"{told}: false alarms count too, 1 less the specificity")
        require(abs(given - judged) > 1e-9, f"{told}: that is the judged share as it was")
        require(False, f"{told}: it is {expected:.3f}, not {given:.3f}")
    return "equal to the library's; it needs errors measured on answers of the same style."


@exercise("08.3")
def ex_08_3(names: Any, claims: Sequence[Mapping[str, Any]]) -> str:
    """Claims that hold: those whose whole interval does what the claim says.

    Args:
        names: of the claims that hold, as a set.
        claims: rows with ``name``, ``rule``, ``ours``, ``low``, ``high``, ``holds``.
    """
    require(isinstance(names, (set, frozenset, list, tuple)), f"give a set of names, not {shown(names)}")
    rows, given = {row["name"]: row for row in claims}, set(names)
    unknown = sorted(given - rows.keys())
    require(not unknown, f"there is no claim {unknown[:1]}")
    expected = {name for name, row in rows.items() if row["holds"] is True}
    for name in sorted(given - expected):
        row = rows[name]
        require(row["ours"] is not None, f"{name} was not measured: {row['reason']}")
        require(
            False,
            f"{name}: {row['ours']:+.3f} has the interval {row['low']:+.3f} to {row['high']:+.3f}, and {row['rule']} "
            "is what would hold",
        )
    missing = sorted(expected - given)
    require(not missing, f"{missing[0] if missing else ''} is missing: {_fits(rows, missing)}")
    return f"{len(expected)} of {len(rows)} claims; on other questions of the same seed they would be expected again."


def _fits(rows: Mapping[str, Mapping[str, Any]], missing: Sequence[str]) -> str:
    row = rows[missing[0]] if missing else {"low": 0.0, "high": 0.0, "rule": ""}
    return f"its interval, {row['low']:+.3f} to {row['high']:+.3f}, fits the rule that {row['rule']}"


@exercise("08.4")
def ex_08_4(orders: Mapping[str, Sequence[str]], answers: Mapping[str, Sequence[Prediction]]) -> str:
    """Rankings of the models by the truth, by NLI and by exact match, the best first.

    Args:
        orders: by ``truth``, ``nli`` and ``exact``, the models' names.
        answers: of each model to the same questions.
    """
    require(isinstance(orders, Mapping), f"give a dictionary of measure to names, not {shown(orders)}")
    told = []
    for measure in MEASURES:
        require(measure in orders, f"the order by {measure} is missing")
        values = {name: _measured(items, measure) for name, items in answers.items()}
        given = orders[measure]
        require(isinstance(given, (list, tuple)), f"the order by {measure} is a list of names, not {shown(given)}")
        require(sorted(given) == sorted(values), f"the order by {measure} should name {', '.join(sorted(values))} once")
        row = [values[name] for name in given]
        require(row == sorted(row, reverse=True) or row != sorted(row), f"by {measure}: the best comes first")
        wrong = next((at for at in range(1, len(row)) if row[at] > row[at - 1]), None)
        require(
            wrong is None,
            f"by {measure} {given[wrong or 0]} ({row[wrong or 0]:.3f}) is above {given[(wrong or 0) - 1]} "
            f"({row[(wrong or 0) - 1]:.3f})",
        )
        told.append(f"{measure}: {' > '.join(given)}")
    return "; ".join(told) + "."


def _measured(items: Sequence[Prediction], measure: str) -> float:
    if measure == "exact":
        return float(np.mean([normalized(item.response) in map(normalized, item.references) for item in items]))
    return float(np.mean([item.scores["correct" if measure == "truth" else "nli"] for item in items]))


@exercise("08.5")
def ex_08_5(rate: Callable[[list[float], list[float]], float]) -> str:
    """Win rate: how often the first reward is the higher one; ties count half.

    Args:
        rate: from two lists of rewards of the same questions to a share, 0 to 1.
    """
    random = Random(0)
    for _ in range(10):
        first, second = ([float(random.randint(0, 3)) for _ in range(12)] for _ in range(2))
        expected = win_rate(np.array(first), np.array(second))
        given, ties = (
            number(call(rate, list(first), list(second))),
            sum(a == b for a, b in zip(first, second, strict=True)),
        )
        told = f"{ties} of 12 are ties"
        require(abs(given - expected + ties / 24) > 1e-9 or not ties, f"{told}: they count half, and not as lost")
        require(abs(given - expected - ties / 24) > 1e-9 or not ties, f"{told}: they count half, and not as won")
        decided = 12 - ties
        without = sum(a > b for a, b in zip(first, second, strict=True)) / decided if decided else 0.5
        require(
            abs(given - without) > 1e-9 or abs(given - expected) < 1e-9, f"{told}: they count half; you leave them out"
        )
        require(abs(given - 1 + expected) > 1e-9 or abs(given - expected) < 1e-9, "that is how often the second wins")
        require(abs(given - expected) < 1e-9, f"it is {expected:.3f}, not {given:.3f}")
    return "the same both ways round: what one wins the other loses, and the diagonal of Figure 8 is .5."
