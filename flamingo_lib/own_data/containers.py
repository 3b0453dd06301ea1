"""Containers of rows: CSV, TSV, JSON lines, JSON, Parquet, a `datasets` folder, a folder of images with texts.

What a file is, is told by its content; its name decides only between CSV and TSV. Rows are read one by one.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..sources.json_lines import json_form, read_json_lines

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TABLE_SUFFIXES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
CONTAINERS = ("csv", "tsv", "jsonl", "json", "parquet", "datasets", "image-folder")

Row = dict[str, Any]


@dataclass(frozen=True)
class Container:
    """Rows on disk.

    Attributes:
        path: the file or folder as given.
        kind: one of `CONTAINERS`.
        files: the files that hold the rows, in order; of an image folder, the images.
        root: the folder that image paths are relative to.
    """

    path: Path
    kind: str
    files: tuple[Path, ...]
    root: Path

    def rows(self) -> Iterator[tuple[str, Row]]:
        """(name of the row for messages, the row), one by one.

        Raises:
            DataError: a row that can't be read; file and line are named.
        """
        for file in self.files:
            if self.kind == "image-folder":
                yield _read_image(file, file.relative_to(self.root))
            else:
                yield from _READERS[self.kind](file)


def open_container(path: str | Path, kind: str | None = None) -> Container:
    """The container at `path`.

    Args:
        path: a file, or a folder: of `datasets.save_to_disk`, of Parquet files, or of images with a text file each.
        kind: one of `CONTAINERS`, in place of what its content says.

    Raises:
        DataError: nothing is there, or it is none of the containers.
    """
    path = Path(path).expanduser()
    if kind is not None and kind not in CONTAINERS:
        raise DataError(f"there is no container {kind!r}", remedy=f"Use one of {', '.join(CONTAINERS)}.")
    if not path.exists():
        raise DataError("there is no such file or folder", file=path, remedy="Give the data's file or folder.")
    if path.is_file():
        return Container(path, kind or _kind_of_file(path), (path,), path.parent)
    return _open_folder(path, kind)


def _open_folder(path: Path, kind: str | None) -> Container:
    if kind in (None, "datasets") and (path / "dataset_info.json").is_file() and (path / "state.json").is_file():
        return Container(path, "datasets", (path,), path)
    if kind == "datasets" or (path / "dataset_dict.json").is_file():
        raise DataError(
            "the folder holds several splits, or none, of a `datasets` dataset",
            file=path,
            remedy="Give the folder of one split, such as its subfolder train.",
        )
    if kind in (None, "parquet") and (shards := sorted(path.rglob("*.parquet"))):
        return Container(path, "parquet", tuple(shards), path)
    images = sorted(
        file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.with_suffix(".txt").is_file()
    )
    if images:
        return Container(path, "image-folder", tuple(images), path)
    tables = sorted(file for file in path.iterdir() if file.suffix.lower() in (*TABLE_SUFFIXES, ".json"))
    named = f" It holds {', '.join(file.name for file in tables[:4])}." if tables else ""
    raise DataError(
        "the folder is no dataset: neither of `datasets`, nor Parquet files, nor images with a .txt file each",
        file=path,
        remedy=f"Give the file that holds the records.{named}",
    )


def _kind_of_file(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:4] == b"PAR1":
        return "parquet"
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if begin[:1] in (b"{", b"["):
        return "jsonl" if json_form(path) in ("lines", "line") else "json"
    if not begin:
        raise DataError("the file is empty", file=path)
    if b"\0" in head:
        raise DataError(
            "neither a table nor JSON nor Parquet", file=path, remedy="Give CSV, TSV, JSON, JSON lines or Parquet."
        )
    if TABLE_SUFFIXES.get(path.suffix.lower()) == "tsv":
        return "tsv"
    first = begin.split(b"\n", 1)[0]
    return "tsv" if first.count(b"\t") > first.count(b",") else "csv"


def _read_table(file: Path, delimiter: str) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with open(file, encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=delimiter)
        try:
            names = reader.fieldnames or []
            if len(set(names)) != len(names):
                raise DataError("two columns have one name", file=file, remedy="Give each column a name of its own.")
            for number, row in enumerate(reader, start=1):
                if None in row or None in row.values():
                    raise DataError(
                        f"{len(names)} columns are named, but this row has another number",
                        file=file,
                        record=f"row {number}",
                        remedy="Quote fields that hold the delimiter or a line end.",
                    )
                yield f"row {number}", dict(row)
        except csv.Error as error:
            raise DataError(f"not a table: {error}", file=file, record=f"line {reader.line_num}") from error
        except UnicodeDecodeError as error:
            raise DataError("not UTF-8", file=file, remedy="Save the table as UTF-8.") from error


def _read_json(file: Path) -> Iterator[tuple[str, Row]]:
    lines = json_form(file) in ("lines", "line")
    for _, key, row in read_json_lines(file):
        name = f"line {key}" if lines else f"record {int(key) + 1}"
        if not isinstance(row, Mapping):
            raise DataError(f"not a record but {type(row).__name__}", file=file, record=name)
        yield name, dict(row)


def _read_parquet(file: Path) -> Iterator[tuple[str, Row]]:
    import pyarrow.parquet as parquet
    from pyarrow import ArrowInvalid

    try:
        table, number = parquet.ParquetFile(file), 0
        for batch in table.iter_batches(256):
            for row in batch.to_pylist():
                number += 1
                yield f"{file.name} row {number}", row
    except (ArrowInvalid, OSError) as error:
        raise DataError(f"not a Parquet file, or cut off: {error}", file=file) from error


def _read_datasets(folder: Path) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(_without_decoding(load_datasets_folder(folder)), start=1):
        yield f"row {number}", row


def load_datasets_folder(folder: Path) -> Any:
    """The `datasets.Dataset` of a folder; `DataError` if it is none."""
    from datasets import load_from_disk

    try:
        return load_from_disk(str(folder))
    except (OSError, ValueError) as error:
        raise DataError(f"not a folder of `datasets`: {error}", file=folder) from error


def _without_decoding(dataset: Any) -> Any:
    """The dataset with its image columns as bytes and paths."""
    from datasets import Image, Sequence

    for name, feature in dataset.features.items():
        if isinstance(feature, Image):
            dataset = dataset.cast_column(name, Image(decode=False))
        elif isinstance(inner := getattr(feature, "feature", None), Image):
            dataset = dataset.cast_column(name, Sequence(Image(decode=False)) if inner else feature)
    return dataset


def _read_image(file: Path, name: Path) -> tuple[str, Row]:
    try:
        text = file.with_suffix(".txt").read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", file=file.with_suffix(".txt")) from error
    return str(name), {"image": str(name), "response": text.strip()}


_READERS: dict[str, Callable[[Path], Iterator[tuple[str, Row]]]] = {
    "csv": lambda file: _read_table(file, ","),
    "tsv": lambda file: _read_table(file, "\t"),
    "jsonl": _read_json,
    "json": _read_json,
    "parquet": _read_parquet,
    "datasets": _read_datasets,
}
