"""Step: make the base from released weights, where the preset calls it by the name of a release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...config import Preset
from ...released import FLAMINGOS
from ..step import Job, Step
from .placement import placement

MODEL = "model"
"""The subfolder of a training step's result, and of this one's, that holds the model."""

NAME = "base"


def made_here(preset: Preset) -> bool:
    """Whether the base is a release that the run turns into a model folder; else it is a model folder already."""
    from ...hub import local_folder

    return preset.model.base in FLAMINGOS and local_folder(preset.model.base) is None


def base_inputs(preset: Preset) -> tuple[str, ...]:
    """The step that makes the base, for the inputs of those that read it; none if it is there already."""
    return (NAME,) if made_here(preset) else ()


def base_of(job: Job) -> str | Path:
    """The base's folder, or its name."""
    return job.inputs[NAME] / MODEL if NAME in job.inputs else job.preset.model.base


def base_files(preset: Preset) -> Sequence[Path]:
    """The files of the base, or of the weights it is made from, which every result that starts from it depends on."""
    from ...hub import resolve

    if made_here(preset):
        from ...training.released_config import release_places

        places = release_places(preset.model.base, preset.model.weights, preset.model.adapter)
        return sorted(file for place in places.values() for file in ([place] if place.is_file() else _files(place)))
    return _files(resolve(preset.model.base, role="the base model"))


def _files(folder: Path) -> list[Path]:
    suffixes = {".json", ".safetensors", ".txt", ".model", ".bin"}
    return sorted(path for path in folder.iterdir() if path.suffix in suffixes)


def run(job: Job) -> dict[str, Any]:
    """Write ``model/``, with a report of what was loaded and what was left out in it."""
    from ...training.released import import_released

    config, dtype = job.preset.model, placement(job.preset)["dtype"]
    imported = import_released(config.base, config.weights, job.folder / MODEL, adapter=config.adapter, dtype=dtype)
    return {
        "import.loaded": sum(imported.sources.values()),
        "import.left_out": len(imported.not_expected) + len(imported.not_needed),
    }


STEP = Step(NAME, "make the base from released weights", run, config=("model",), assets=base_files)
