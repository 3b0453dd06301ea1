"""Ratings that annotators saved from the page, joined with the pairs they were given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ...errors import DataError
from ...storage import read_jsonl
from .pairs import PairSet

PREFERENCES = ("left", "right", "tie", "skip")
LABELS = ("matched", "correct", "failed", "uncertain")
"""The paper's four labels of an answer (docs/method.md, section 6)."""

Winner = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True)
class Rating:
    """One annotator's word on one pair, by system and no longer by side.

    Attributes:
        pair, annotator: which and who.
        polite: whose answer is more polite; None if skipped.
        labels: of system a and of system b, each one of `LABELS` or None.
    """

    pair: str
    annotator: str
    polite: Winner | None
    labels: tuple[str | None, str | None]


def read_ratings(paths: Iterable[str | Path], pairs: PairSet) -> list[Rating]:
    """The ratings of some files, the latest of each annotator and pair.

    Raises:
        DataError: no ratings, ratings of another set, a line that is none, or a pair that is not in the set.
    """
    known = {pair.id: pair for pair in pairs.pairs}
    mark = pairs.fingerprint
    found: dict[tuple[str, str], Rating] = {}
    paths = [Path(path) for path in paths]
    for path in paths:
        for number, row in enumerate(read_jsonl(path), start=1):
            where = f"line {number}"
            if not isinstance(row, dict) or not {"set", "pair", "annotator", "polite"} <= row.keys():
                raise DataError("not a rating", file=path, record=where, remedy="Give what the page saved.")
            if row["set"] != mark:
                raise DataError(
                    f"a rating of another set of pairs ({row['set']}, not {mark})",
                    file=path,
                    record=where,
                    remedy="Give the pairs file that was written with the page of these ratings.",
                )
            pair = known.get(str(row["pair"]))
            if pair is None or row["polite"] not in PREFERENCES:
                raise DataError(f"no such pair or preference: {row['pair']}, {row['polite']}", file=path, record=where)
            sides = {side: row.get(side) for side in ("left", "right")}
            if any(label not in (None, "", *LABELS) for label in sides.values()):
                raise DataError(
                    f"no such label: {sides}", file=path, record=where, remedy=f"One of {', '.join(LABELS)}."
                )
            labels = {pair.system(side): label or None for side, label in sides.items()}
            side = row["polite"]
            polite = None if side == "skip" else "tie" if side == "tie" else pair.system(side)
            rating = Rating(pair.id, str(row["annotator"]), cast("Winner | None", polite), (labels["a"], labels["b"]))
            found[rating.annotator, rating.pair] = rating
    if not found:
        raise DataError("there are no ratings", file=paths[0] if paths else None, remedy="Rate some pairs and save.")
    return list(found.values())
