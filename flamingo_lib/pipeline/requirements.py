"""What a run on datasets and weights of one's own needs, held against what is there, before any work.

Nothing is loaded and nothing is fetched; of each dataset a few records are read with their images.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ..config import Preset
from ..errors import ConfigError, FlamingoError, MissingAsset
from ..hub import local_folder
from ..released import RELEASES, check_release, check_weights_root, find_release
from ..sources.catalog import CATALOG, find_row
from ..sources.loading import load_source
from ..storage import Quarantine
from .steps.base import made_here
from .steps.examine import examination
from .steps.examine_sources import asked_of
from .steps.judges import SHIPPED
from .steps.scenes import no_data

FOUND, MISSING, INCOMPLETE = "found", "missing", "incomplete"

PROBED = 4
"""Records of each dataset that are read with their images."""

JUDGES = ("sts", "nli", "reward", "clip")


@dataclass(frozen=True, slots=True)
class SourceState:
    """A dataset that the run reads.

    Attributes:
        name: its catalogue name.
        role: what it is read for: polite, raw, captions or evaluation.
        folder: where it is expected.
        state: `FOUND`, `MISSING` or `INCOMPLETE`.
        note: what is wrong with it.
        split: the part that is read, of what is trained on and examined on the former; None for all.
        samples: records of that part, None where they were not counted.
        adopted: samples that the paper adopted, of the whole `group` if it names one.
        homepage: where to get it.
    """

    name: str
    role: str
    folder: Path
    state: str
    note: str = ""
    split: str | None = None
    samples: int | None = None
    adopted: int | None = None
    group: str = ""
    homepage: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is there, whole."""
        return self.state == FOUND


@dataclass(frozen=True, slots=True)
class WeightState:
    """Weights that the run loads.

    Attributes:
        name: as the preset calls them; `role`: what for.
        path: where they were found.
        state, note: as in `SourceState`.
        gigabytes: of the files found.
        homepage: where to get them.
    """

    name: str
    role: str
    path: Path | None
    state: str
    note: str = ""
    gigabytes: float = 0.0
    homepage: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is there, whole."""
        return self.state == FOUND


def with_weights(preset: Preset, weights: str | os.PathLike) -> Preset:
    """The preset with the base, the judges and the distorter taken from a folder of weights, as far as they are there.

    Raises:
        MissingAsset: there is no such folder.
    """
    root = check_weights_root(weights)
    judges = {role: _found_in(getattr(preset.judges, role), root) for role in JUDGES}
    changed: dict[str, Any] = {
        "model": preset.model.model_copy(update={"weights": str(root.absolute())}),
        "judges": preset.judges.model_copy(update={role: name for role, name in judges.items() if name}),
    }
    chat = preset.distortion.backend_model
    if chat and preset.distortion.backend == "transformers" and (found := _found_in(chat, root)):
        changed["distortion"] = preset.distortion.model_copy(update={"backend_model": found})
    return preset.model_copy(update=changed)


def _found_in(name: str, root: Path) -> str | None:
    place = find_release(name, root)
    return str(place.absolute()) if place is not None and place.is_relative_to(root) else None


def check_sources(preset: Preset, steps: Iterable[str], *, count: bool = False) -> list[SourceState]:
    """The state of every dataset that these steps read, in the preset's order.

    Args:
        count: read all records, without their images, and say how many there are.

    Raises:
        MissingAsset: the folder of datasets itself is missing.
        ConfigError: no folder is set, or a name that the catalogue lacks.
    """
    if not preset.sources.root:
        raise no_data(preset)
    root = Path(preset.sources.root).expanduser()
    if not root.is_dir():
        raise MissingAsset(
            "the folder of datasets is missing",
            file=root,
            remedy="Give --root (the setting sources.root) a folder with one subfolder a dataset.",
        )
    steps = set(steps)
    wanted: dict[str, list[str]] = {}
    roles: Mapping[str, Iterable[str]] = {
        "polite": preset.sources.polite if "sources" in steps else (),
        "raw": preset.sources.raw if "sources" in steps else (),
        "captions": preset.sources.captions if "sources" in steps else (),
        "evaluation": asked_of(preset.evaluation) if _examines(steps) else (),
    }
    for role, names in roles.items():
        for name in names:
            wanted.setdefault(name, []).append(role)
    return [_source_state(name, tuple(roles), root, preset.seed, count) for name, roles in wanted.items()]


def _examines(steps: Iterable[str]) -> bool:
    """Whether a model is examined in one of these steps."""
    return any(name.startswith(examination("")) for name in steps)


def _source_state(name: str, roles: Sequence[str], root: Path, seed: int, count: bool) -> SourceState:
    from ..evaluation.on_sources import evaluation_split

    row, folder = CATALOG.get(name) or find_row(_reader(name, roles)), root / name
    known = {"adopted": row.paper_samples, "group": row.group, "homepage": row.homepage}
    role = ", ".join(roles)
    if not folder.is_dir():
        return SourceState(name, role, folder, MISSING, **known)  # type: ignore[arg-type]
    reader, split = row.name, row.split_name("train")
    try:
        splits = [split] if {"polite", "raw", "captions"} & set(roles) else []
        if "evaluation" in roles:
            splits.append(evaluation_split(name, folder))
        read = [_read(reader, folder, part, seed, count) for part in splits]
    except FlamingoError as error:
        return SourceState(name, role, folder, INCOMPLETE, _short(error), split, **known)  # type: ignore[arg-type]
    state = {"split": splits[0], "samples": read[0] if count else None}
    return SourceState(name, role, folder, FOUND, **state, **known)  # type: ignore[arg-type]


def _reader(name: str, roles: Sequence[str]) -> str:
    """The catalogue name that a folder is read by: one of captions may have any name."""
    return "mscoco-captions" if set(roles) == {"captions"} else name


def _read(name: str, folder: Path, split: str | None, seed: int, count: bool) -> int:
    """Read a few records with their images, then, if they are to be counted, all without; returns how many."""
    quarantine = Quarantine(max_share=find_row(name).max_share)
    probe = load_source(name, folder, split, seed=seed, quarantine=quarantine)
    seen = sum(1 for _ in islice(probe, PROBED))
    if not seen:
        reason = quarantine.entries[0]["reason"] if quarantine.entries else "no record"
        raise ConfigError(f"{split or 'its files'}: {reason}")
    if not count:
        return seen
    every = load_source(name, folder, split, seed=seed, check_images=False, quarantine=Quarantine(max_share=1.0))
    return sum(1 for _ in every)


def _short(error: FlamingoError) -> str:
    where = f" ({error.file})" if error.file is not None else ""
    return error.what + where


def weight_roles(preset: Preset, steps: Iterable[str]) -> dict[str, str]:
    """The weights that these steps load, by name, with what they are for."""
    steps, config = set(steps), preset.model
    roles: dict[str, str] = {}

    def add(name: str, role: str) -> None:
        name = _called(name, config.weights)
        roles[name] = f"{roles[name]}, {role}" if name in roles else role

    if made_here(preset) and steps - {"scenes", "sources", "distort"}:
        release = RELEASES[config.base]
        for name in release.needs:
            add(name, "base")
        add(config.base, "base")
        if config.adapter:
            add(config.adapter, "base's LoRA")
    elif steps - {"scenes", "sources", "distort"}:
        add(config.base, "base")
    if preset.distortion.backend == "transformers" and preset.distortion.backend_model and "distort" in steps:
        add(preset.distortion.backend_model, "distorter")
    if "filter" in steps or _examines(steps):
        for role in JUDGES:
            add(getattr(preset.judges, role), f"{role} judge")
    return roles


def _called(name: str, weights: str | None) -> str:
    """What a place under the folder of weights is called: by the release that was found there."""
    if weights is None or not Path(name).is_relative_to(weights):
        return name
    return next((known for known in RELEASES if find_release(known, weights) == Path(name)), name)


def check_weights_of(preset: Preset, steps: Iterable[str]) -> list[WeightState]:
    """The state of all weights that these steps load."""
    return [_weight_state(name, role, preset.model.weights) for name, role in weight_roles(preset, steps).items()]


def _weight_state(name: str, role: str, weights: str | None) -> WeightState:
    release = RELEASES.get(name)
    homepage = release.homepage if release else f"https://huggingface.co/{name}" if name.count("/") == 1 else ""
    if release and release.file:
        homepage = f"{homepage} ({release.file})"
    shipped = SHIPPED.get(role.split()[0]) if name == "tiny" else None
    path = local_folder(name, shipped_as=shipped) if shipped else find_release(name, weights)
    if path is None:
        return WeightState(name, role, None, MISSING, homepage=homepage)
    try:
        check_release(name, path)
        if release and release.kind == "tower" and "judge" in role and not (path / "tokenizer.json").is_file():
            raise MissingAsset("tokenizer.json is missing", file=path)
    except FlamingoError as error:
        return WeightState(name, role, path, INCOMPLETE, _short(error), homepage=homepage)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return WeightState(name, role, path, FOUND, "", sum(file.stat().st_size for file in files) / (1 << 30), homepage)


def check_fit(preset: Preset, weights: Sequence[WeightState]) -> None:
    """Make sure that the base's weights were trained for each other.

    Raises:
        CheckpointError: they were not.
    """
    if made_here(preset) and all(item.ok for item in weights if "base" in item.role):
        from ..training.released_config import released_config

        released_config(preset.model.base, preset.model.weights)


def require_all(preset: Preset, steps: Iterable[str]) -> None:
    """Stop if anything that these steps need is not there.

    Raises:
        MissingAsset: everything that is missing or incomplete, at once.
        CheckpointError: weights that were not trained for each other.
    """
    steps = tuple(steps)
    sources, weights = check_sources(preset, steps), check_weights_of(preset, steps)
    parts = []
    groups: tuple[tuple[str, Sequence[SourceState] | Sequence[WeightState]], ...]
    groups = (("datasets", sources), ("weights", weights))
    for what, states in groups:
        bad = [item for item in states if not item.ok]
        if bad:
            named = ", ".join(f"{item.name} ({item.note or item.state})" for item in bad)
            parts.append(f"{len(bad)} of {len(states)} {what}: {named}")
    if parts:
        raise MissingAsset(
            f"the preset {preset.name!r} lacks {'; and '.join(parts)}",
            file=preset.sources.root,
            remedy="The same command with --dry-run says where each is expected and where to get it.",
        )
    check_fit(preset, weights)
