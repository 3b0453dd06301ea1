"""Parquet files with images inside, as `datasets.load_dataset` reads them; written in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .images import image_bytes_of
from .licences import allows_commercial_use
from .record import ExportRecord, length_difference, record_history

DATA = "data"
ROWS_A_GROUP, ROWS_A_FILE = 1_000, 200_000
BYTES_A_GROUP, BYTES_A_FILE = 64 << 20, 1 << 30


def common_features(scores: Iterable[str], *, preference: bool = False) -> dict[str, Any]:
    """Columns that every Parquet export has beside the conversation."""
    from datasets import List, Value

    text = Value("string")
    columns = {
        "id": text,
        "source": text,
        "task": text,
        "style": text,
        "licence": text,
        "commercial_use": Value("bool"),
        **{name: Value("float64") for name in scores},
        "history": List({"turn": Value("int64"), "step": text, "diff": List({"op": text, "text": text})}),
    }
    return columns | ({"length_difference": Value("int64")} if preference else {})


def common_row(record: ExportRecord, scores: Iterable[str], *, preference: bool = False) -> dict[str, Any]:
    """A record's values of `common_features`."""
    measured = record.scores
    row = {
        "id": record.id,
        "source": record.source,
        "task": record.task,
        "style": record.style,
        "licence": record.licence,
        "commercial_use": allows_commercial_use(record.licence),
        **{name: measured.get(name) for name in scores},
        "history": record_history(record),
    }
    return row | ({"length_difference": length_difference(record)} if preference else {})


def embedded(record: ExportRecord) -> list[dict[str, Any]]:
    """A record's images as the values of an ``Image`` column: encoded bytes and name."""
    return [{"bytes": image_bytes_of(image), "path": image.name} for image in record.images]


def write_parquet_files(
    records: Iterable[ExportRecord],
    folder: Path,
    features: dict[str, Any],
    row_of: Callable[[ExportRecord], dict[str, Any]],
) -> int:
    """Write ``data/train-*.parquet``; returns how many rows.

    A group of rows ends at `ROWS_A_GROUP` rows or `BYTES_A_GROUP` of images, a file at `ROWS_A_FILE` or `BYTES_A_FILE`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features

    schema = Features(features).arrow_schema
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    total = number = file_rows = file_size = group_size = 0
    writer: Any = None
    group: list[dict[str, Any]] = []

    def flush() -> None:
        nonlocal file_rows, file_size, group_size
        writer.write_table(pa.Table.from_pylist(group, schema=schema))
        file_rows, file_size, group_size = file_rows + len(group), file_size + group_size, 0
        group.clear()

    def open_next() -> Any:
        return pq.ParquetWriter(folder / DATA / f"train-{number:05d}.parquet", schema, compression="zstd")

    try:
        for record in records:
            if writer is None:
                writer = open_next()
            row = row_of(record)
            group.append(row)
            group_size += sum(len(image["bytes"]) for image in row.get("images") or ())
            total += 1
            if len(group) >= ROWS_A_GROUP or group_size >= BYTES_A_GROUP:
                flush()
                if file_rows >= ROWS_A_FILE or file_size >= BYTES_A_FILE:
                    writer.close()
                    writer, file_rows, file_size, number = None, 0, 0, number + 1
        if writer is None and number == 0:
            writer = open_next()
        if writer is not None and (group or total == 0):
            flush()
    finally:
        if writer is not None:
            writer.close()
    return total
