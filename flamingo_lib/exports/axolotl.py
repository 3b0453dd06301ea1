"""axolotl export: JSON lines of messages whose content lists images by path, and a piece of configuration.

Paths are absolute, as axolotl looks for others where it is started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..storage import atomic_write, write_jsonl
from .images import copy_images
from .record import ExportRecord, json_columns
from .styles import RECORDS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "axolotl", "train.jsonl", False, RECORDS
CONFIG = "axolotl.yaml"
USE = "Put `{folder}/axolotl.yaml` into axolotl's configuration."


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``train.jsonl``, ``axolotl.yaml`` and ``images/``; returns how many records."""
    with atomic_write(to.folder / CONFIG) as file:
        file.write(
            "# to be added to a configuration with a vision-language base_model and its chat_template\n"
            f"datasets:\n  - path: {to.final / FILES}\n    ds_type: json\n    type: chat_template\n"
            "    field_messages: messages\n"
            "skip_prepare_dataset: true\nremove_unused_columns: false\nsample_packing: false\n"
        )
    return write_jsonl(to.folder / FILES, _lines(records, to))


def _lines(records: Iterable[ExportRecord], to: Destination) -> Iterator[dict[str, Any]]:
    for record in records:
        paths = iter(str(to.final / name) for name in copy_images(record, to.folder))
        said: list[dict[str, Any]] = []
        for turn in record.turns:
            shown = [{"type": "image", "path": next(paths)} for _ in range(turn.images)]
            said += [
                {"role": "user", "content": [*shown, {"type": "text", "text": turn.instruction}]},
                {"role": "assistant", "content": [{"type": "text", "text": turn.response or ""}]},
            ]
        yield {"id": record.id, "messages": said} | json_columns(record, to.scores)
