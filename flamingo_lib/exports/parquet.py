"""Parquet export for the Hugging Face hub: images inside, messages, texts, licence, scores and history as columns."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from .parquet_files import common_features, common_row, embedded, write_parquet_files
from .record import ExportRecord, messages
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "Parquet", "data/train-*.parquet", True, RECORDS
USE = """```python
from datasets import load_dataset
records = load_dataset("{folder}", split="train")
```"""


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``data/train-*.parquet``; returns how many records.

    ``instruction``, ``response`` and ``raw`` are those of the last turn; ``messages`` hold all turns.
    """
    from datasets import Image, List, Value

    text = Value("string")
    features = {
        "images": List(Image()),
        "messages": List({"role": text, "content": text}),
        **dict.fromkeys(("instruction", "response", "raw"), text),
    }
    if to.preference:
        features |= {"chosen": text, "rejected": text}
    features |= common_features(to.scores, preference=to.preference)
    return write_parquet_files(records, to.folder, features, partial(_row, to))


def _row(to: Destination, record: ExportRecord) -> dict[str, Any]:
    row: dict[str, Any] = {
        "images": embedded(record),
        "messages": messages(record),
        "instruction": record.turns[-1].instruction,
        "response": record.final,
        "raw": record.raw,
    }
    if to.preference:
        row |= {"chosen": record.final, "rejected": record.rejected}
    return row | common_row(record, to.scores, preference=to.preference)
