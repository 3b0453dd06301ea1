"""Right answers on Scenes, where the truth is known: exact for a curt base, read from free text for a chat model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..scenes.ground_truth import answer_correct, hallucinated
from .questions import EvalItem, EvalQuestion


@dataclass(frozen=True)
class Share:
    """A share of n cases, over all and by group.

    Attributes:
        value: 0 to 1; NaN of none.
        n: how many cases.
        by_group: the same for each group, with its n.
    """

    value: float
    n: int
    by_group: dict[str, tuple[float, int]]


def share(hits: Sequence[bool], groups: Sequence[str] | None = None) -> Share:
    """The share of True in `hits`, over all and within `groups`."""
    grouped: dict[str, list[bool]] = defaultdict(list)
    for hit, group in zip(hits, groups if groups is not None else [""] * len(hits), strict=True):
        grouped[group].append(bool(hit))
    return Share(
        value=float(np.mean(hits)) if len(hits) else float("nan"),
        n=len(hits),
        by_group={
            group: (float(np.mean(values)), len(values)) for group, values in grouped.items() if groups is not None
        },
    )


def normalized(answer: str) -> str:
    """A curt answer without case, outer spaces and a full stop at its end."""
    return " ".join(answer.lower().split()).removesuffix(".")


def exact_accuracy(asked: Sequence[EvalQuestion], answers: Sequence[str]) -> Share:
    """Answers that are the curt answer and nothing else, by question type."""
    hits = [normalized(answer) == item.question.answer for item, answer in zip(asked, answers, strict=True)]
    return share(hits, [item.question.type for item in asked])


def chat_accuracy(asked: Sequence[EvalQuestion], answers: Sequence[str]) -> Share:
    """Answers, curt or polite, that state the true answer about the right subject, by question type."""
    hits = [answer_correct(item.question, answer, item.scene) for item, answer in zip(asked, answers, strict=True)]
    return share(hits, [item.question.type for item in asked])


def hallucination(asked: Sequence[EvalQuestion], answers: Sequence[str]) -> Share:
    """Hallucination rate by question type: answers that make a claim which the scene does not bear out.

    A wrong answer in a sentence is such a claim.
    """
    hits = [hallucinated(item.scene, answer, item.question) for item, answer in zip(asked, answers, strict=True)]
    return share(hits, [item.question.type for item in asked])


def checked_accuracy(asked: Sequence[EvalItem], answers: Sequence[str], groups: Sequence[str] | None = None) -> Share:
    """Answers, curt or polite, that are right by each question's own check; by type, or by `groups`."""
    hits = [item.check(answer) for item, answer in zip(asked, answers, strict=True)]
    return share(hits, [item.type for item in asked] if groups is None else groups)


def guess_accuracy(asked: Sequence[EvalItem], groups: Sequence[str] | None = None) -> Share:
    """What always giving the commonest answer of each source's question type gets right; by type, or by `groups`."""
    answers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in asked:
        answers[item.source, item.type][item.answer] += 1
    commonest = {key: counts.most_common(1)[0][0] for key, counts in answers.items()}
    hits = [item.answer == commonest[item.source, item.type] for item in asked]
    return share(hits, [item.type for item in asked] if groups is None else groups)
