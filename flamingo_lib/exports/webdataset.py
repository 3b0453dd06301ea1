"""WebDataset export: tar files, in which a record is a JSON file with its images, ``KEY.0.jpg``, ``KEY.1.jpg``, ..."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from .images import image_bytes_of
from .record import ExportRecord, json_columns, messages
from .target import Destination

TITLE, FILES, TAG, PREFERENCES = "WebDataset", "train-*.tar", "", False
USE = """```python
import webdataset
records = webdataset.WebDataset("{folder}/train-{{00000..LAST}}.tar", shardshuffle=False).decode("pil")
```"""
RECORDS_A_FILE, BYTES_A_FILE = 10_000, 1 << 30


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``train-*.tar``; returns how many records.

    A file ends at `RECORDS_A_FILE` records or `BYTES_A_FILE` of images. The same records give the same bytes.
    """
    count = number = size = held = 0
    tar: tarfile.TarFile | None = None
    try:
        for record in records:
            if tar is None:
                tar = _open(to.folder, number)
            size += _add_record(tar, f"{count:09d}", record)
            count, held = count + 1, held + 1
            if held >= RECORDS_A_FILE or size >= BYTES_A_FILE:
                tar.close()
                tar, number, size, held = None, number + 1, 0, 0
        if tar is None and number == 0:
            tar = _open(to.folder, number)
    finally:
        if tar is not None:
            tar.close()
    return count


def _open(folder: Path, number: int) -> tarfile.TarFile:
    return tarfile.open(folder / f"train-{number:05d}.tar", "w", format=tarfile.USTAR_FORMAT)


def _add_record(tar: tarfile.TarFile, key: str, record: ExportRecord) -> int:
    names, size = [], 0
    for position, image in enumerate(record.images):
        ending = PurePosixPath(image.name).suffix.lower() or ".png"
        data = image_bytes_of(image)
        names.append(f"{position}{ending}")
        _add(tar, f"{key}.{names[-1]}", data)
        size += len(data)
    values = {"id": record.id, "messages": messages(record), "images": names} | json_columns(record)
    _add(tar, f"{key}.json", json.dumps(values, ensure_ascii=False, allow_nan=False).encode())
    return size


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
