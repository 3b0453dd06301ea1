"""Rewriter metrics on Scenes: answers preserved, drafts followed rather than the image, hallucination.

Each function reads finished rewrites. `wrong_drafts` makes the samples of the test that tells copying from seeing:
their raw answer contradicts the image, and a faithful rewriter keeps it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..records import VQA_TASKS, Rewrite, Sample
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES
from ..scenes.ground_truth import answer_kept, check, paragraph_recall
from ..scenes.index import TruthIndex
from ..seeding import generator
from .accuracy import Share, share
from .politeness import Reward, preferred_share
from .questions import question_of, scene_of

ANSWERS = {
    "color": COLORS,
    "shape": SHAPES,
    "count": tuple("01234"),
    "existence": ("yes", "no"),
    "relation": ("yes", "no"),
    "side": ("left", "right"),
    "position": POSITIONS,
    "size": SIZES,
}
"""The curt answers of each question type."""

DESCRIPTIONS = ("caption",)
"""Tasks whose rewrites are measured as descriptions of the whole scene."""


def rewriter_win_rate(reward: Reward, rewrites: Sequence[Rewrite]) -> float:
    """Win rate of the rewrites over the raw annotations by the judge, 0 to 1."""
    samples = [item.sample for item in rewrites]
    return preferred_share(
        reward,
        [sample.instruction for sample in samples],
        [item.final for item in rewrites],
        [sample.raw for sample in samples],
    )


def answer_preserved(rewrites: Sequence[Rewrite]) -> Share:
    """Answer preservation: rewrites of VQA samples that give the raw answer, by question type.

    The answer must be about the same subject; samples of other tasks are passed over.
    """
    hits, types = [], []
    for item in rewrites:
        question = question_of(item.sample) if item.sample.task in VQA_TASKS else None
        if question is not None:
            hits.append(answer_kept(question, item.sample.raw, item.final))
            types.append(question.type)
    return share(hits, types)


def rewriter_hallucinated(rewrites: Sequence[Rewrite], index: TruthIndex) -> Share:
    """Rewrites of VQA samples with a claim that the scene does not bear out, by question type."""
    hits, types = [], []
    for item in rewrites:
        question = question_of(item.sample) if item.sample.task in VQA_TASKS else None
        if question is not None:
            hits.append(not check(scene_of(item.sample, index), item.final, question).ok)
            types.append(question.type)
    return share(hits, types)


def wrong_drafts(samples: Sequence[Sample], *, seed: int, limit: int | None = None) -> list[Sample]:
    """VQA samples with another curt answer of the same type in place of the true one, evenly over types.

    Args:
        samples: with curt raw answers; those that don't ask a Scenes question, or answer otherwise, are passed over.
        limit: at most so many.
    """
    by_type: dict[str, list[Sample]] = {kind: [] for kind in ANSWERS}
    for sample in samples:
        question = question_of(sample) if sample.task in VQA_TASKS else None
        true = sample.raw.strip().lower()
        if question is None or true not in ANSWERS[question.type]:
            continue
        wrong = generator(seed, "wrong draft", sample.id).choice(
            [answer for answer in ANSWERS[question.type] if answer != true]
        )
        by_type[question.type].append(replace(sample, id=f"{sample.id}/wrong", raw=wrong))
    most = max(map(len, by_type.values()), default=0)
    mixed = [group[turn] for turn in range(most) for group in by_type.values() if turn < len(group)]
    return mixed[:limit]


def follows_wrong_draft(rewrites: Sequence[Rewrite]) -> Share:
    """Rewrites of `wrong_drafts` that keep the draft's answer, by question type."""
    return answer_preserved(rewrites)


def describes(sample: Sample) -> bool:
    """Whether a rewrite of the sample is a description of its whole scene."""
    return sample.task in DESCRIPTIONS and len(sample.images) == 1


def paragraph_figures(rewrites: Sequence[Rewrite], index: TruthIndex) -> tuple[float, float, int]:
    """Metrics of rewritten descriptions: mean object recall, share with a false claim, number of descriptions."""
    recalls, false = [], []
    for item in rewrites:
        if describes(item.sample):
            scene = scene_of(item.sample, index)
            recalls.append(paragraph_recall(scene, item.final))
            false.append(not check(scene, item.final).ok)
    if not recalls:
        return float("nan"), float("nan"), 0
    return float(np.mean(recalls)), float(np.mean(false)), len(recalls)


def rewriter_figures(
    rewrites: Sequence[Rewrite], wrong: Sequence[Rewrite], index: TruthIndex, reward: Reward
) -> dict[str, float]:
    """The rewriter's figures under their keys of ``metrics.json``.

    Args:
        rewrites: of raw samples, before any filter.
        wrong: of `wrong_drafts`.
    """
    recall, false, _ = paragraph_figures(rewrites, index)
    return {
        "rewriter.win_rate": rewriter_win_rate(reward, rewrites),
        "rewriter.answer_preserved": answer_preserved(rewrites).value,
        "rewriter.follows_wrong_draft": follows_wrong_draft(wrong).value,
        "rewriter.hallucinated": rewriter_hallucinated(rewrites, index).value,
        "rewriter.paragraph_recall": recall,
        "rewriter.paragraph_false_claim": false,
    }
