"""Rewriter metrics on Scenes: answers preserved, drafts followed rather than the image, hallucination.

Each function reads finished rewrites. `wrong_drafts` makes the samples of the test that tells copying from seeing:
their raw answer contradicts the image, and a faithful rewriter keeps it all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..html import Markup, join, paragraph, table
from ..records import VQA_TASKS, Rewrite, Sample
from ..scenes.changes import check_change
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES
from ..scenes.ground_truth import answer_kept, check, paragraph_recall
from ..scenes.index import TruthIndex
from ..scenes.lexicon import SHAPE_WORDS
from ..scenes.text_parser import tokens
from ..seeding import generator
from ..text import split_sentences
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


def task_fulfilled(sample: Sample, text: str, index: TruthIndex) -> tuple[bool, bool]:
    """Whether `text` does what its sample's task asks for, and whether it claims something false.

    A caption must name an object of the scene, a region's description the marked object, a classification the class, a
    change caption the true change, an answer the raw answer of the asked object.

    Raises:
        DataError: its image is no scene of `index`.
    """
    scenes = [index.scene(image, sample.source) for image in sample.images]
    if sample.task == "change" and len(scenes) == 2:
        change = check_change(scenes[0], scenes[1], text)
        return change.told and not change.false_claims, bool(change.false_claims)
    question = question_of(sample) if sample.task in VQA_TASKS else None
    found = check(scenes[0], text, question)
    if question is not None:
        return answer_kept(question, sample.raw, text), not found.ok
    if sample.task == "region" and sample.boxes:
        return _mentions(text, sample.boxes[0].name), not found.ok
    labels = sample.meta.get("labels")
    if sample.task == "classification" and labels:
        return _mentions(text, str(labels[0])), not found.ok
    return bool(found.objects_named), not found.ok


def _mentions(text: str, name: str) -> bool:
    """Whether `text` has all words of `name` in one sentence, singular or plural."""
    wanted = set(tokens(name))
    return any(wanted <= {SHAPE_WORDS.get(word, word) for word in tokens(part)} for part in split_sentences(text))


def rewriter_by_task(rewrites: Sequence[Rewrite], index: TruthIndex) -> dict[str, dict[str, float | int | None]]:
    """How good rewriter and filters are on each task, against the truth.

    Args:
        rewrites: every record, kept or dropped, with its verdicts.

    Returns:
        For each task in their order: ``records``; ``right``, the share that does what the task asks and claims nothing
        false; ``false_claim``; ``kept``; of those kept ``kept_right`` and ``kept_false_claim``, as edited; and
        ``right_kept``, the share of the right ones that is kept. None where there is nothing to share.
    """
    figures: dict[str, dict[str, float | int | None]] = {}
    for task in dict.fromkeys(item.sample.task for item in rewrites):
        own = [item for item in rewrites if item.sample.task == task and item.sample.images]
        before = [task_fulfilled(item.sample, item.output, index) for item in own]
        after = [task_fulfilled(item.sample, item.final, index) for item in own if item.kept]
        right = [fits and not false for fits, false in before]
        figures[task] = {
            "records": len(own),
            "right": _mean(right),
            "false_claim": _mean([false for _, false in before]),
            "kept": _mean([item.kept for item in own]),
            "kept_right": _mean([fits and not false for fits, false in after]),
            "kept_false_claim": _mean([false for _, false in after]),
            "right_kept": _mean([item.kept for item, fine in zip(own, right, strict=True) if fine]),
        }
    return figures


def by_task_metrics(figures: Mapping[str, Mapping[str, float | int | None]]) -> dict[str, float]:
    """The table as figures of ``metrics.json``, ``rewriter.by_task.TASK.NAME``; undefined ones are left out."""
    return {
        f"rewriter.by_task.{task}.{name}": value
        for task, row in figures.items()
        for name, value in row.items()
        if value is not None
    }


def _mean(values: Sequence[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


WEAK = 0.5
"""Share of right rewrites under which the report says that the rewriter is not good on a task."""

_COLUMNS = {
    "right": "right before the filters",
    "false_claim": "false claim before",
    "kept": "kept",
    "kept_right": "right among the kept",
    "kept_false_claim": "false claim among the kept",
    "right_kept": "kept of the right ones",
}


def by_task_html(figures: Mapping[str, Mapping[str, float | int | None]]) -> Markup:
    """The table of `rewriter_by_task`, and in words the tasks that the rewriter, or the filters, are not good on."""
    rows = [
        (task, row["records"], *("–" if row[key] is None else row[key] for key in _COLUMNS))
        for task, row in figures.items()
    ]
    weak = [task for task, row in figures.items() if row["right"] is not None and row["right"] < WEAK]
    left = [task for task, row in figures.items() if row["kept_right"] is not None and row["kept_right"] < WEAK]
    lost = [task for task, row in figures.items() if row["right_kept"] is not None and row["right_kept"] < WEAK]
    said = [
        text.format(", ".join(tasks))
        for tasks, text in (
            (weak, "The rewriter is not good on these tasks: {}."),
            (left, "Nor is what the filters keep: {}."),
            (lost, "The filters drop most right rewrites of these: {}."),
        )
        if tasks
    ]
    return join([table(("task", "records", *_COLUMNS.values()), rows), *map(paragraph, said)])


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
