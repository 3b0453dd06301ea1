"""What lies under a folder, held against what the catalogue expects there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from ..errors import DataError
from ..records import Sample, to_json
from ..storage import Quarantine
from .catalog import find_row
from .loading import load_source, splits_found
from .locator import Locator, variants

SHOWN = 3
"""Samples kept of a check."""


@dataclass
class SplitReport:
    """One split of a dataset as it was found.

    Attributes:
        found: role -> files, relative to the root.
        missing: role -> where the file should be; only roles that are needed.
        samples: samples read.
        reasons: why records were put aside -> how many.
        error: what stopped the reading, if anything did.
    """

    split: str
    found: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    samples: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    error: str = ""

    @property
    def bad(self) -> int:
        """Records put aside."""
        return sum(self.reasons.values())


@dataclass
class SourceReport:
    """All splits of a dataset, and a few samples of the first that has any."""

    name: str
    splits: list[SplitReport]
    examples: list[Sample]

    @property
    def samples(self) -> int:
        """Samples in all splits."""
        return sum(split.samples for split in self.splits)


def check_source(
    name: str,
    root: str | PathLike,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    quarantine_path: str | PathLike | None = None,
) -> SourceReport:
    """Read every split that is there (or `split` alone, at most `limit` samples each) and say what was found.

    Nothing is too bad to go on: records that cannot be used are counted, whatever their share.
    """
    row = find_row(name)
    locator = Locator(root, row.splits)
    chosen = row.split_name(split) if split is not None else None
    if split is not None and chosen is None:
        raise DataError(f"{name} has no split {split!r}", remedy=f"Choose one of {', '.join(row.splits)}.")
    here = set(splits_found(row, locator))
    reports: list[SplitReport] = []
    examples: list[Sample] = []
    for one in list(row.splits) if chosen is None else [chosen]:
        values = {"split": one, **row.splits[one]}
        report = SplitReport(one)
        for role, patterns in row.files.items():
            try:
                found = locator.find(patterns, values)
            except DataError as error:  # several files that could be meant
                found, report.error = [], "" if role in row.optional else str(error)
            if found:
                report.found[role] = found
            elif role not in row.optional and "{id}" not in patterns[0]:
                report.missing[role] = variants(patterns[0].format_map(values))[0]
        if one in here or split is not None or not here:
            _read(report, name, root, limit, seed, quarantine_path, examples)
        reports.append(report)
        if not here and report.samples == 0:
            break
    return SourceReport(name, reports, examples)


def _read(
    report: SplitReport,
    name: str,
    root: str | PathLike,
    limit: int | None,
    seed: int,
    quarantine_path: str | PathLike | None,
    examples: list[Sample],
) -> None:
    quarantine = Quarantine(quarantine_path, max_share=1.0)
    try:
        for sample in load_source(name, root, report.split, limit=limit, seed=seed, quarantine=quarantine):
            report.samples += 1
            if len(examples) < SHOWN:
                examples.append(sample)
    except DataError as error:
        report.error = str(error)
    report.reasons = quarantine.counts()


def export_line(sample: Sample) -> dict[str, Any]:
    """A sample as a line of an export.

    Fields: ``id, images, task, instruction, raw, n_turns``, and ``boxes``, ``mark``, ``turns`` if any.
    """
    line: dict[str, Any] = {
        "id": sample.id,
        "images": list(sample.images),
        "task": sample.task,
        "instruction": sample.instruction,
        "raw": sample.raw,
    }
    if sample.boxes:
        line["boxes"] = [
            {"name": box.name, **{side: round(getattr(box, side), 4) for side in ("x1", "y1", "x2", "y2")}}
            for box in sample.boxes
        ]
    if sample.meta.get("mark"):
        line["mark"] = to_json(sample.meta["mark"])
    line["n_turns"] = max(1, len(sample.turns))
    if sample.turns:
        line["turns"] = to_json(sample.turns)
    return line
