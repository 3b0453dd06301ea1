"""LLaVA export: one JSON list of conversations with ``<image>`` tags, as LLaVA's and LLaVA-NeXT's training reads it.

An image is ``image``, several are a list there, as LLaVA-NeXT has them; a text-only conversation has no ``image``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .images import copy_images
from .record import ExportRecord, json_columns, tagged_instruction
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "LLaVA", "llava.json", False, RECORDS
USE = "`--data_path {folder}/llava.json --image_folder {folder}` of LLaVA's training script."


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``llava.json`` and ``images/``; returns how many records."""
    count = 0
    with open(to.folder / FILES, "w", encoding="utf-8") as file:
        file.write("[")
        for record in records:
            file.write(",\n" if count else "\n")
            file.write(
                json.dumps(
                    _item(record, copy_images(record, to.folder), to.scores), ensure_ascii=False, allow_nan=False
                )
            )
            count += 1
        file.write("\n]\n")
    return count


def _item(record: ExportRecord, images: list[str], scores: tuple[str, ...]) -> dict[str, Any]:
    conversations = []
    for turn in record.turns:
        conversations += [
            {"from": "human", "value": tagged_instruction(turn, "\n")},
            {"from": "gpt", "value": turn.response or ""},
        ]
    item: dict[str, Any] = {"id": record.id}
    if images:
        item["image"] = images[0] if len(images) == 1 else images
    return item | {"conversations": conversations} | json_columns(record, scores)
