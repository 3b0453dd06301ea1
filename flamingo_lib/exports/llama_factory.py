"""LLaMA-Factory export: messages in JSON lines, and the ``dataset_info.json`` that describes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..storage import write_json, write_jsonl
from .images import copy_images
from .record import ExportRecord, json_columns, messages
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "LLaMA-Factory", "polite_flamingo.jsonl", True, RECORDS
NAME = "polite_flamingo"
USE = "`dataset_dir: {folder}`, `media_dir: {folder}` and `dataset: polite_flamingo` in LLaMA-Factory's configuration."


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write the messages, ``images/`` and ``dataset_info.json``; returns how many records."""
    columns = {"messages": "messages", "images": "images"}
    if to.preference:
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    description: dict[str, Any] = {
        "file_name": FILES,
        "formatting": "sharegpt",
        "columns": columns,
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
    if to.preference:
        description["ranking"] = True
    write_json(to.folder / "dataset_info.json", {NAME: description})
    return write_jsonl(to.folder / FILES, _lines(records, to))


def _lines(records: Iterable[ExportRecord], to: Destination) -> Iterator[dict[str, Any]]:
    for record in records:
        said = messages(record)
        line: dict[str, Any] = {"id": record.id, "messages": said, "images": copy_images(record, to.folder)}
        if to.preference:
            line["messages"], line["chosen"] = said[:-1], said[-1]
            line["rejected"] = {"role": "assistant", "content": record.rejected}
        yield line | json_columns(record, to.scores)
