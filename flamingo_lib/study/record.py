"""The record of a study: ``study.json`` from stored predictions, and the archives of these beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from ..config import Preset
from ..errors import DataError
from ..evaluation.predictions import Prediction
from ..evaluation.study_file import FORMAT, STUDY, check_study
from ..pipeline.environment import commit, versions
from ..presets.overrides import changes
from ..storage import read_json, storage_errors, write_json
from .bootstrap import LEVEL, REPLICATES
from .claim_table import all_claims
from .claims import StudyData
from .models import compared_filters, study_models
from .run import REPORTED, StudyPlan, is_development, settings_of
from .stored import SeedArchive, archive_file, collect, read_archives, stored_seconds, write_archive
from .verdicts import judged_claims

REASONS = "reasons.json"
"""Beside ``study.json``: for claims that do not hold, the reason as far as it was found, by the claim's name."""


def study_record(
    data: StudyData,
    preset: Preset,
    seeds: Sequence[int],
    *,
    left: Iterable[tuple[int, str]] = (),
    seconds: Mapping[int, float] | None = None,
    reasons: Mapping[str, str] | None = None,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """The content of ``study.json``.

    Args:
        data: stored predictions.
        preset: the study's settings.
        seeds: of the study, run or not.
        left: models that are not made yet, as (seed, model).
        seconds: that the steps of each seed took.
        reasons: by name of a claim that does not hold, why, as far as it was found.
        replicates: of the bootstrap.
    """
    claims = judged_claims(all_claims(compared_filters(preset)), data, seeds, replicates=replicates)
    for row in claims:
        why = (reasons or {}).get(row["name"])
        if why and row["holds"] is False:
            row["reason"] = f"{row['reason']}; {why}"
    return {
        "format": FORMAT,
        "development": is_development(seeds),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": versions(),
        "preset": preset.name,
        "settings": [text for text in changes(preset) if not text.startswith("seed=")],
        "seeds": list(seeds),
        "seconds": {str(seed): round(value, 1) for seed, value in (seconds or {}).items()},
        "models": model_values(data),
        "bootstrap": {"replicates": replicates, "level": LEVEL, "levels": ["seeds", "questions"], "paired": "question"},
        "left": [[seed, model] for seed, model in left],
        "claims": claims,
    }


def recorded_seeds(seeds: Sequence[int], path: Path) -> tuple[int, ...]:
    """Those that the ``study.json`` at `path` is about: `seeds`, and of reported ones all that are kept beside it."""
    if is_development(seeds):
        return tuple(seeds)
    return tuple(seed for seed in REPORTED if seed in seeds or archive_file(path, seed).exists())


def store_study(plan: StudyPlan, path: Path) -> tuple[dict[str, Any], StudyData]:
    """Write ``study.json`` and, of reported seeds, their predictions beside it; the record, and what it was made of.

    What is kept beside `path` is read here, and no other process writes there meanwhile: while a study ran, another
    one may have added models or seeds.

    Args:
        plan: of the study; all that its folder holds is taken, whichever models are asked for now.
        path: of ``study.json``; reasons are read beside it.

    Raises:
        NothingStored: there are no predictions yet.
        DataError, ConfigError: see `stored.read_archives` and `stored.collect`.
        StorageError: nothing can be written there.
    """
    with _only_writer(path):
        plan = replace(plan, seeds=recorded_seeds(plan.seeds, path))
        archives = read_archives(path, plan.seeds, settings_of(plan.preset))
        data = collect_study(plan, archives)
        record = collect_record(plan, path, data, archives)
        if not record["development"]:
            keep_predictions(plan, path, data, archives)
        write_study(path, record)
    return record, data


@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    lock = FileLock(path.parent / f".{path.name}.lock")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def collect_study(plan: StudyPlan, archives: Mapping[int, SeedArchive]) -> StudyData:
    """What a study's folder and `archives` hold, whichever models are asked for now."""
    return collect(plan.root, plan.seeds, study_models(plan.preset), archives)


def collect_record(plan: StudyPlan, path: Path, data: StudyData, archives: Mapping[int, SeedArchive]) -> dict[str, Any]:
    """The content of ``study.json``.

    Args:
        plan: of the study.
        path: where it will be written; reasons are read beside it.
        data: what `collect_study` gave.
        archives: those beside `path`, by seed.
    """
    everything = replace(plan, only=(), archived=frozenset(data.predictions))
    left = [(seed, model.name) for seed, model in everything.order()]
    seconds = {seed: stored_seconds(plan.root, seed, archives.get(seed)) for seed in plan.seeds}
    return study_record(data, plan.preset, plan.seeds, left=left, seconds=seconds, reasons=read_reasons(path))


def keep_predictions(plan: StudyPlan, path: Path, data: StudyData, archives: Mapping[int, SeedArchive]) -> list[Path]:
    """Write the archive of each seed beside the ``study.json`` at `path`, unless it holds all; the files written.

    The arguments are those of `collect_record`.
    """
    settings = settings_of(plan.preset)
    written = []
    for seed in dict.fromkeys(seed for seed, _ in data.predictions):
        models = [model for number, model in data.predictions if number == seed]
        if seed in archives and set(models) == set(archives[seed].predictions):
            continue
        predictions = {model: data.predictions[seed, model] for model in models}
        facts = {model: data.facts[seed, model] for model in models}
        seconds = stored_seconds(plan.root, seed, archives.get(seed))
        written.append(archive_file(path, seed))
        write_archive(written[-1], SeedArchive(seed, settings, commit(), seconds, predictions, facts))
    return written


def target_file(out: Path | None, root: Path, seeds: Sequence[int]) -> Path:
    """Where a study's result goes; that of development seeds never where the reported one is shipped."""
    if not is_development(seeds):
        return out or STUDY
    return root / "study-development.json" if out is None or out.absolute() == STUDY else out


def model_values(data: StudyData) -> dict[str, dict[str, dict[str, float]]]:
    """Mean scores by model and seed: ``{"stage2": {"0": {"held_in.correct": .8, ...}}}``, with the training's facts."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (seed, model), predictions in sorted(data.predictions.items()):
        facts = {f"facts.{name}": value for name, value in data.facts.get((seed, model), {}).items()}
        found.setdefault(model, {})[str(seed)] = _means(predictions) | facts
    return found


def _means(predictions: Sequence[Prediction]) -> dict[str, float]:
    groups: dict[str, list[float]] = {}
    for item in predictions:
        for name, value in item.scores.items():
            groups.setdefault(f"{item.pool}.{name}", []).append(value)
            if name == "reward":
                groups.setdefault(f"{item.pool}.reward_median", []).append(value)
    return {
        name: round(float(np.median(values) if name.endswith("_median") else np.mean(values)), 4)
        for name, values in sorted(groups.items())
    }


def write_study(path: Path, record: Mapping[str, Any]) -> None:
    """Write ``study.json``, atomically."""
    write_json(path, check_study(record, path))


def read_reasons(path: Path) -> dict[str, str]:
    """The reasons beside a ``study.json``; none if there is no such file.

    Raises:
        DataError: the file holds something else than texts by name.
    """
    file = path.parent / REASONS
    found = read_json(file) if file.exists() else {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise DataError("reasons are texts by the name of a claim", file=file)
    return found


def as_table(record: Mapping[str, Any]) -> str:
    """The claims as lines of text: claim, paper, ours, interval, rule, verdict."""
    marks = {True: "holds", False: "DOES NOT HOLD", None: "no verdict"}
    lines, group = [], ""
    width = max((len(row["claim"]) for row in record["claims"]), default=0)
    for row in record["claims"]:
        if row["group"] != group:
            group = row["group"]
            lines.append(f"\n{group}")
        paper = "" if row["paper"] is None else f"{row['paper']:+.3f}"
        ours = "" if row["ours"] is None else f"{row['ours']:+.3f}"
        if row["low"] is not None:
            ours += f" [{row['low']:+.3f}, {row['high']:+.3f}]"
        reason = f" ({row['reason']})" if row["reason"] else ""
        rule = row["rule"].removeprefix("the interval lies ")
        lines.append(f"  {row['claim']:<{width}}{paper:>8}{ours:>28}  {rule:<14}{marks[row['holds']]}{reason}")
    return "\n".join(lines).lstrip("\n")
