"""Stored predictions: one line of JSON for each answer of each model, from which every table and figure is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..storage import read_jsonl, write_jsonl

POOLS = ("held_in", "held_out", "held_out_source", "captions", "texts")
"""Groups of questions: known pairs, unseen pairs, held-out sources, descriptions, instructions without an image."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One model's answer to one question, with everything that was measured of it.

    Attributes:
        id: of the question; the same for every model that was asked it.
        model: name of the model (``base``, ``base_4shot``, ``stage1``, ...).
        seed: of the run that trained it.
        pool: one of `POOLS`.
        source: catalogue name of the dataset, or ``scenes``.
        type: question type; ``""`` where there is none.
        instruction: as asked.
        references: acceptable answers, or reference texts; empty where none is known.
        response: what the model said.
        images: files, relative to the data root.
        shots: examples shown before the question.
        scores: measured values by metric: ``correct`` (the true answer, about the subject asked about),
            ``answer_correct`` (about whatever subject), ``subject_correct`` (an answer about that subject, right or
            not), ``hallucinated``, ``polite`` (each 0 or 1), ``reward``, ``nli`` (1 entailed, 0 not), ``rouge_l``,
            ``sts``, ``clipscore``, ...; `scoring` lists the others. A metric that does not apply is absent.
        meta: whatever else a table may need: ``task``, ``answers`` of several people, ``choices``, ``objects`` of the
            scene, true ``boxes``.
    """

    id: str
    model: str
    seed: int
    pool: str
    source: str
    type: str
    instruction: str
    references: tuple[str, ...]
    response: str
    images: tuple[str, ...] = ()
    shots: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any, file: str | Path | None = None) -> Prediction:
        """The inverse of `to_json`.

        Args:
            values: what JSON gives.
            file: where they are from, named in errors.

        Raises:
            DataError: they are no JSON object, or a field is missing, unknown, or of another type.
        """
        wrong = _wrong(values)
        if wrong:
            raise DataError(
                f"no stored prediction: {wrong}",
                file=file,
                record=str(values.get("id", "?")) if isinstance(values, dict) else repr(values)[:40],
                remedy="Read files that `flamingo evaluate` or the pipeline wrote.",
            )
        lists: dict[str, Any] = {name: tuple(values[name]) for name in ("references", "images") if name in values}
        defaults: dict[str, Any] = {"source": "", "type": "", "instruction": "", "references": ()}
        return cls(**(defaults | values | lists))


NEEDED = ("id", "model", "seed", "pool", "response")
"""Fields that every stored prediction has."""

TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("id", "model", "pool", "source", "type", "instruction", "response"), str),
    **dict.fromkeys(("seed", "shots"), int),
    **dict.fromkeys(("references", "images"), (list, tuple)),
    **dict.fromkeys(("scores", "meta"), dict),
}
"""JSON's type of each field."""


def _wrong(values: Any) -> str:
    """Why `values` are no stored prediction; empty if they are one."""
    if not isinstance(values, dict):
        return "not a JSON object"
    if missing := [name for name in NEEDED if name not in values]:
        return f"missing {', '.join(missing)}"
    if unknown := sorted(values.keys() - TYPES.keys()):
        return f"unknown {', '.join(unknown)}"
    odd = [f"{name} is {value!r:.40}" for name, value in values.items() if not isinstance(value, TYPES[name])]
    scores = values.get("scores", {})
    if not odd:
        odd = [
            f"score {name} is {value!r:.40}" for name, value in scores.items() if not isinstance(value, (int, float))
        ]
    return odd[0] if odd else ""


def write_predictions(path: str | Path, predictions: Iterable[Prediction]) -> int:
    """Write `predictions` as JSON lines, atomically; returns how many."""
    return write_jsonl(path, (prediction.to_json() for prediction in predictions))


def read_predictions(path: str | Path) -> Iterator[Prediction]:
    """The predictions of a file, one by one.

    Raises:
        DataError: a line is no stored prediction.
    """
    for values in read_jsonl(path):
        yield Prediction.from_json(values, path)
