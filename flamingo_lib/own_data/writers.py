"""Rows written back into the container they came from, every field that nobody touched as it was."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from ..storage import atomic_folder, atomic_write
from .containers import Container, Row, load_datasets_folder


def write_rows(container: Container, rows: Iterable[Row], out: str | Path) -> Path:
    """Write `rows` in the container they came from; returns the file or folder, which appears when all is written.

    Args:
        container: where the rows came from.
        rows: as read, with the responses exchanged; fields may have been added.
        out: folder to write into; a file keeps its name.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    target = out / (container.path.name if container.path.is_file() else "data")
    _WRITERS[container.kind](container, rows, target)
    return target


def _write_table(container: Container, rows: Iterable[Row], target: Path) -> None:
    """With the header, also where no row is left."""
    rest = iter(rows)
    first = next(rest, None)
    columns = next((row for _, row in container.rows()), {}) if first is None else first
    with atomic_write(target) as stream:
        delimiter = "\t" if container.kind == "tsv" else ","
        writer = csv.DictWriter(stream, list(columns), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(() if first is None else chain((first,), rest))


def _write_jsonl(_container: Container, rows: Iterable[Row], target: Path) -> None:
    with atomic_write(target) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_json(_container: Container, rows: Iterable[Row], target: Path) -> None:
    with atomic_write(target) as stream:
        lead = "[\n"
        for row in rows:
            stream.write(lead + json.dumps(row, ensure_ascii=False))
            lead = ",\n"
        stream.write("\n]\n" if lead == ",\n" else "[]\n")


def _write_parquet(container: Container, rows: Iterable[Row], target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    schema = parquet.read_schema(container.files[0])
    if container.path.is_file():
        _parquet_file(target, rows, schema, pa, parquet)
        return
    with atomic_folder(target) as folder:
        _parquet_file(folder / "train-00000-of-00001.parquet", rows, schema, pa, parquet)


def _parquet_file(target: Path, rows: Iterable[Row], schema: Any, pa: Any, parquet: Any) -> None:
    part = target.with_name(f".{target.name}.part")
    with parquet.ParquetWriter(part, schema) as writer:
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == 256:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    part.replace(target)


def _write_datasets(container: Container, rows: Iterable[Row], target: Path) -> None:
    from datasets import Dataset
    from datasets.arrow_writer import ArrowWriter

    features = load_datasets_folder(container.path).features
    with atomic_folder(target) as folder, tempfile.TemporaryDirectory() as work:
        path = str(Path(work) / "rows.arrow")
        with ArrowWriter(path=path, features=features) as writer:
            for row in rows:
                writer.write({name: row[name] for name in features})
            writer.finalize()
        Dataset.from_file(path).save_to_disk(str(folder))


def _write_images(container: Container, rows: Iterable[Row], target: Path) -> None:
    """The text files alone, in the folders they came from; the images stay where they are."""
    with atomic_folder(target) as folder:
        for row in rows:
            file = folder / Path(row["image"]).with_suffix(".txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(row["response"] + "\n", encoding="utf-8")


_WRITERS: dict[str, Callable[[Container, Iterable[Row], Path], None]] = {
    "csv": _write_table,
    "tsv": _write_table,
    "jsonl": _write_jsonl,
    "json": _write_json,
    "parquet": _write_parquet,
    "datasets": _write_datasets,
    "image-folder": _write_images,
}
