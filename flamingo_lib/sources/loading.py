"""`load_source`: from a catalogue name and a folder to a stream of samples."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from os import PathLike
from typing import Any

from ..errors import DataError
from ..records import Sample
from ..storage import Quarantine
from .catalog import find_row
from .catalog.spec import DatasetSpec
from .formats import READERS
from .locator import Locator
from .reader import Reader

log = logging.getLogger(__name__)

MIN_FAILURES = 3
"""Fewer bad records than this never stop a run, unless they are more than half: in a small file a few are many."""

FIRST_CHECK = 1_000
"""Records before the first check of the share of bad ones; checked again at every doubling and at the end."""


def splits_found(row: DatasetSpec, locator: Locator) -> list[str]:
    """The splits of `row` with a file that is there; files that all splits share count if there are no others."""
    markers = (
        row.split_markers
        or [role for role, patterns in row.files.items() if any("{" in pattern for pattern in patterns)]
        or list(row.files)
    )
    own = [row.files[role] for role in markers]
    return [
        split
        for split, values in row.splits.items()
        if any(locator.find(patterns, {"split": split, **values}) for patterns in own)
    ]


def _default_splits(row: DatasetSpec, locator: Locator) -> list[str]:
    found = splits_found(row, locator)
    chosen = [split for split in found if split not in row.unlabelled and split not in row.overlapping_splits]
    # of a split in several versions, such as degrees of deduplication, the first that is there
    for split in row.splits:
        versions = [other for other in found if other in row.overlapping_splits and other.startswith(f"{split}-")]
        chosen += versions[:1] if split not in found else []
    chosen = chosen or [split for split in found if split in row.overlapping_splits][:1] or found
    # nothing found: plain class folders, or the reader of the first split says which file is missing
    return chosen or [split for split in row.splits if (locator.root / split).is_dir()] or list(row.splits)[:1]


def load_source(
    name: str,
    root: str | PathLike,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    quarantine: Quarantine | None = None,
    *,
    check_images: bool = True,
    min_failures: int = MIN_FAILURES,
    **options: Any,
) -> Iterator[Sample]:
    """Stream the samples of the dataset `name` that lies under `root` in its makers' layout.

    Args:
        name: a catalogue name.
        root: the dataset's folder; image paths of the samples are relative to it.
        split: one of the row's splits (``val``, ``valid`` and ``dev`` mean the same); None reads every split found that
            has answers.
        limit: stop after so many samples.
        seed: for wordings, marks and choices; the same seed gives the same samples.
        quarantine: where bad records go; without one they are counted, and the count is logged at the end.
        check_images: make sure that every image is there and can be used. False takes the official paths unseen.
        min_failures: so many bad records stop nothing while they are at most half of all, whatever the allowed share.
        options: settings of the row's reader, on top of ``row.options``.

    Raises:
        DataError: an unknown name or split, a missing file, or a larger share of bad records than the quarantine
            allows.
    """
    row = find_row(name)
    locator = Locator(root, row.splits)
    if split is None:
        splits = _default_splits(row, locator)
    else:
        known = row.split_name(split)
        if known is None:
            raise DataError(f"{name} has no split {split!r}", remedy=f"Choose one of {', '.join(row.splits)}.")
        splits = [known]
    own = quarantine if quarantine is not None else Quarantine(max_share=row.max_share)
    return _stream(
        row,
        locator,
        splits,
        limit,
        seed,
        own,
        check_images,
        {**row.options, **options},
        quarantine is None,
        min_failures,
    )


def _stream(
    row: DatasetSpec,
    locator: Locator,
    splits: list[str],
    limit: int | None,
    seed: int,
    quarantine: Quarantine,
    check_images: bool,
    options: dict[str, Any],
    announce: bool,
    min_failures: int,
) -> Iterator[Sample]:
    seen: set[int] = set()
    given, bad, total, next_check = 0, 0, 0, FIRST_CHECK
    for split in splits if limit is None or limit > 0 else ():
        reader = Reader(
            row, locator, split, seed=seed, quarantine=quarantine, check_images=check_images, options=options, seen=seen
        )
        for sample in READERS[row.format](reader):
            yield sample
            given += 1
            if limit is not None and given >= limit:
                break
            if total + reader.total >= next_check:
                next_check *= 2
                _check(row, locator, quarantine, bad + reader.bad, total + reader.total, min_failures)
        bad, total = bad + reader.bad, total + reader.total
        if limit is not None and given >= limit:
            break
    if announce and bad:
        reasons = ", ".join(f"{count} {reason}" for reason, count in quarantine.counts().most_common(5))
        log.warning("%s: %d of %d records cannot be used (%s)", row.name, bad, total, reasons)
    _check(row, locator, quarantine, bad, total, min_failures if given else 0)


def _check(row: DatasetSpec, locator: Locator, quarantine: Quarantine, bad: int, total: int, min_failures: int) -> None:
    """Stop if this stream's share of bad records is over what `quarantine` allows."""
    if bad <= min_failures and 2 * bad <= total:
        return
    if bad and bad > quarantine.max_share * max(total, bad):
        first = quarantine.entries[-bad] if bad <= len(quarantine.entries) else quarantine.entries[0]
        raise DataError(
            (
                f"{bad} of {total} records cannot be used, more than the allowed {quarantine.max_share:.0%}; the "
                f"first: {first['reason']}"
            ),
            file=first["file"],
            record=first["record"],
            remedy=(f"See {quarantine.path} for all of them. " if quarantine.path else "")
            + f"`flamingo sources check {row.name} {locator.root}` counts them by reason; "
            "mend or take out these records.",
        )
