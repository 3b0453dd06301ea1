"""Stored predictions of a study: in the folder of its runs, and, compressed, beside ``study.json``.

    ROOT/seed-N/predict_MODEL/predictions.jsonl
    STUDY/predictions/seed-N.jsonl.xz      a line about the seed, then every `Prediction` of every model

With the second a study goes on on another machine, and every table can be made without training anything.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from ..evaluation.predictions import Prediction, read_predictions
from ..pipeline.run_folder import MANIFEST
from ..storage import atomic_write, read_json
from .claims import StudyData
from .models import PREFIX
from .predict import FACTS, PREDICTIONS

FORMAT = 1
"""Version of the file."""

HEAD: dict[str, type | tuple[type, ...]] = {
    "seed": int,
    "settings": dict,
    "commit": str,
    "seconds": (int, float),
    "facts": dict,
}
"""What the first line holds besides, with the type of each field."""

REMEDY = "Take the file out of the folder, or restore it; `flamingo study` makes its seed again."

SETTINGS_SHOWN = 3
"""Settings that an error names."""


class NothingStored(DataError):
    """A study without any predictions yet."""


@dataclass(frozen=True)
class SeedArchive:
    """What one seed of a study left.

    Attributes:
        seed: of the run.
        settings: of the study, by key, as `run.settings_of` gives them.
        commit: of the code that wrote the file; predictions in it may be of earlier code.
        seconds: that its steps took.
        predictions: by model.
        facts: what the making of each model gave besides.
    """

    seed: int
    settings: Mapping[str, Any]
    commit: str
    seconds: float
    predictions: Mapping[str, Sequence[Prediction]]
    facts: Mapping[str, Mapping[str, float]]


def archive_file(study: Path, seed: int) -> Path:
    """The file of a seed that belongs to the ``study.json`` at `study`."""
    return study.parent / "predictions" / f"seed-{seed}.jsonl.xz"


def write_archive(path: Path, archive: SeedArchive) -> None:
    """Write `archive`, atomically; the same one gives the same bytes."""
    head = {
        "format": FORMAT,
        "seed": archive.seed,
        "settings": dict(archive.settings),
        "commit": archive.commit,
        "seconds": archive.seconds,
        "facts": {model: dict(values) for model, values in archive.facts.items()},
    }
    rows = (item.to_json() for found in archive.predictions.values() for item in found)
    with atomic_write(path, "wb") as raw, lzma.open(raw, "wb", preset=9) as file:
        for values in (head, *rows):
            line = json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"
            file.write(line.encode())


def read_archive(path: Path) -> SeedArchive:
    """The archive in a file.

    Raises:
        DataError: it is broken, malformed, of another version, or holds predictions of another seed.
    """
    try:
        with lzma.open(path, "rt", encoding="utf-8") as file:
            head, *rows = [json.loads(line) for line in file]
    except (lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise DataError(f"stored predictions that cannot be read: {error}", file=path, remedy=REMEDY) from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError("stored predictions of another version", file=path, remedy=REMEDY)
    wrong = next((name for name, kind in HEAD.items() if not isinstance(head.get(name), kind)), None)
    if wrong is not None:
        raise DataError(
            f"the first line of stored predictions has {wrong!r} {head.get(wrong)!r:.40}", file=path, remedy=REMEDY
        )
    predictions: dict[str, list[Prediction]] = {}
    for row in rows:
        item = Prediction.from_json(row, path)
        if item.seed != head["seed"]:
            raise DataError(
                f"a prediction of seed {item.seed} among those of seed {head['seed']}",
                file=path,
                record=item.id,
                remedy=REMEDY,
            )
        predictions.setdefault(item.model, []).append(item)
    return SeedArchive(head["seed"], head["settings"], head["commit"], head["seconds"], predictions, head["facts"])


def read_archives(study: Path, seeds: Iterable[int], settings: Mapping[str, Any]) -> dict[int, SeedArchive]:
    """The archives beside a ``study.json``, by seed, of those of `seeds` that have one.

    Raises:
        DataError: one cannot be read, or is that of another seed under this seed's name.
        ConfigError: one was made with other settings; they are named.
    """
    found = {seed: read_archive(path) for seed in seeds if (path := archive_file(study, seed)).exists()}
    for seed, archive in found.items():
        if archive.seed != seed:
            raise DataError(
                f"stored predictions of another seed, {archive.seed}", file=archive_file(study, seed), remedy=REMEDY
            )
        both = archive.settings.keys() | settings.keys()
        changed = sorted(key for key in both if archive.settings.get(key) != settings.get(key))
        if changed:
            raise ConfigError(
                "stored predictions were made with other settings: " + ", ".join(changed[:SETTINGS_SHOWN]),
                file=archive_file(study, seed),
                remedy="Take the old settings, or give another --out, beside which there are none.",
            )
    return found


def stored_seconds(root: Path, seed: int, archive: SeedArchive | None = None) -> float:
    """Seconds that the finished steps of a seed took when they were made, there or where `archive` was."""
    manifests = sorted((root / f"seed-{seed}").glob(f"*/{MANIFEST}"))
    here = sum(float(read_json(path).get("seconds", 0.0)) for path in manifests)
    return max(here, archive.seconds if archive else 0.0)


def collect(
    root: Path, seeds: Iterable[int], models: Iterable[str], archives: Mapping[int, SeedArchive] | None = None
) -> StudyData:
    """The stored predictions and facts of `archives`, and those of a study's folder that they lack.

    What is kept in an archive holds: it is not made again, so that another one in the folder is of older code.

    Raises:
        NothingStored: there are none.
        DataError: a file holds predictions of another model or seed.
    """
    models = list(models)
    kept = [(seed, archive, model) for seed, archive in (archives or {}).items() for model in archive.predictions]
    predictions: dict[tuple[int, str], Sequence[Prediction]] = {
        (seed, model): archive.predictions[model] for seed, archive, model in kept if model in models
    }
    facts = {(seed, model): dict(archive.facts.get(model, {})) for seed, archive, model in kept if model in models}
    for seed in seeds:
        for model in models:
            folder = root / f"seed-{seed}" / f"{PREFIX}{model}"
            if (seed, model) in predictions or not (folder / PREDICTIONS).exists():
                continue
            found = list(read_predictions(folder / PREDICTIONS))
            odd = next((item for item in found if (item.seed, item.model) != (seed, model)), None)
            if odd is not None:
                raise DataError(
                    f"a prediction of {odd.model}, seed {odd.seed}, among those of {model}, seed {seed}",
                    file=folder / PREDICTIONS,
                    record=odd.id,
                    remedy="Delete the folder; the study makes it again.",
                )
            predictions[seed, model] = found
            facts[seed, model] = read_json(folder / FACTS) if (folder / FACTS).exists() else {}
    if not predictions:
        raise NothingStored(
            "no stored predictions", file=root, remedy="Run the study first: `flamingo study` without --collect."
        )
    return StudyData(predictions, facts)
