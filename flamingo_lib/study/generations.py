"""Second generation of the rewriter beside the first, record by record: what notebook 09 reads.

`flamingo study --only rewriter --only rewriter_second_generation --generations FILE` writes the file; a small one, so
that it can be shipped: pairs of scores, and some records with their texts and the scenes that they are about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..config import Preset
from ..errors import DataError, MissingAsset
from ..evaluation.predictions import Prediction
from ..pipeline.environment import commit, project_root, versions
from ..presets.overrides import changes
from ..scenes.graph import Scene
from ..seeding import generator
from ..storage import read_json, write_json
from .claims import StudyData
from .models import SECOND

FORMAT = 1
"""Version of the file."""

GENERATIONS = project_root() / "data_samples" / "study" / "second_generation.json"
"""Where the reported comparison is shipped."""

FIRST = "rewriter"
COMMAND = (
    "flamingo study --seed {seed}{settings} --only rewriter --only rewriter_second_generation --generations {file}"
)

SCORES = ("reward", "reward_raw", "unchanged", "polite", "false_addition", "clipscore", "words")
"""Scores that are kept as pairs, `reward_raw` of the annotation being the same in both; null where there is none."""

RECORDS, EXAMPLES = 1200, 36
"""At most so many records with scores, and so many with their texts."""

FIELDS = {"format": int, "made": str, "commit": str, "versions": dict, "preset": str, "settings": list, "seed": int,
          "command": str, "rewrites": int, "means": dict, "scores": dict, "examples": list}  # fmt: skip
"""What the file holds, with the type of each field."""


def compare_generations(
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    preset: Preset,
    *,
    seed: int,
    scenes: Mapping[str, Scene] | None = None,
    records: int = RECORDS,
    examples: int = EXAMPLES,
) -> dict[str, Any]:
    """The content of the file.

    Args:
        first, second: stored predictions of both rewriters, for the same raw samples.
        preset: the study's settings.
        seed: of the study's run; also draws the records that are kept.
        scenes: by image, ``"<source>/<path>"``; records without one have no example.
        records, examples: at most so many are kept.

    Raises:
        DataError: the two rewrote different records.
    """
    other = {item.id: item for item in second}
    if {item.id for item in first} != other.keys() or not other:
        raise DataError("the two rewriters were not given the same records", remedy="Make both with one study.")
    pairs = [(item, other[item.id]) for item in first]
    order = sorted(pairs, key=lambda pair: generator(seed, "generations", pair[0].id).random())
    kept = order[:records]
    known, settings = scenes or {}, [text for text in changes(preset) if not text.startswith("seed=")]
    told = [pair for pair in order if pair[0].images and all(image in known for image in pair[0].images)]
    return {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": versions(),
        "preset": preset.name,
        "settings": settings,
        "seed": seed,
        "command": _command(seed, str(GENERATIONS.relative_to(project_root())), settings),
        "rewrites": len(pairs),
        "means": {name: _means(pairs, name) for name in SCORES},
        "scores": {
            "source": [one.source for one, _ in kept],
            "task": [one.type for one, _ in kept],
            **{name: [[_score(item, name) for item in pair] for pair in kept] for name in SCORES},
        },
        "examples": [_example(pair, known) for pair in told[:examples]],
    }


def _command(seed: int, file: str, settings: Sequence[str] = ()) -> str:
    return COMMAND.format(seed=seed, file=file, settings="".join(f" --set {text}" for text in settings))


def _score(item: Prediction, name: str) -> float | None:
    value = float(len(item.response.split())) if name == "words" else item.scores.get(name)
    return None if value is None else round(value, 3)


def _means(pairs: Sequence[tuple[Prediction, Prediction]], name: str) -> dict[str, Any]:
    """Both means over all records that have the score in both generations."""
    both = [(_score(one, name), _score(two, name)) for one, two in pairs]
    found = [(a, b) for a, b in both if a is not None and b is not None]
    means = [round(sum(column) / len(found), 4) for column in zip(*found, strict=True)] if found else [None, None]
    return {"first": means[0], "second": means[1], "records": len(found)}


def _example(pair: tuple[Prediction, Prediction], scenes: Mapping[str, Scene]) -> dict[str, Any]:
    one, two = pair
    return {
        "id": one.id,
        "source": one.source,
        "instruction": one.instruction,
        "raw": one.references[0] if one.references else "",
        "first": one.response,
        "second": two.response,
        "reward": [_score(item, "reward") for item in pair],
        "scenes": [scenes[image].to_json() for image in one.images],
    }


def collect_generations(data: StudyData, folder: Path, preset: Preset, seed: int) -> dict[str, Any]:
    """`compare_generations` of what a study has stored.

    Args:
        data: the study's predictions.
        folder: of the seed's run, with the scenes of the examples; without it there are no examples.
        preset: the study's settings.
        seed: of the run.

    Raises:
        MissingAsset: one of the two rewriters has no stored predictions yet.
    """
    from ..pipeline.steps.scenes import data_root
    from ..scenes.index import GRAPHS, TruthIndex

    for name in (FIRST, SECOND):
        if (seed, name) not in data.predictions:
            raise MissingAsset(
                f"no stored rewrites of {name}, seed {seed}",
                file=folder,
                remedy=f"Run the study for both rewriters: --seed {seed} --only {FIRST} --only {SECOND}.",
            )
    first, second = (data.predictions[seed, name] for name in (FIRST, SECOND))
    root = data_root(folder / "scenes", preset)
    scenes = {}
    if (root / GRAPHS).is_file():
        index = TruthIndex(root)
        scenes = {image: index.scene(image) for item in first for image in item.images if image in index}
    return compare_generations(first, second, preset, seed=seed, scenes=scenes)


def write_generations(path: Path, record: Mapping[str, Any]) -> None:
    """Write the file, atomically; `check_generations` first."""
    write_json(path, check_generations(record, path), indent=None)


def read_generations(path: Path = GENERATIONS) -> dict[str, Any]:
    """The stored comparison.

    Raises:
        MissingAsset: there is no such file; the command that makes it is named.
        DataError: it is of another version, or lacks a field, or its columns differ in length.
    """
    if not path.is_file():
        raise MissingAsset(
            "the comparison of both generations is not stored",
            file=path,
            remedy=f"Make it: {_command(10, str(path))}",
        )
    return check_generations(read_json(path), path)


def check_generations(record: Any, path: Path) -> dict[str, Any]:
    """`record` itself, if it is a comparison of this version (`DataError` otherwise)."""
    remedy = f"Make it again: {_command(10, str(path))}"
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DataError("no comparison of generations of this version", file=path, remedy=remedy)
    wrong = [name for name, kind in FIELDS.items() if not isinstance(record.get(name), kind)]
    columns = ("source", "task", *SCORES)
    wrong += [f"scores.{name}" for name in columns if not wrong and not isinstance(record["scores"].get(name), list)]
    if wrong:
        raise DataError(f"the comparison lacks the field {wrong[0]!r}", file=path, remedy=remedy)
    lengths = {len(record["scores"][name]) for name in columns}
    if len(lengths) != 1:
        raise DataError("the columns of scores differ in length", file=path, remedy=remedy)
    return record


def score_pairs(record: Mapping[str, Any], name: str) -> list[tuple[float, float]]:
    """Both generations' scores of every kept record that has them, (first, second)."""
    return [(one, two) for one, two in record["scores"][name] if one is not None and two is not None]
