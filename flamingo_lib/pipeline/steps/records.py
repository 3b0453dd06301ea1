"""Record files exchanged by steps: one JSON record a line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from ...records import from_json, to_json
from ...storage import read_jsonl, write_jsonl

R = TypeVar("R")


def write_records(path: Path, records: Iterable[Any]) -> int:
    """Write records (`Sample`, `Pair`, `Rewrite`) one a line; returns how many."""
    return write_jsonl(path, map(to_json, records))


def read_records(kind: type[R], path: Path) -> list[R]:
    """All records of a file that `write_records` wrote."""
    return [from_json(kind, values) for values in read_jsonl(path)]
