"""Filter metrics on Scenes: precision and recall of each filter against the ground truth, and the faults that remain.

The paper could not measure this: of real images nobody knows what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..html import Markup, join, paragraph, table
from ..records import VQA_TASKS, Rewrite
from ..scenes.index import TruthIndex
from .ground_truth import FAULTS, Truth, truth_of

AIMS_AT = {
    "change": "unchanged",
    "repetition": "repeated",
    "preamble": "leaked",
    "sts": "untrue",
    "nli": "answer changed",
    "clip": "untrue",
    "claims": "untrue",
}
"""The fault each filter targets ("untrue": hallucinated or off topic); any fault counts for the length filter."""


BLIND = (
    "STS and CLIPScore are the paper's filters of descriptions. Each scores a text as a whole, so neither can see one "
    "false word in it: their recall says so. The claims filter checks sentence by sentence; the paper has none like it."
)
_LEFT = ("faulty among those it keeps", "kept of those without the fault")
_TASK_COLUMNS = {
    "kept": "kept",
    "untrue_before": "untrue before the filters",
    "untrue_after": "untrue after",
    "fine_kept": "kept of the true ones",
}


def filter_quality(rewrites: Sequence[Rewrite], index: TruthIndex) -> dict[str, Any]:
    """Measure a chain on what it has judged.

    Args:
        rewrites: every record, kept or dropped, with its verdicts.
        index: the truth about the images.

    Returns:
        ``filters``: for each, of the records it saw: ``aims_at``, ``seen``, ``faulty``, ``dropped``, ``precision``,
        ``recall``, ``f1``, ``faulty_left`` (the share of faulty ones among those it keeps) and ``fine_kept`` (the share
        it keeps of those without the fault); a CLIPScore edit counts as a drop of what was said. ``faults``: the share
        of records with each fault ``before`` (of all, as generated) and ``after`` (of those kept, as edited).
        ``tasks``: for each task ``records``, ``kept``, ``untrue_before``, ``untrue_after`` and ``fine_kept``. ``kept``,
        ``faithful_kept`` (of the faithful), both also for ``vqa`` alone, and ``changed_answers_left``: the share of
        changed answers after over before. Undefined ratios are None.
    """
    before = [truth_of(rewrite.sample, rewrite.output, index) for rewrite in rewrites]
    kept = [(rewrite, truth_of(rewrite.sample, rewrite.final, index)) for rewrite in rewrites if rewrite.kept]
    names = dict.fromkeys(verdict.filter for rewrite in rewrites for verdict in rewrite.verdicts)
    changed_before = _share([truth.answer_changed for truth in before])
    changed_after = _share([truth.answer_changed for _, truth in kept])
    vqa = [rewrite.sample.task in VQA_TASKS for rewrite in rewrites]
    return {
        "records": len(rewrites),
        "kept": _ratio(len(kept), len(rewrites)),
        "kept_vqa": _share([rewrite.kept for rewrite, asked in zip(rewrites, vqa, strict=True) if asked]),
        "faithful_kept": _share(
            [rewrite.kept for rewrite, truth in zip(rewrites, before, strict=True) if truth.faithful]
        ),
        "faithful_kept_vqa": _share(
            [
                rewrite.kept
                for rewrite, truth, asked in zip(rewrites, before, vqa, strict=True)
                if asked and truth.faithful
            ]
        ),
        "changed_answers_left": _ratio(changed_after, changed_before) if changed_after is not None else None,
        "faults": {
            name: {
                "before": _share([truth.fault(name) for truth in before]),
                "after": _share([truth.fault(name) for _, truth in kept]),
            }
            for name in FAULTS
        },
        "filters": {name: _one_filter(name, rewrites, before) for name in names},
        "tasks": _by_task(rewrites, before, kept),
    }


def _by_task(
    rewrites: Sequence[Rewrite], before: Sequence[Truth], kept: Sequence[tuple[Rewrite, Truth]]
) -> dict[str, dict[str, Any]]:
    figures = {}
    for task in dict.fromkeys(rewrite.sample.task for rewrite in rewrites):
        own = [(item, truth) for item, truth in zip(rewrites, before, strict=True) if item.sample.task == task]
        figures[task] = {
            "records": len(own),
            "kept": _share([item.kept for item, _ in own]),
            "untrue_before": _share([truth.untrue for _, truth in own]),
            "untrue_after": _share([truth.untrue for item, truth in kept if item.sample.task == task]),
            "fine_kept": _share([item.kept for item, truth in own if not truth.untrue]),
        }
    return figures


def _one_filter(name: str, rewrites: Sequence[Rewrite], truths: Sequence[Truth]) -> dict[str, Any]:
    seen = dropped = faulty = both = 0
    for rewrite, truth in zip(rewrites, truths, strict=True):
        verdict = next((verdict for verdict in rewrite.verdicts if verdict.filter == name), None)
        fault = truth.fault(AIMS_AT[name]) if name in AIMS_AT else not truth.faithful
        if verdict is None or fault is None:
            continue
        caught = not verdict.keep or verdict.edit is not None
        seen, dropped, faulty, both = seen + 1, dropped + caught, faulty + fault, both + (caught and fault)
    precision, recall = _ratio(both, dropped), _ratio(both, faulty)
    return {
        "aims_at": AIMS_AT.get(name, "any fault"),
        "seen": seen,
        "faulty": faulty,
        "dropped": dropped,
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * both, dropped + faulty),
        "faulty_left": _ratio(faulty - both, seen - dropped),
        "fine_kept": _ratio(seen - dropped - (faulty - both), seen - faulty),
    }


def _share(values: Sequence[bool | None]) -> float | None:
    told = [value for value in values if value is not None]
    return _ratio(sum(told), len(told))


def _ratio(part: float | None, whole: float | None) -> float | None:
    return round(part / whole, 4) if whole and part is not None else None


def quality_html(quality: Mapping[str, Any]) -> Markup:
    """Two tables: each filter against its fault, and each fault before and after."""
    filters = [
        (
            name,
            row["aims_at"],
            *(f"{row[key]:,}" for key in ("seen", "faulty", "dropped")),
            *(percent(row[key]) for key in ("precision", "recall", "f1", "faulty_left", "fine_kept")),
        )
        for name, row in quality["filters"].items()
    ]
    faults = [(name, percent(row["before"]), percent(row["after"])) for name, row in quality["faults"].items()]
    kept = (
        f"{percent(quality['kept'])} of {quality['records']:,} records are kept, and "
        f"{percent(quality['faithful_kept'])} of the faithful ones (of the answers: "
        f"{percent(quality['faithful_kept_vqa'])})."
    )
    tasks = [
        (task, f"{row['records']:,}", *(percent(row[key]) for key in _TASK_COLUMNS))
        for task, row in quality.get("tasks", {}).items()
    ]
    return join(
        [
            table(
                ("filter", "is there for", "seen", "faulty", "dropped", "precision", "recall", "F1", *_LEFT), filters
            ),
            table(("fault", "before the filters", "after"), faults),
            table(("task", "records", *_TASK_COLUMNS.values()), tasks),
            paragraph(kept),
            paragraph(BLIND),
        ]
    )


def percent(value: float | None) -> str:
    """``"12.3 %"``; a dash of None."""
    return "–" if value is None else f"{100 * value:.1f} %"
