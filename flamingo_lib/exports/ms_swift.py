"""ms-swift export: JSON lines with messages, images, channel, objects, and the rejected response of pairs.

Image paths are absolute: ms-swift looks for others where it is started, or in ``ROOT_IMAGE_DIR``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..storage import write_jsonl
from .images import copy_images
from .record import ExportRecord, json_columns, messages
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "ms-swift", "train.jsonl", True, RECORDS
USE = "`swift sft --dataset {folder}/train.jsonl` (`swift rlhf --rlhf_type dpo` for pairs)."


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``train.jsonl`` and ``images/``; returns how many records.

    ``channel`` is the record's source, which ms-swift reports losses by. ``objects`` hold the boxes of the first image,
    as fractions of its sides, where the source has them.
    """
    return write_jsonl(to.folder / FILES, _lines(records, to))


def _lines(records: Iterable[ExportRecord], to: Destination) -> Iterator[dict[str, Any]]:
    for record in records:
        images = [str(to.final / name) for name in copy_images(record, to.folder)]
        line: dict[str, Any] = {"messages": messages(record), "images": images, "channel": record.source}
        if to.preference:
            line["rejected_response"] = record.rejected
        if record.boxes and images:
            line["objects"] = {
                "ref": [box.name for box in record.boxes],
                "bbox": [[box.x1, box.y1, box.x2, box.y2] for box in record.boxes],
                "bbox_type": "norm1",
            }
        yield {"id": record.id} | line | json_columns(record, to.scores)
