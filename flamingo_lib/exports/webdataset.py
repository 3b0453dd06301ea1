"""WebDataset export: tar files, in which a record is a JSON file with its images, ``KEY.0.jpg``, ``KEY.1.jpg``, ..."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import IO

from .images import image_bytes_of
from .record import ExportRecord, json_columns, messages
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "WebDataset", "train-*.tar", False, RECORDS
USE = """```python
import webdataset
records = webdataset.WebDataset("{folder}/train-{{00000..LAST}}.tar", shardshuffle=False).decode("pil")
```"""
RECORDS_A_FILE, BYTES_A_FILE = 10_000, 1 << 30


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``train-*.tar``; returns how many records.

    A file ends at `RECORDS_A_FILE` records or `BYTES_A_FILE` of images. The same records give the same bytes.
    """
    count = number = 0
    stream = iter(records)
    record = next(stream, None)
    while record is not None or number == 0:
        with open(to.folder / f"train-{number:05d}.tar", "wb") as file:
            held = size = 0
            while record is not None and held < RECORDS_A_FILE and size < BYTES_A_FILE:
                size += _add_record(file, f"{count:09d}", record, to.scores)
                count, held, record = count + 1, held + 1, next(stream, None)
            file.write(bytes(2 * tarfile.BLOCKSIZE))
        number += 1
    return count


def _add_record(file: IO[bytes], key: str, record: ExportRecord, scores: tuple[str, ...]) -> int:
    names, size = [], 0
    for position, image in enumerate(record.images):
        ending = PurePosixPath(image.name).suffix.lower() or ".png"
        data = image_bytes_of(image)
        names.append(f"{position}{ending}")
        _add(file, f"{key}.{names[-1]}", data)
        size += len(data)
    values = {"id": record.id, "messages": messages(record), "images": names} | json_columns(record, scores)
    _add(file, f"{key}.json", json.dumps(values, ensure_ascii=False, allow_nan=False).encode())
    return size


def _add(file: IO[bytes], name: str, data: bytes) -> None:
    """One member of a tar file; `tarfile.TarFile` would hold all members' headers in memory."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    file.write(member.tobuf(tarfile.USTAR_FORMAT))
    file.write(data)
    file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
