"""Export a rewritten dataset: plan it in one pass over the records, write it in a second, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ConfigError, DataError
from ..sources.image_files import Roots
from ..storage import atomic_folder, atomic_write, write_json
from .card import export_card
from .licences import allows_commercial_use
from .preference import Nli, preference_pairs
from .reading import RecordFolder, read_records
from .record import IMAGE_TAG, ExportRecord, length_difference
from .target import Destination, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

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

SUMMARY, CARD = "export.json", "README.md"
NAMED = 10
"""Missing images that an error names; it counts all."""

ANY, COMMERCIAL = "any", "commercial"


@dataclass
class Plan:
    """What one pass over the records found.

    Attributes:
        scores: names of the scores, in the order of their first use.
        left_out: records that the second pass leaves out, by reason.
        missing: image files that are not there, the first of them.
        n_missing: how many there are, counted once for each record.
    """

    scores: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    n_missing: int = 0


def export_dataset(
    folder: str | os.PathLike,
    to: str,
    out: str | os.PathLike,
    *,
    preference: bool = False,
    licence: str = ANY,
    nli: str = "tiny",
    judge: Nli | None = None,
    max_length_difference: int | None = None,
    roots: Roots | None = None,
    title: str = "PF-1M",
) -> dict[str, Any]:
    """Write the data of `build-pf1m` or `rewrite` in a training framework's format; an older export is replaced.

    Memory doesn't grow with the number of records.

    Args:
        folder: see `reading.RecordFolder`.
        to: one of `TARGETS`.
        out: the export's folder; it appears when it is complete.
        preference: preference pairs (see `preference.preference_pairs`) instead of single responses.
        licence: ``"any"``, or ``"commercial"`` for records whose licence allows commercial use, as far as its makers'
            words are clear.
        nli: the NLI judge of preference pairs.
        judge: one in its stead.
        max_length_difference: words by which the two responses of a pair may differ.
        roots: where the datasets' images lie, if not where the folder says.
        title: the dataset's name on the card.

    Returns:
        What ``export.json`` holds: target, records, left_out (reason -> records), licences and sources (-> records),
        scores, preference, nli, mean_length_difference, program.

    Raises:
        ConfigError: an unknown target or licence filter, preference pairs in a format without them, no data, or `out`
            inside or around `folder`.
        DataError: images are missing, records are broken; nothing is written.
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
        records = read_records(source, scratch, roots)
        plan = _plan(records, licence)
        counted = _Counted(licence, Counter(plan.left_out))
        stream: Iterable[ExportRecord] = counted.chosen(records)
        if preference and judge is not None:
            stream = preference_pairs(stream, judge, counted.left_out, max_length_difference=max_length_difference)
        with atomic_folder(final) as path:
            written = target.write(counted.counted(stream), Destination(path, final, tuple(plan.scores), preference))
            if written != counted.records:
                raise DataError(f"{written} records were written of {counted.records}", file=out)
            summary = {
                "target": to,
                "records": written,
                "left_out": dict(counted.left_out),
                "licences": dict(counted.licences),
                "sources": dict(counted.sources),
                "scores": list(plan.scores),
                "preference": preference,
                "nli": nli if preference else None,
                "mean_length_difference": counted.words / written if written and preference else None,
                "program": __version__,
            }
            write_json(path / SUMMARY, summary)
            with atomic_write(path / CARD) as file:
                file.write(export_card(target, summary, title=title, folder=str(out)))
    return summary


def find_target(name: str) -> Target:
    """The module of a target; `ConfigError` if there is none of that name."""
    if name not in TARGETS:
        raise ConfigError(f"there is no export target {name!r}", remedy=f"Choose one of {', '.join(TARGETS)}.")
    module: Any = import_module(f"{__package__}.{TARGETS[name]}")
    return module


def _plan(records: RecordFolder, licence: str) -> Plan:
    """Look at every record before anything is written."""
    plan = Plan()
    for record in records:
        reason = reason_against(record, licence)
        if reason is not None:
            plan.left_out[reason] += 1
            continue
        plan.scores |= dict.fromkeys(record.scores)
        for image in record.images:
            if not os.path.isfile(image.file):
                plan.n_missing += 1
                if len(plan.missing) < NAMED:
                    plan.missing.append(f"{image.file} (record {record.id})")
    if plan.n_missing:
        more = f", and {plan.n_missing - len(plan.missing)} more" if plan.n_missing > len(plan.missing) else ""
        raise DataError(
            f"{plan.n_missing} images are missing: {', '.join(plan.missing)}{more}",
            file=records.folder,
            remedy="Put the datasets back where they were, or say where they are with --root.",
        )
    return plan


def reason_against(record: ExportRecord, licence: str) -> str | None:
    """Why a record is left out of an export; None if it isn't."""
    if licence == COMMERCIAL and allows_commercial_use(record.licence) is not True:
        return "licence: " + record.licence
    texts = [text for turn in record.turns for text in (turn.instruction, turn.response or "", turn.draft or "")]
    if any(IMAGE_TAG in text for text in texts):
        return f"{IMAGE_TAG} in a text would be read as an image"
    return None


class _Counted:
    """The second pass: chooses records and counts those that are written."""

    def __init__(self, licence: str, left_out: Counter[str]) -> None:
        self.licence, self.left_out = licence, left_out
        self.licences: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        self.records = self.words = 0

    def chosen(self, records: Iterable[ExportRecord]) -> Iterator[ExportRecord]:
        return (record for record in records if reason_against(record, self.licence) is None)

    def counted(self, records: Iterable[ExportRecord]) -> Iterator[ExportRecord]:
        for record in records:
            self.records += 1
            self.words += length_difference(record)
            self.licences[record.licence] += 1
            self.sources[record.source] += 1
            yield record
