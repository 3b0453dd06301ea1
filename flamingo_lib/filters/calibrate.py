"""Thresholds for judges other than the paper's: set on Scenes so that a stated share of the faithful rewrites is kept.

For each judge its filter alone judges every record of its tasks; the threshold is the quantile of the faithful ones'
scores at which that share is on the right side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..config import FiltersConfig
from ..errors import DataError
from ..judges.panel import Judges
from ..records import CAPTION_TASKS, VQA_TASKS, Rewrite
from ..scenes.index import TruthIndex
from ..text import split_paragraphs
from .chain import careful
from .ground_truth import truth_of
from .nli import NliFilter
from .paragraphs import ParagraphFilter, SampleImages
from .sts import StsFilter
from .verdict import Filter, has_failed

MIN_RECORDS = 20
"""Faithful records that a threshold must rest on."""

SETTINGS = {"sts": "sts_min", "nli": "nli_margin_max", "clip": "clip_score_min"}
"""Judge -> the setting of `FiltersConfig` that is calibrated."""


def calibrate(
    rewrites: Sequence[Rewrite],
    index: TruthIndex,
    judges: Judges,
    images: SampleImages,
    config: FiltersConfig | None = None,
    *,
    target: float = 0.95,
) -> dict[str, Any]:
    """Thresholds that keep `target` of the faithful rewrites, each judge by itself.

    Captions and the like get a threshold of their own for every task that has enough faithful rewrites, since a region
    or a single object scores otherwise than a whole scene.

    Args:
        rewrites: of a calibration split, before any filter.
        index: the truth about their images.
        judges: those given are calibrated.
        images: opens a sample's images.
        config: the thresholds before.
        target: share of the faithful to keep, 0 to 1.

    Returns:
        ``settings`` (of `FiltersConfig`), ``target``, and for each judge under ``judges``: ``threshold``, ``before``,
        ``faithful`` and ``faulty`` (how many), ``faithful_kept``, ``faulty_dropped`` and ``auc`` (the chance that a
        faithful one scores better than a faulty one), and the same ``by_task``.

    Raises:
        DataError: too few faithful records for a judge.
    """
    config = config or FiltersConfig()
    settings: dict[str, Any] = {}
    found: dict[str, Any] = {}
    for name, rows in _scores(rewrites, index, judges, images).items():
        good = sum(row.faithful for row in rows)
        if good < MIN_RECORDS:
            raise DataError(
                f"only {good} faithful rewrites to calibrate the {name} judge on; {MIN_RECORDS} are needed",
                remedy="Rewrite more of the calibration split, or train the rewriter longer.",
            )
        sign = -1 if name == "nli" else 1  # the contradiction's lead is the worse the higher it is
        key = SETTINGS[name]
        found[name] = {"before": getattr(config, key), **_threshold(rows, sign, target)}
        settings[key] = found[name]["threshold"]
        if name != "nli":
            tasks = dict.fromkeys(row.task for row in rows)
            groups = {task: [row for row in rows if row.task == task] for task in tasks}
            own = {
                task: _threshold(group, sign, target)
                for task, group in groups.items()
                if sum(r.faithful for r in group) >= MIN_RECORDS
            }
            found[name]["by_task"] = own
            settings[f"{key}_by_task"] = {task: row["threshold"] for task, row in own.items()}
    return {"target": target, "settings": settings, "judges": found}


class _Row(NamedTuple):
    """A judge's score of one text, whether the text is faithful as far as this judge goes, and its sample's task."""

    score: float
    faithful: bool
    task: str


def _threshold(rows: Sequence[_Row], sign: int, target: float) -> dict[str, Any]:
    good = sign * np.array([row.score for row in rows if row.faithful])
    bad = sign * np.array([row.score for row in rows if not row.faithful])
    worst = np.floor(np.quantile(good, 1 - target, method="lower") * 1e4) / 1e4
    return {
        "threshold": float(sign * worst),
        "faithful": len(good),
        "faulty": len(bad),
        "faithful_kept": round(float((good >= worst).mean()), 4),
        "faulty_dropped": round(float((bad < worst).mean()), 4) if len(bad) else None,
        "auc": _auc(good, bad),
    }


def _scores(
    rewrites: Sequence[Rewrite], index: TruthIndex, judges: Judges, images: SampleImages
) -> dict[str, list[_Row]]:
    """Judge -> scores of the texts that its filter reads."""
    written = [rewrite for rewrite in rewrites if rewrite.output.strip()]
    captions = [rewrite for rewrite in written if rewrite.sample.task in CAPTION_TASKS]
    answers = [rewrite for rewrite in written if rewrite.sample.task in VQA_TASKS]
    scores: dict[str, list[_Row]] = {}
    if judges.sts is not None and captions:
        rows = _judged(StsFilter(judges.sts, -1.0), captions)
        scores["sts"] = [
            _Row(score, not truth_of(item.sample, item.output, index).untrue, item.sample.task) for item, score in rows
        ]
    if judges.nli is not None and answers:
        rows = _judged(NliFilter(judges.nli, np.inf), answers)
        told = [(item, score, truth_of(item.sample, item.output, index).answer_changed) for item, score in rows]
        scores["nli"] = [
            _Row(score, not changed, item.sample.task) for item, score, changed in told if changed is not None
        ]
    if judges.clip is not None and captions:
        scores["clip"] = _paragraph_scores(captions, index, ParagraphFilter(judges.clip, -np.inf, images))
    return scores


def _judged(filter: Filter, rewrites: Sequence[Rewrite]) -> list[tuple[Rewrite, float]]:
    outcomes = careful(filter, rewrites)
    return [
        (item, outcome.verdict.score)
        for item, outcome in zip(rewrites, outcomes, strict=True)
        if outcome.verdict.score is not None and not has_failed(outcome.verdict)
    ]


def _paragraph_scores(captions: Sequence[Rewrite], index: TruthIndex, filter: ParagraphFilter) -> list[_Row]:
    rows = []
    outcomes = careful(filter, captions)
    for item, outcome in zip(captions, outcomes, strict=True):
        paragraphs = split_paragraphs(item.output)
        for paragraph, score in zip(paragraphs, outcome.scores.get("paragraph_clip_scores", ()), strict=False):
            rows.append(_Row(score, not truth_of(item.sample, paragraph, index).untrue, item.sample.task))
    return rows


def _auc(good: np.ndarray, bad: np.ndarray) -> float | None:
    """The chance that a faithful one scores higher than a faulty one; ties count half."""
    if not len(bad):
        return None
    order = np.sort(bad)
    below, up_to = np.searchsorted(order, good, "left"), np.searchsorted(order, good, "right")
    return round(float(((below + up_to) / 2 / len(bad)).mean()), 4)
