"""Plan of an export: one pass over all records before anything is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from ..storage import atomic_write
from ..text import is_blank
from .licences import allows_commercial_use
from .reading import RecordFolder
from .record import IMAGE_TAG, ExportRecord

ANY, COMMERCIAL = "any", "commercial"
NAMED = 10
"""Missing images that an error names; it counts all, and a file names them all."""

AHEAD = 8
"""Records of each kind that are written first."""


@dataclass
class Plan:
    """What one pass over the records found.

    Attributes:
        scores: names of the scores, in the order of their first use.
        left_out: records that the second pass leaves out, by reason.
        ahead: ids of records that fill a column, the first few of each column.
    """

    scores: dict[str, None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    ahead: set[str] = field(default_factory=set)


def plan_export(records: RecordFolder, licence: str, listing: Path) -> Plan:
    """Look at every record.

    Args:
        records: all of them.
        licence: `ANY` or `COMMERCIAL`.
        listing: file that receives the names of all missing images, one a line; there is none if all are there.

    Raises:
        DataError: images are missing, all counted and the first named.
    """
    plan, seen, missing = Plan(), Counter[str](), _Missing(listing)
    for record in records:
        reason = reason_against(record, licence)
        if reason is not None:
            plan.left_out[reason] += 1
            continue
        plan.scores |= dict.fromkeys(record.scores)
        for column in _filled(record):
            seen[column] += 1
            if seen[column] <= AHEAD:
                plan.ahead.add(record.id)
        missing.look(record)
    missing.require_none(records.folder)
    return plan


def reason_against(record: ExportRecord, licence: str) -> str | None:
    """Why a record is left out of an export; None if it isn't."""
    if licence == COMMERCIAL and allows_commercial_use(record.licence) is not True:
        return "licence: " + record.licence
    texts = [text for turn in record.turns for text in (turn.instruction, turn.response or "", turn.draft or "")]
    if any(IMAGE_TAG in text for text in texts):
        return f"{IMAGE_TAG} in a text would be read as an image"
    if any(is_blank(turn.response or "") for turn in record.turns):
        return "a response is blank"
    return None


def ahead_first(records: Callable[[], Iterable[ExportRecord]], ahead: set[str]) -> Iterator[ExportRecord]:
    """All records, those named in `ahead` first.

    `datasets` takes the types of a JSON file's columns from its first 10 MB: a column that is empty there and filled
    later, such as the images behind a long run of text-only records, can't be read.
    """
    left = len(ahead)
    for record in records():
        if not left:
            break
        if record.id in ahead:
            left -= 1
            yield record
    for record in records():
        if record.id not in ahead:
            yield record


def _filled(record: ExportRecord) -> Iterator[str]:
    """Columns that the record has a value for and another may not."""
    yield from record.scores
    if record.images:
        yield "images"
    if record.boxes:
        yield "boxes"


class _Missing:
    """Counts missing images and writes their names down."""

    def __init__(self, listing: Path) -> None:
        self.listing, self.count = listing, 0
        self.first: list[str] = []
        self.rest: list[str] = []
        listing.unlink(missing_ok=True)

    def look(self, record: ExportRecord) -> None:
        """Note a record's images that are not there."""
        for image in record.images:
            if not os.path.isfile(image.file):
                self.count += 1
                (self.first if len(self.first) < NAMED else self.rest).append(f"{image.file} (record {record.id})")

    def require_none(self, folder: Path) -> None:
        """Raise `DataError` if any image is missing."""
        if not self.count:
            return
        more = f", and {len(self.rest)} more, all named in {self.listing}" if self.rest else ""
        if self.rest:
            with atomic_write(self.listing) as file:
                file.writelines(f"{name}\n" for name in (*self.first, *self.rest))
        raise DataError(
            f"{self.count} images are missing: {', '.join(self.first)}{more}",
            file=folder,
            remedy="Put the datasets back where they were, or say where they are with --root.",
        )
