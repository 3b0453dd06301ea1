"""Writing the samples' annotation files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_lines(path: Path, values: Iterable[Any]) -> None:
    """JSON lines."""
    write_text(path, "".join(json.dumps(value) + "\n" for value in values))
