"""Training steps: the rewriter, and each stage of the preset's table, from the model it starts from."""

from __future__ import annotations

from typing import Any

from ...config import Preset, StageConfig
from ...sources.mixture import Kind, find_mixture
from ..step import Job, Step
from .base import MODEL, base_files, base_inputs, base_of
from .mixtures import mixture_examples, mixture_inputs

SETTINGS: dict[Kind, tuple[str, ...]] = {"distorted-pairs": ("distortion",), "raw": ("rewriting.limit_per_source",)}
"""Preset settings that also decide the conversations of a kind."""


def training_step(name: str, stage: StageConfig, preset: Preset, *, title: str, config: str) -> Step:
    """The step that trains `stage`.

    Args:
        name: of the step.
        stage: what is tuned, on what, and what it starts from.
        preset: for the mixtures' own settings.
        title: shown with the progress.
        config: dotted path of the stage in the preset.
    """
    start = base_inputs(preset) if stage.start == "base" else (stage.start,)
    own = [path for kind in find_mixture(stage.mixture).reads for path in SETTINGS.get(kind, ())]
    inputs = dict.fromkeys((*mixture_inputs(stage.mixture), *start))

    def run(job: Job) -> dict[str, Any]:
        """Write ``model/``: weights, processor, how the training went, and the adapter of LoRA stages."""
        from ...training.stages import train_stage

        row = job.preset.rewriter if config == "rewriter" else job.preset.stages[name]
        base = base_of(job) if row.start == "base" else job.inputs[row.start] / MODEL
        result = train_stage(
            base,
            row,
            mixture_examples(row.mixture, job),
            job.folder / MODEL,
            seed=job.seed,
            model_config=job.preset.model,
            cache_folder=job.cache / "features",
            work_dir=job.scratch / "training",
            label=title,
        )
        return {
            f"train.{name}.steps": result.steps,
            f"train.{name}.loss": round(result.loss, 4),
            f"train.{name}.supervised_tokens": result.supervised_tokens,
            f"train.{name}.parameters": result.trained_parameters,
        }

    return Step(
        name,
        title,
        run,
        inputs=tuple(inputs),
        config=("sources.root", "model", config, *own),
        assets=base_files if stage.start == "base" and not base_inputs(preset) else None,
    )
