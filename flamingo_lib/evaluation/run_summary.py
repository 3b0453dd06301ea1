"""Summary of an evaluation run: ``metrics.json``, and the table that the command prints."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, MissingAsset
from .metrics.captions import find_cider
from .metrics.select import METRICS, TASK_KEY, Measured, applicable, measure
from .predictions import Prediction
from .run_settings import PREDICTIONS, REMEDY, RunSettings, by_source


def tasks_of(predictions: Sequence[Prediction]) -> dict[str, int]:
    """Number of predictions by task."""
    return dict(Counter(str(item.meta.get(TASK_KEY, "")) for item in predictions))


def measure_source(
    predictions: Sequence[Prediction], judges: Mapping[str, str]
) -> tuple[list[Measured], dict[str, str]]:
    """What can be measured on a source's predictions, and why other metrics that fit its task can't.

    Args:
        predictions: of one model on one source, scored.
        judges: role to name, of the judges that scored them.

    Returns:
        The metrics with their values, and name of a metric to reason.
    """
    left_out: dict[str, str] = {}
    fitting = applicable(tasks_of(predictions))
    if any(metric.name == "cider" for metric in fitting):
        try:
            find_cider()
        except MissingAsset as error:
            left_out["cider"] = str(error)
    measured = measure(predictions, leave_out=left_out)
    found = {item.metric.name for item in measured} | left_out.keys()
    for metric in fitting:
        if metric.name in found:
            continue
        if metric.judge and metric.judge not in judges:
            left_out[metric.name] = f"the judge {metric.judge} was not asked for"
        else:
            left_out[metric.name] = "nothing here to measure it on"
    return measured, left_out


def summarize_run(out: Path, settings: RunSettings, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of ``metrics.json``, computed from the stored predictions of the folder `out`.

    Args:
        out: the folder of the run.
        settings: of the run.
        facts: of each source, as `runner.run` returns.

    Raises:
        DataError: the stored predictions are damaged, or not as many as were asked for.
    """
    stored = by_source(out / PREDICTIONS)
    for name, known in facts.items():
        if len(stored.get(name, ())) != known["questions"]:
            what = f"the file holds {len(stored.get(name, ()))} of {known['questions']} predictions of {name}"
            raise DataError(what, file=out / PREDICTIONS, remedy=REMEDY)
    sources: dict[str, Any] = {}
    for name, predictions in stored.items():
        measured, left_out = measure_source(predictions, settings.judges)
        sources[name] = {
            **facts.get(name, {}),
            "tasks": tasks_of(predictions),
            "metrics": {item.metric.name: item.to_json() for item in measured},
            "left_out": left_out,
        }
    return {
        "model": settings.model,
        "weights": settings.weights,
        "split": settings.split,
        "shots": settings.shots,
        "judges": settings.judges,
        "sources": sources,
    }


def shown(value: float | None, digits: int = 3) -> str:
    """A value with `digits` decimals, an en dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def summary_lines(summary: Mapping[str, Any]) -> list[str]:
    """The table of a run as lines of text: each metric with its n, its guess line and chance."""
    digits = {metric.name: metric.digits for metric in METRICS}
    judge_of = {metric.name: metric.judge for metric in METRICS}
    lines = []
    for name, source in summary["sources"].items():
        tasks = ", ".join(f"{count} {task or 'of no task'}" for task, count in source["tasks"].items())
        shots = f", {summary['shots']} examples before each" if summary["shots"] else ""
        lines += [f"{summary['model']} on {name}: {tasks}{shots}"]
        lines.append(f"  {'metric':<48}{'value':>9}{'n':>8}{'guess':>9}{'chance':>9}  guess line; judge")
        for key, item in source["metrics"].items():
            guess, chance = item.get("guess"), item.get("chance")
            note = guess["what"] if guess else ""
            judge = judge_of[key] and summary["judges"].get(judge_of[key], "")
            lines.append(
                f"  {item['title']:<48}{shown(item['value'], digits[key]):>9}{item['n']:>8}"
                f"{shown(guess and guess['value'], digits[key]):>9}{shown(chance and chance['value']):>9}"
                f"  {note}{f'; {judge}' if judge else ''}"
            )
        if source.get("unusable"):
            reasons = ", ".join(f"{count} {reason}" for reason, count in source["unusable"].items())
            lines.append(f"  records that could not be used: {reasons}")
        by_reason: dict[str, list[str]] = {}
        for key, reason in source["left_out"].items():
            by_reason.setdefault(reason, []).append(key)
        lines += [f"  not measured: {', '.join(keys)} ({reason})" for reason, keys in by_reason.items()]
    return lines
