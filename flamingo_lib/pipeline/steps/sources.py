"""Step: read every dataset of the run into samples; what can't be read is set aside and counted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ...config import SourcesConfig
from ...errors import ConfigError, MissingAsset
from ...records import Sample
from ...storage import Quarantine, write_json
from ..step import Job, Step
from .records import write_records
from .scenes import data_root

POLITE, RAW, CAPTIONS = "polite.jsonl", "raw.jsonl", "captions.jsonl"


def run(job: Job) -> dict[str, Any]:
    """Write the samples: ``polite.jsonl``, ``raw.jsonl``, ``captions.jsonl``; ``counts.json``, ``quarantine.jsonl``."""
    from ...sources import load_source

    root, config = data_root(job.inputs["scenes"], job.preset), job.preset.sources
    _require_folders(root, config)
    quarantine = Quarantine(job.folder / "quarantine.jsonl")
    counts: dict[str, int] = {}

    def read(name: str) -> Iterator[Sample]:
        for sample in load_source(
            name, root / name, split=_split(name), limit=config.limit, seed=job.seed, quarantine=quarantine
        ):
            counts[name] = counts.get(name, 0) + 1
            yield sample

    polite = write_records(job.folder / POLITE, chain.from_iterable(map(read, config.polite)))
    raw = write_records(job.folder / RAW, chain.from_iterable(map(read, config.raw)))
    captions = (
        sample
        for folder in config.captions
        for sample in islice(
            load_source("mscoco-captions", root / folder, split="train", seed=job.seed, check_images=False),
            config.limit,
        )
    )
    write_records(job.folder / CAPTIONS, captions)
    write_json(job.folder / "counts.json", {"samples": counts, "quarantined": dict(quarantine.counts())})
    return {"sources.polite": polite, "sources.raw": raw, "sources.quarantined": len(quarantine)}


def _require_folders(root: Path, config: SourcesConfig) -> None:
    """Raise before anything is read if a dataset is missing, or if none are named."""
    empty = [name for name in ("polite", "raw") if not getattr(config, name)]
    if empty:
        raise ConfigError(
            f"the preset names no datasets in sources.{empty[0]}",
            remedy="Name some of those that `flamingo sources list` shows.",
        )
    names = dict.fromkeys((*config.polite, *config.raw, *config.captions))
    missing = [name for name in names if not (root / name).is_dir()]
    if missing:
        raise MissingAsset(
            f"{len(missing)} of {len(names)} datasets are missing: {', '.join(missing)}",
            file=root,
            remedy="Put each into the subfolder of its name, or leave them out of sources.polite, sources.raw and "
            "sources.captions.",
        )


def _split(name: str) -> str | None:
    """The part of a dataset that may be trained on; None where every part may."""
    from ...sources import find_row

    return find_row(name).split_name("train")


STEP = Step("sources", "read every dataset", run, inputs=("scenes",), config=("sources",))
