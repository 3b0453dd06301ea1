"""Step: render the Scenes world and write it as datasets, unless the run reads datasets of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...config import Preset
from ...errors import ConfigError, MissingAsset
from ..step import Job, Step

DATA = "data"
"""The subfolder that holds one folder a dataset."""


def data_root(scenes: Path, preset: Preset) -> Path:
    """The folder with one subfolder a dataset: the user's, or that of the finished step `scenes`."""
    return Path(preset.sources.root).expanduser() if preset.sources.root else scenes / DATA


def no_data(preset: Preset) -> ConfigError:
    """That the preset reads datasets of the user's own, and that none are given."""
    names = dict.fromkeys((*preset.sources.polite, *preset.sources.raw))
    return ConfigError(
        "the preset has no data: sources.root is not set"
        + (f"; it reads {len(names)} datasets, {', '.join(names)}" if names else ", and sources names no datasets"),
        remedy="Set sources.root to a folder with one subfolder a dataset; `flamingo sources list` says where to get "
        "them.",
    )


def run(job: Job) -> dict[str, Any]:
    """Write ``data/<dataset>/...``, the pictures among it, and the truth in ``data/scene_graphs.jsonl``."""
    if job.preset.sources.root:
        root = data_root(job.folder, job.preset)
        if not root.is_dir():
            raise MissingAsset(
                "the folder of datasets is missing",
                file=root,
                remedy="Set sources.root to a folder with one subfolder a dataset.",
            )
        return {"scenes.pictures": 0}
    if not job.preset.sources.scenes:
        raise no_data(job.preset)
    from ...scenes.writers import write_scenes

    manifest = write_scenes(job.folder / DATA, job.preset.scenes, job.seed)
    return {"scenes.scenes": sum(manifest["pools"].values())}


STEP = Step(
    "scenes", "render scenes and write them as datasets", run, config=("scenes", "sources.root", "sources.scenes")
)
