"""Thresholds for judges other than the paper's: set on Scenes so that a stated share of the faithful rewrites is kept.

For each judge its filter alone looks at every record of its tasks; the threshold is the quantile of the faithful ones'
scores at which that share is on the right side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import FiltersConfig
from ..errors import DataError
from ..judges.panel import Judges
from ..judges.segments import split_paragraphs
from ..records import CAPTION_TASKS, VQA_TASKS, Rewrite
from ..scenes.index import TruthIndex
from .chain import careful
from .paragraphs import ParagraphFilter, SampleImages
from .semantic import NliFilter, StsFilter
from .truth import truth_of
from .verdict import has_failed

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
        faithful one scores better than a faulty one).

    Raises:
        DataError: too few faithful records for a judge.
    """
    config = config or FiltersConfig()
    found: dict[str, Any] = {}
    for name, (good, bad) in _scores(rewrites, index, judges, images).items():
        if len(good) < MIN_RECORDS:
            raise DataError(
                f"only {len(good)} faithful rewrites to calibrate the {name} judge on; {MIN_RECORDS} are needed",
                remedy="Rewrite more of the calibration split, or train the rewriter longer.",
            )
        sign = -1 if name == "nli" else 1  # the contradiction's lead is the worse the higher it is
        worst = float(np.quantile(sign * np.asarray(good), 1 - target, method="lower"))
        threshold = sign * np.floor(worst * 1e4) / 1e4
        right = sign * np.asarray(good) >= sign * threshold
        caught = sign * np.asarray(bad) < sign * threshold
        found[name] = {
            "threshold": float(threshold),
            "before": getattr(config, SETTINGS[name]),
            "faithful": len(good),
            "faulty": len(bad),
            "faithful_kept": round(float(right.mean()), 4),
            "faulty_dropped": round(float(caught.mean()), 4) if len(bad) else None,
            "auc": _auc(sign * np.asarray(good), sign * np.asarray(bad)),
        }
    settings = {SETTINGS[name]: row["threshold"] for name, row in found.items()}
    return {"target": target, "settings": settings, "judges": found}


def _scores(
    rewrites: Sequence[Rewrite], index: TruthIndex, judges: Judges, images: SampleImages
) -> dict[str, tuple[list[float], list[float]]]:
    """Judge -> scores of the faithful, and of those with the fault that its filter is there for."""
    written = [rewrite for rewrite in rewrites if rewrite.output.strip()]
    captions = [rewrite for rewrite in written if rewrite.sample.task in CAPTION_TASKS]
    answers = [rewrite for rewrite in written if rewrite.sample.task in VQA_TASKS]
    scores: dict[str, tuple[list[float], list[float]]] = {}
    if judges.sts is not None and captions:
        rows = _judged(StsFilter(judges.sts, -1.0), captions)
        scores["sts"] = _parted((score, not truth_of(item.sample, item.output, index).hallucinated) for item, score in rows)
    if judges.nli is not None and answers:
        rows = _judged(NliFilter(judges.nli, np.inf), answers)
        told = ((score, truth_of(item.sample, item.output, index).answer_changed) for item, score in rows)
        scores["nli"] = _parted((score, not changed) for score, changed in told if changed is not None)
    if judges.clip is not None and captions:
        scores["clip"] = _parted(_paragraph_scores(captions, index, judges, images))
    return scores


def _judged(filter: Any, rewrites: Sequence[Rewrite]) -> list[tuple[Rewrite, float]]:
    outcomes = careful(filter, rewrites)
    return [(item, outcome.verdict.score) for item, outcome in zip(rewrites, outcomes, strict=True) if not has_failed(outcome.verdict)]


def _paragraph_scores(captions: Sequence[Rewrite], index: TruthIndex, judges: Judges, images: SampleImages) -> list[tuple[float, bool]]:
    rows = []
    outcomes = careful(ParagraphFilter(judges.clip, -np.inf, images), captions)
    for item, outcome in zip(captions, outcomes, strict=True):
        paragraphs = split_paragraphs(item.output)
        for paragraph, score in zip(paragraphs, outcome.scores.get("paragraph_clip_scores", ()), strict=False):
            rows.append((score, not truth_of(item.sample, paragraph, index).hallucinated))
    return rows


def _parted(rows: Any) -> tuple[list[float], list[float]]:
    good, bad = [], []
    for score, faithful in rows:
        (good if faithful else bad).append(score)
    return good, bad


def _auc(good: np.ndarray, bad: np.ndarray) -> float | None:
    """The chance that a faithful one scores higher than a faulty one; ties count half."""
    if not len(bad):
        return None
    order = np.sort(bad)
    below, up_to = np.searchsorted(order, good, "left"), np.searchsorted(order, good, "right")
    return round(float(((below + up_to) / 2 / len(bad)).mean()), 4)
