"""A dry run: every dataset and all weights, found or missing, and what the run costs. Nothing is made."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..config import Preset, StageConfig
from ..errors import FlamingoError
from ..model.config import FlamingoConfig
from ..training.model_cost import Shape, expand
from ..training.resource_plan import GIGA, StagePlan, known_config, plan_stage, plan_table
from .requirements import (
    SourceState,
    WeightState,
    check_fit,
    check_sources,
    check_weights_of,
)
from .steps.base import made_here


@dataclass(frozen=True)
class DryRun:
    """What a dry run found.

    Attributes:
        sources, weights: their states; no sources where the run renders Scenes.
        plans: memory, steps and hours of each stage.
        disk: gigabytes that the run will write, by what they hold.
        free: gigabytes free where it writes.
        notes: what could not be planned, and weights that don't fit together.
    """

    preset: Preset
    sources: tuple[SourceState, ...]
    weights: tuple[WeightState, ...]
    plans: tuple[StagePlan, ...]
    disk: dict[str, float]
    free: float
    notes: tuple[str, ...]
    gpus: int
    memory: float

    @property
    def lacking(self) -> int:
        """The number of datasets and weights that are missing or incomplete."""
        return sum(not item.ok for item in self.sources) + sum(not item.ok for item in self.weights)

    @property
    def ready(self) -> bool:
        """Whether everything is there."""
        return not self.lacking

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "preset": self.preset.name,
            "ready": self.ready,
            "sources": [asdict(item) | {"folder": str(item.folder)} for item in self.sources],
            "weights": [asdict(item) | {"path": item.path and str(item.path)} for item in self.weights],
            "plans": [plan.to_json() for plan in self.plans],
            "disk_gb": self.disk,
            "free_gb": self.free,
            "notes": list(self.notes),
        }

    def lines(self) -> Iterator[str]:
        """The report as lines of text."""
        if self.sources:
            yield f"datasets, each in a subfolder of {self.preset.sources.root}"
            yield f"{'name':<26}{'state':<12}{'samples':>10}{'adopted':>10}   for"
            for item in self.sources:
                samples = "-" if item.samples is None else f"{item.samples:,}"
                adopted = f"{item.adopted:,}{'*' if item.group else ' '}" if item.adopted else "- "
                yield f"{item.name:<26}{item.state:<12}{samples:>10}{adopted:>11}  {item.role}"
                if not item.ok:
                    yield f"    {item.note or 'not there'}; expected in {item.folder}; get it from {item.homepage}"
            yield "* of the whole group: RET-3 (rsicd, rsitmd, ucm-captions), ELEVATER-IC (the fifteen elevater-* sets)"
        else:
            yield "datasets: rendered Scenes"
        yield ""
        yield "weights" + (f", in subfolders of {self.preset.model.weights}" if self.preset.model.weights else "")
        yield f"{'name':<50}{'state':<12}{'GB':>8}   for"
        for weight in self.weights:
            yield f"{weight.name:<50}{weight.state:<12}{weight.gigabytes or 0:>8.2f}   {weight.role}"
            if not weight.ok:
                get = f"; get it from {weight.homepage}" if weight.homepage else ""
                yield f"    {weight.note or 'not there'}{get}"
        yield ""
        yield f"stages, on {self.gpus} GPUs of {self.memory:g} GB (`flamingo plan` plans others)"
        if self.plans:
            yield plan_table(self.plans)
            hours = sum(plan.hours + plan.feature_hours for plan in self.plans)
            yield f"{hours:,.1f} hours of training in all; rewriting, filtering and evaluation come on top"
        yield ""
        yield f"disk the run writes, at most; {self.free:,.0f} GB are free"
        for name, size in self.disk.items():
            yield f"{name:<50}{size:>10,.1f} GB"
        yield f"{'in all':<50}{sum(self.disk.values()):>10,.1f} GB"
        yield from self.notes
        found = f"{self.lacking} missing or incomplete" if self.lacking else "everything is there"
        yield f"\n{found}: {len(self.sources)} datasets, {len(self.weights)} weights"


def dry_run(
    preset: Preset, steps: Iterable[str], run_folder: Path, *, count: bool = True, gpus: int = 8, memory: float = 40
) -> DryRun:
    """Look at all that the run needs and plan it.

    Args:
        steps: names of the steps that would be done.
        run_folder: where the run would write.
        count: count the samples of every dataset that is there.
        gpus, memory: what the plan is made for; gigabytes a GPU.

    Raises:
        MissingAsset: there is no folder of datasets.
    """
    steps, notes = tuple(steps), []
    own = bool(preset.sources.root) or not preset.sources.scenes
    sources = tuple(check_sources(preset, steps, count=count)) if own else ()
    weights = tuple(check_weights_of(preset, steps))
    try:
        check_fit(preset, weights)
        config = _config(preset, weights)
    except FlamingoError as error:
        notes.append(f"the weights do not fit together: {error}")
        config = known_config(preset.model.base)
    stages = {"rewriter": preset.rewriter, **preset.stages}
    plans = []
    for name, stage in stages.items():
        try:
            plans.append(plan_stage(name, stage, preset.model, gpus=gpus, memory=memory, config=config))
        except FlamingoError as error:
            notes.append(f"{name} cannot be planned: {error}")
    disk = disk_gigabytes(preset, config, stages, gpus=gpus)
    there = next(folder for folder in (run_folder, *run_folder.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free / GIGA
    return DryRun(preset, sources, weights, tuple(plans), disk, free, tuple(notes), gpus, memory)


def _config(preset: Preset, weights: Sequence[WeightState]) -> FlamingoConfig:
    """The base's config: of the weights found, else by heart."""
    if made_here(preset) and all(item.ok for item in weights if "base" in item.role):
        from ..training.released_config import released_config

        return released_config(preset.model.base, preset.model.weights)
    return known_config(preset.model.base)


def disk_gigabytes(
    preset: Preset, config: FlamingoConfig, stages: dict[str, StageConfig], *, gpus: int
) -> dict[str, float]:
    """Gigabytes that a run writes at most, by what they hold.

    Models keep frozen weights in the preset's number format (in float32 if several GPUs share them) and trained ones
    in float32; LoRA stands twice in a folder, once as an adapter. Checkpoints, of which two are kept, hold trained
    weights and both moments of Adam. Visual features are float32; each sample counts as another image.
    """
    shape = Shape(config, preset.model.lora_rank)
    counts = shape.parameters()
    width = 2 if preset.model.dtype == "bfloat16" else 4
    frozen = 4 if gpus > 1 else width
    disk: dict[str, float] = {}
    if made_here(preset):
        disk["base"] = width * sum(counts.values()) / GIGA
    for name, stage in stages.items():
        trained = shape.trained(stage.tunes)
        whole = frozen * (sum(counts.values()) - trained) + 4 * trained
        disk[f"model of {name}"] = (whole + (4 * counts["lora"] if "lora" in stage.tunes else 0)) / GIGA
    disk["checkpoints while a stage trains"] = max(24 * shape.trained(stage.tunes) for stage in stages.values()) / GIGA
    tokens, latents = shape.patches * shape.width * 4, shape.latents * shape.width * 4
    images: dict[str, int] = {"vision tokens": 0, "latents": 0}
    for stage in stages.values():
        parts = expand(stage.tunes)
        form = "" if "vision" in parts else "vision tokens" if "resampler" in parts else "latents"
        if form and stage.samples and stage.max_images:
            images[form] = max(images[form], stage.samples)
    for form, size in (("vision tokens", tokens), ("latents", latents)):
        if images[form]:
            disk[f"cached {form} of {images[form]:,} images"] = images[form] * size / GIGA
    return disk
