"""``study.json``, the stored result of a study: what it holds, and its reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataError
from ..storage import read_json

STUDY = Path(__file__).resolve().parents[2] / "data_samples" / "study" / "study.json"
"""Where the reported study is shipped."""

FORMAT = 1
"""Version of the file."""

REMEDY = "Write it again with `flamingo study --collect`."

FIELDS = {
    "format": int,
    "development": bool,
    "made": str,
    "commit": str,
    "versions": dict,
    "preset": str,
    "settings": list,
    "seeds": list,
    "seconds": dict,
    "models": dict,
    "bootstrap": dict,
    "left": list,
    "claims": list,
}
"""What ``study.json`` holds, with the type of each field."""

CLAIM_FIELDS = (
    *("claim", "name", "group", "kind", "rule", "paper", "ours", "low", "high", "holds"),
    *("seeds", "per_seed", "seed_low", "seed_high", "questions", "metrics", "reason"),
)
"""What every claim has.

`ours`, `low`, `high` and `holds` are null where its models were not run, the last three of a single value, too;
`seed_low` and `seed_high` are with fewer than two seeds.
"""


def read_study(path: str | Path = STUDY) -> dict[str, Any]:
    """The stored study.

    Raises:
        DataError: the file is missing, of another version, or lacks a field; the field is named.
    """
    return check_study(read_json(path), path)


def check_study(record: Any, path: str | Path) -> dict[str, Any]:
    """`record` itself, if it has every field of a study of this version.

    Args:
        record: the content of the file at `path`.
        path: named in errors.

    Raises:
        DataError: it is of another version, or the study or one of its claims lacks a field, which is named.
    """
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError("no study of this version", file=path, remedy=REMEDY)
    wrong = [name for name, kind in FIELDS.items() if not isinstance(record.get(name), kind)]
    if wrong:
        raise DataError(f"the study lacks the field {wrong[0]!r}", file=path, remedy=REMEDY)
    for number, row in enumerate(record["claims"], start=1):
        if not isinstance(row, dict):
            raise DataError("a claim is no JSON object", file=path, record=f"claim {number}", remedy=REMEDY)
        lacking = [name for name in CLAIM_FIELDS if name not in row]
        if lacking:
            name = row.get("name", f"claim {number}")
            raise DataError(f"a claim lacks the field {lacking[0]!r}", file=path, record=name, remedy=REMEDY)
    return record
