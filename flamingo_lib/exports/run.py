"""Export a rewritten dataset: plan it in one pass over the records, write it in a second, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import ConfigError, DataError
from ..filters.corpus_alarms import CorpusAlarms, alarms_json
from ..sources.image_files import Roots
from ..storage import atomic_folder, atomic_write, write_json
from .card import export_card, export_report
from .planning import ANY, COMMERCIAL, Plan, ahead_first, plan_export, reason_against
from .preference import Nli, preference_pairs
from .reading import RecordFolder, read_records
from .record import ExportRecord, length_difference, rewrites_of
from .styles import both_styles
from .target import Destination, Target

TARGETS = {
    "llava": "llava",
    "llama-factory": "llama_factory",
    "ms-swift": "ms_swift",
    "trl": "trl",
    "axolotl": "axolotl",
    "finevision": "finevision",
    "parquet": "parquet",
    "webdataset": "webdataset",
}
"""Name on the command line -> module."""

SUMMARY, CARD, REPORT = "export.json", "README.md", "report.html"
MISSING = ".missing_images.txt"
"""Ending of the file beside the export that names all missing images, where there are many."""


def export_dataset(
    folder: str | os.PathLike,
    to: str,
    out: str | os.PathLike,
    *,
    preference: bool = False,
    styles: bool = False,
    licence: str = ANY,
    own_licence: str | None = None,
    nli: str = "tiny",
    judge: Nli | None = None,
    max_length_difference: int | None = None,
    roots: Roots | None = None,
    title: str | None = None,
) -> dict[str, Any]:
    """Write the data of `build-pf1m`, `rewrite` or `rewrite-data` in a training framework's format.

    An older export is replaced. Memory doesn't grow with the number of records.

    Args:
        folder: see `reading.RecordFolder`.
        to: one of `TARGETS`.
        out: the export's folder; it appears when it is complete.
        preference: preference pairs (see `preference.preference_pairs`) instead of single responses.
        styles: the curt annotation under a format prompt as well, where it fits one (see `styles.both_styles`).
        licence: ``"any"``, or ``"commercial"`` for records whose licence allows commercial use, as far as its makers'
            words are clear.
        own_licence: the licence of records whose dataset is not in the catalogue, where they state none.
        nli: the NLI judge of preference pairs.
        judge: one in its stead.
        max_length_difference: words by which the two responses of a pair may differ.
        roots: where the datasets' images lie, if not where the folder says.
        title: the dataset's name on the card; by default PF-1M, or "Rewritten data" for data of one's own.

    Returns:
        What ``export.json`` holds: target, records, left_out (reason -> records), licences, sources and styles (->
        records), scores, preference, nli, mean_length_difference, alarms, program.

    Raises:
        ConfigError: an unknown target or licence filter, preference pairs in a format without them, no data, a job that
            is not finished, or `out` inside or around `folder`.
        DataError: images are missing, records are broken; nothing is written but the list of those images.
        MissingAsset: the judge is not on this machine.
    """
    target = find_target(to)
    if preference and not target.PREFERENCES:
        able = [name for name in TARGETS if find_target(name).PREFERENCES]
        raise ConfigError(
            f"{target.TITLE} has no form for preference pairs with images", remedy=f"Choose {', '.join(able)}."
        )
    if licence not in (ANY, COMMERCIAL):
        raise ConfigError(f"unknown licence filter {licence!r}", remedy=f"Use {ANY} or {COMMERCIAL}.")
    source, final = Path(folder).resolve(), Path(out).resolve()
    if final == source or final in source.parents:
        raise ConfigError("the export would replace the data it is made from", file=out, remedy="Give another --out.")
    if preference and judge is None:
        from ..judges.nli import NliJudge

        judge = NliJudge(nli, device="cpu")
    with tempfile.TemporaryDirectory(prefix="flamingo-export-") as scratch:
        records = read_records(source, scratch, roots, own_licence)
        title = title or ("Rewritten data" if records.has_conversations else "PF-1M")
        plan = plan_export(records, licence, final.with_name(final.name + MISSING))
        counted = _Counted(licence, plan)
        stream: Iterable[ExportRecord] = counted.chosen(records)
        if preference and judge is not None:
            stream = preference_pairs(stream, judge, counted.left_out, max_length_difference=max_length_difference)
        if styles:
            stream = both_styles(stream, target.STYLES)
        with atomic_folder(final) as path:
            written = target.write(counted.counted(stream), Destination(path, final, tuple(plan.scores), preference))
            if written != counted.records:
                raise DataError(f"{written} records were written of {counted.records}", file=out)
            alarms = counted.alarms.alarms()
            summary = {
                "target": to,
                "records": written,
                "left_out": dict(counted.left_out),
                "licences": dict(counted.licences),
                "sources": dict(counted.sources),
                "styles": dict(counted.styles),
                "scores": list(plan.scores),
                "preference": preference,
                "nli": nli if preference else None,
                "mean_length_difference": counted.words / written if written and preference else None,
                "alarms": alarms_json(alarms),
                "program": __version__,
            }
            write_json(path / SUMMARY, summary)
            with atomic_write(path / CARD) as file:
                file.write(export_card(target, summary, alarms, title=title, folder=str(out)))
            export_report(path / REPORT, target, summary, alarms, title=title)
    return summary


def find_target(name: str) -> Target:
    """The module of a target; `ConfigError` if there is none of that name."""
    if name not in TARGETS:
        raise ConfigError(f"there is no export target {name!r}", remedy=f"Choose one of {', '.join(TARGETS)}.")
    module: Any = import_module(f"{__package__}.{TARGETS[name]}")
    return module


class _Counted:
    """The second pass: chooses records and counts those that are written."""

    def __init__(self, licence: str, plan: Plan) -> None:
        self.licence, self.plan, self.left_out = licence, plan, Counter(plan.left_out)
        self.licences: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.styles: Counter[str] = Counter()
        self.alarms = CorpusAlarms()
        self.records = self.words = 0

    def chosen(self, records: RecordFolder) -> Iterator[ExportRecord]:
        """The records that nothing speaks against, those first that fill columns."""
        return (
            record
            for record in ahead_first(lambda: iter(records), self.plan.ahead)
            if reason_against(record, self.licence) is None
        )

    def counted(self, records: Iterable[ExportRecord]) -> Iterator[ExportRecord]:
        """The records on their way into the files."""
        for record in records:
            self.records += 1
            self.words += length_difference(record)
            self.licences[record.licence] += 1
            self.sources[record.source] += 1
            self.styles[record.style] += 1
            self.alarms.update(rewrites_of(record))
            yield record
