"""Images of PF-1M records: exported beside the file if they need a mark or lie in an archive, and found again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path

from ..errors import DataError
from ..records import Rewrite
from ..sources.image_files import ImageFiles, Roots, dataset_folder
from ..sources.images import resolve
from ..sources.record_errors import reason_of
from ..storage import Quarantine
from .record import Pf1mRecord, from_rewrite

log = logging.getLogger(__name__)

IMAGES = "pf1m_images"
"""The subfolder beside the record file that holds exported images; records name them ``pf1m_images/NAME.png``."""

REFUSED = "refused.jsonl"
"""Beside the record file: rewrites that passed the filters but cannot be PF-1M records, if there are any."""

MAX_REFUSED = 0.1
"""Share of the kept rewrites that may be refused."""


def released(rewrites: Iterable[Rewrite], folder: str | PathLike, roots: Roots) -> Iterator[Pf1mRecord]:
    """The records of all kept `rewrites`, their images as plain files.

    An instruction that names "the object in the yellow box" is released with the image that shows the box: marks are
    drawn, and members of archives are taken out, into `IMAGES` below `folder`. A rewrite that cannot be written (see
    `from_rewrite`), or whose image can't be read, goes to `REFUSED` with the reason, and the log says how many did.

    Args:
        rewrites: with their verdicts.
        folder: where the record file stands.
        roots: where the datasets lie.

    Raises:
        DataError: at the end, if more than `MAX_REFUSED` of them were refused.
    """
    folder, total = Path(folder), 0
    files = ImageFiles(roots, folder / IMAGES)
    (folder / REFUSED).unlink(missing_ok=True)
    refused = Quarantine(folder / REFUSED)
    for rewrite in rewrites:
        if not rewrite.kept:
            continue
        total += 1
        try:
            names = tuple(
                f"{IMAGES}/{Path(file).name}"
                if Path(file).parent == files.folder
                else f"{rewrite.sample.source}/{path}"
                for path, file in zip(rewrite.sample.images, files.files(rewrite.sample), strict=True)
            )
            record = from_rewrite(rewrite, names)
        except DataError as error:
            refused.add(file=rewrite.sample.source, record=rewrite.sample.id, reason=reason_of(error))
            continue
        yield record
    if len(refused) > MAX_REFUSED * total:
        first = refused.entries[0]
        raise DataError(
            f"{len(refused)} of {total} rewrites cannot be PF-1M records; the first: {first['reason']}",
            record=first["record"],
            remedy=f"See {folder / REFUSED}; check that the datasets are still in their folders.",
        )
    if refused:
        log.warning("%d of %d rewrites cannot be PF-1M records, see %s", len(refused), total, folder / REFUSED)


def record_files(record: Pf1mRecord, folder: str | PathLike, roots: Roots) -> tuple[str, ...]:
    """The image files of a record in its order.

    Args:
        folder: where the record's file stands, with `IMAGES` below it.
        roots: where the datasets lie, whose names begin the other images' paths.

    Raises:
        ImageError: a path that leaves its folder.
        DataError: the folder of a dataset is not known.
    """
    found = []
    for path in record.images:
        first, _, rest = path.partition("/")
        found.append(str(resolve(folder, path) if first == IMAGES else resolve(dataset_folder(roots, first), rest)))
    return tuple(found)
