"""TRL export: Parquet files with images inside, ``prompt`` and ``completion``, or ``chosen`` and ``rejected``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from .parquet_files import common_features, common_row, embedded, write_parquet_files
from .record import ExportRecord, content
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "TRL", "data/train-*.parquet", True, RECORDS
USE = """```python
from datasets import load_dataset
from trl import SFTTrainer  # DPOTrainer for pairs
trainer = SFTTrainer(model, train_dataset=load_dataset("{folder}", split="train"))
```
With images, set `max_length=None`, so that none of an image's tokens is cut off."""


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``data/train-*.parquet``; returns how many records.

    Content is the list of parts of Transformers' chat templates, an image part for each image where its turn has it.
    """
    from datasets import Image, List, Value

    text = Value("string")
    said = List({"role": text, "content": List({"type": text, "text": text})})
    answers = ("chosen", "rejected") if to.preference else ("completion",)
    features = {"images": List(Image()), "prompt": said, **dict.fromkeys(answers, said)}
    features |= common_features(to.scores, preference=to.preference)
    return write_parquet_files(records, to.folder, features, partial(_row, to))


def _row(to: Destination, record: ExportRecord) -> dict[str, Any]:
    *earlier, last = record.turns
    prompt: list[dict[str, Any]] = []
    for turn in earlier:
        prompt += [{"role": "user", "content": content(turn)}, _answer(turn.response or "")]
    prompt.append({"role": "user", "content": content(last)})
    row: dict[str, Any] = {"images": embedded(record), "prompt": prompt}
    if to.preference:
        row |= {"chosen": [_answer(record.final)], "rejected": [_answer(record.rejected or "")]}
    else:
        row["completion"] = [_answer(record.final)]
    return row | common_row(record, to.scores, preference=to.preference)


def _answer(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}
