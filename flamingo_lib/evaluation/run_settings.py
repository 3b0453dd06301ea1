"""Folder of an evaluation run: its settings, its stored predictions, and what is kept of them when it goes on.

A folder holds ``settings.json``, ``predictions.jsonl`` and, at the end, ``metrics.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from ..sources.catalog import find_row
from ..storage import read_json, storage_errors, write_json
from .predictions import Prediction, read_predictions

SETTINGS, PREDICTIONS, METRICS = "settings.json", "predictions.jsonl", "metrics.json"

FACTS = ("questions", "unusable", "examples")
"""What a run finds out of a source while it reads it, kept in ``metrics.json``."""

REMEDY = "Give another --out folder, or remove this one."


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A source to evaluate on: its catalogue name and its folder."""

    name: str
    root: Path


@dataclass(frozen=True)
class RunSettings:
    """Everything that decides the bytes of ``predictions.jsonl``.

    Attributes:
        model: as stored in every prediction.
        weights: fingerprint of the model's files.
        sources: catalogue name and folder of each.
        split: of every source; None for all with answers.
        limit: records of each source; None for all.
        shots: examples shown before each question.
        prompt: ``chat``, or a format of `few_shot.FORMATS` for models that were never taught to chat.
        seed: of wordings, and stored in every prediction.
        judges: role to the judge's name.
        batch: questions answered and scored together.
        max_new_tokens: longest response.
        curt: responses are cut at the first line end.
    """

    model: str
    weights: str
    sources: tuple[SourceRequest, ...]
    split: str | None = None
    limit: int | None = None
    shots: int = 0
    prompt: str = "chat"
    seed: int = 0
    judges: dict[str, str] = field(default_factory=dict)
    batch: int = 96
    max_new_tokens: int = 64
    curt: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"sources": [[item.name, str(item.root.absolute())] for item in self.sources]}


def prepare(out: Path, settings: RunSettings) -> bool:
    """Make the folder of a run, or make sure that an existing one is of the same settings.

    Returns:
        Whether the run is finished already.

    Raises:
        ConfigError: the folder holds predictions of other settings; they are named. Or a source is given twice.
    """
    names = [item.name for item in settings.sources]
    for name in names:
        find_row(name)
        if names.count(name) > 1:
            raise ConfigError(
                f"the source {name!r} is given twice", remedy="Evaluate it twice, with two --out folders."
            )
    now = settings.to_json()
    if (out / SETTINGS).is_file():
        with _damaged(out / SETTINGS):
            then = read_json(out / SETTINGS)
        differing = [key for key in now if not isinstance(then, dict) or then.get(key) != now[key]]
        if differing:
            was = then if isinstance(then, dict) else {}
            said = "; ".join(f"{key}: {was.get(key)!r}, now {now[key]!r}" for key in differing)
            raise ConfigError(
                f"the folder holds predictions of other settings ({said})",
                file=out,
                remedy=REMEDY,
            )
        return (out / METRICS).is_file() and (out / PREDICTIONS).is_file()
    if (out / PREDICTIONS).exists():
        raise ConfigError(
            f"the folder holds {PREDICTIONS} but no {SETTINGS}, so nobody knows whose predictions they are",
            file=out,
            remedy=REMEDY,
        )
    write_json(out / SETTINGS, now)
    return False


def whole_batches(path: Path, settings: RunSettings) -> dict[str, list[str]]:
    """Ids of the stored predictions by source; what follows the last whole batch is cut off the file.

    Raises:
        DataError: a line that is no prediction of this run; it is named.
    """
    if not path.exists():
        return {}
    names = [item.name for item in settings.sources]
    ids: dict[str, list[str]] = {}
    keep = end = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break  # cut off while it was written
            try:
                item = Prediction.from_json(json.loads(line))
            except (ValueError, DataError) as error:
                raise DataError(
                    f"not a stored prediction: {error}",
                    file=path,
                    record=f"line {number}",
                    remedy="Evaluate again into another --out folder.",
                ) from error
            if item.source not in names or item.model != settings.model:
                raise DataError(
                    f"a prediction of {item.model!r} on {item.source!r}, which this run does not ask",
                    file=path,
                    record=f"line {number}",
                    remedy="Evaluate again into another --out folder.",
                )
            if item.source not in ids:
                keep = end  # the source before it is finished
                ids[item.source] = []
            ids[item.source].append(item.id)
            end += len(line)
            if len(ids[item.source]) % settings.batch == 0:
                keep = end
    if ids:
        last = list(ids)[-1]
        ids[last] = ids[last][: len(ids[last]) // settings.batch * settings.batch]
    with storage_errors(path), open(path, "r+b") as file:
        file.truncate(keep)
    return ids


def stored_facts(out: Path, settings: RunSettings) -> dict[str, dict[str, Any]]:
    """`FACTS` of each source, as a finished run of these settings has stored them.

    Raises:
        DataError: its ``metrics.json`` is damaged.
    """
    path = out / METRICS
    with _damaged(path):
        sources = read_json(path)["sources"]
        return {item.name: {fact: sources[item.name][fact] for fact in FACTS} for item in settings.sources}


def by_source(path: Path) -> dict[str, list[Prediction]]:
    """The stored predictions of a run, by source, in order.

    Raises:
        DataError: the file is damaged, or holds none.
    """
    found: dict[str, list[Prediction]] = {}
    with _damaged(path):
        for item in read_predictions(path):
            found.setdefault(item.source, []).append(item)
    if not found:
        raise DataError("the file holds no predictions", file=path, remedy=REMEDY)
    return found


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file raises into a `DataError` that says how to go on."""
    try:
        yield
    except DataError as error:
        raise DataError(error.what, file=path, record=error.record, remedy=REMEDY) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise DataError(f"the file is damaged: {error!r}", file=path, remedy=REMEDY) from error
