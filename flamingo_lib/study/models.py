"""Models of the study: what is trained beside the stages, and the steps of a seed's run that make it.

Every tuned model is a row of the preset's stages, trained by the pipeline's own training step. The preset's stages are
taken over as they are; the rest, its ablations among them, differs from a shorter stage 2 in one cell, or in the data
it reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..config import Preset, StageConfig
from ..errors import ConfigError
from ..evaluation.selection import SHORT
from ..filters.chain import RULES
from ..pipeline.step import Step, table
from ..pipeline.steps import build_steps
from ..pipeline.steps import filter as filter_step
from ..pipeline.steps import rewrite as rewrite_step
from ..pipeline.steps.training import training_step
from .predict import BASES, REWRITERS, model_predictions_step, rewriter_predictions_step
from .steps import (
    equal_filters_step,
    filter_text_only_step,
    other_image_step,
    reading,
    same_data_training_step,
    text_only_step,
    unfiltered_step,
)

NEEDED = ("stage1", "stage2", "stage3", "raw")
SECOND = "rewriter_second_generation"
FEWER, ONE = 3, 1
"""Seeds of the models that stand in a comparison of their own; of those that cost most, or that no claim is about."""
SHORTER = 3
"""Variants of stage 2 are trained with its updates over this and compared with `SHORT`, which is stage 2 itself with as
few, so that the whole study stays within three hours.
"""
PREFIX = "predict_"
"""Of the steps whose result holds the stored predictions of a model."""


@dataclass(frozen=True, slots=True)
class StudyModel:
    """A model whose predictions the study stores.

    Attributes:
        name: as in stored predictions.
        title: what it is, a few words.
        seeds: on how many of the seeds it is made, the first ones; None: on all.
        core: made of all seeds before any other model.
    """

    name: str
    title: str
    seeds: int | None = None
    core: bool = False

    @property
    def step(self) -> str:
        """The step that stores its predictions."""
        return PREFIX + self.name


def filter_variants(preset: Preset) -> dict[str, tuple[str, ...]]:
    """The chains that are compared at equal data size, by name: none, the rules together, each judge's filter, all.

    The rules (length, change, repetition, preamble) ask no judge and seldom drop anything, so they count as one.
    """
    chain = preset.filters.chain
    rules = tuple(name for name in chain if name in RULES)
    return {"none": (), "rules": rules, **{name: (name,) for name in chain if name not in RULES}, "all": chain}


ENDS = ("none", "all")
"""The chains that the question is about; the others say which filter does it."""


def compared_filters(preset: Preset) -> tuple[str, ...]:
    """The variants that are compared with no filter, all filters first."""
    return ("all", *(name for name in filter_variants(preset) if name not in ENDS))


def study_models(preset: Preset) -> dict[str, StudyModel]:
    """The study's models by name, in the order in which they are made.

    Raises:
        ConfigError: the preset lacks a row that the study is about.
    """
    if "no_stage1" not in preset.ablations:
        raise ConfigError(f"preset {preset.name!r} has no ablations, which the study needs")
    rows = [
        *(StudyModel(name, "the base", core=True) for name in BASES),
        *(StudyModel(name, f"{name} of the preset", core=True) for name in preset.stages),
        StudyModel("rewriter", "the rewriter", core=True),
        StudyModel("rewriter_text_only", "the rewriter without the image", seeds=FEWER),
        StudyModel("rewriter_other_image", "the rewriter with another image", seeds=FEWER),
        StudyModel(SHORT, "stage 2, a third of its updates", seeds=FEWER),
        StudyModel("no_stage1", "the same without stage 1", seeds=FEWER),
        *(StudyModel(f"filter_{name}", f"the same, equal size, filters: {name}", seeds=FEWER) for name in ENDS),
        StudyModel("text_only", "the same on the output of the rewriter without the image", seeds=FEWER),
        StudyModel(SECOND, "a rewriter trained from stage 3", seeds=FEWER),
        StudyModel("packing_none", "stage 2, as few updates, a turn a window", seeds=FEWER),
        StudyModel("packing_random", "the same, windows filled at random", seeds=FEWER),
        *(
            StudyModel(f"filter_{name}", f"stage 2, as few updates, equal size, filters: {name}", seeds=ONE)
            for name in filter_variants(preset)
            if name not in ENDS
        ),
        *(
            StudyModel(
                name,
                f"stage 2, as few updates: {name.replace('_', ' ')}",
                seeds=ONE if "vision" in row.tunes else FEWER,
            )
            for name, row in preset.ablations.items()
            if name != "no_stage1"
        ),
        StudyModel("second_generation", "stage 2 on the second rewriter's output", seeds=ONE),
        StudyModel("no_filter", "stage 2 on all rewrites, unfiltered", seeds=ONE),
    ]
    return {row.name: row for row in rows}


def study_preset(preset: Preset) -> Preset:
    """The preset with a row for every model that is trained.

    Raises:
        ConfigError: the preset lacks a stage that the study is about.
    """
    missing = [name for name in NEEDED if name not in preset.stages]
    if missing:
        raise ConfigError(
            f"the study needs the stages {', '.join(NEEDED)}; preset {preset.name!r} lacks {', '.join(missing)}"
        )
    stage2 = preset.stages["stage2"]

    short = shorter(stage2)

    rows = {
        SHORT: short,
        "packing_none": short.model_copy(update={"packing": "none"}),
        "packing_random": short.model_copy(update={"packing": "random_fill"}),
        "text_only": short,
        "no_filter": stage2,
        **{f"filter_{name}": short for name in filter_variants(preset)},
        **{name: shorter(row) for name, row in preset.ablations.items()},
        SECOND: preset.rewriter.model_copy(update={"start": "stage3"}),
        "second_generation": stage2,
    }
    return preset.model_copy(update={"stages": {**preset.stages, **rows}})


def shorter(stage: StageConfig) -> StageConfig:
    """The row with its updates over `SHORTER`."""
    if stage.max_steps is None:
        return stage.model_copy(update={"epochs": stage.epochs / SHORTER})
    return stage.model_copy(update={"max_steps": max(1, stage.max_steps // SHORTER)})


def study_steps(preset: Preset) -> list[Step]:
    """All steps of one seed, each behind those that it reads; `preset` is that of `study_preset`.

    The pipeline's own come first with the keys they have in a pipeline's run.
    """
    own = {*_study_rows(preset)}
    plain = preset.model_copy(update={"stages": {k: v for k, v in preset.stages.items() if k not in own}})
    pipeline = table(build_steps(plain))
    steps = [pipeline[name] for name in needed_steps(pipeline.values(), ["filter", *plain.stages])]

    def trained(name: str) -> Step:
        return training_step(name, preset.stages[name], preset, title=f"train {name}", config=f"stages.{name}")

    variants = filter_variants(preset)
    steps += [
        *map(trained, (SHORT, *preset.ablations, "packing_none", "packing_random")),
        text_only_step(),
        renamed(reading(rewrite_step.STEP, sources="sources_text_only"), "rewrite_text_only", "rewrite without images"),
        filter_text_only_step(),
        reading(trained("text_only"), filter="filter_text_only"),
        other_image_step(),
        renamed(
            reading(rewrite_step.STEP, sources="sources_other_image"), "rewrite_other_image", "rewrite, other images"
        ),
        unfiltered_step(),
        reading(trained("no_filter"), filter="filter_off"),
        equal_filters_step(variants),
        *(same_data_training_step(trained(f"filter_{name}"), name) for name in variants),
        trained(SECOND),
        renamed(reading(rewrite_step.STEP, rewriter=SECOND), "rewrite_second_generation", "rewrite, second generation"),
        renamed(
            reading(filter_step.STEP, rewrite="rewrite_second_generation"),
            "filter_second_generation",
            "filter, second generation",
        ),
        reading(trained("second_generation"), filter="filter_second_generation"),
    ]
    names = [name for name in preset.stages if name != SECOND]
    steps += [model_predictions_step(f"{PREFIX}{name}", name) for name in (*BASES, *names)]
    steps += [rewriter_predictions_step(f"{PREFIX}{name}", name, rewrites) for name, rewrites in REWRITERS.items()]
    return list(table(steps).values())


def _study_rows(preset: Preset) -> Iterable[str]:
    """Names of the rows that `study_preset` adds."""
    variants = (f"filter_{name}" for name in filter_variants(preset))
    own = (SHORT, "packing_none", "packing_random", "text_only", "no_filter", SECOND, "second_generation")
    return (*own, *preset.ablations, *variants)


def renamed(step: Step, name: str, title: str) -> Step:
    """`step` under another name."""
    return replace(step, name=name, title=title)


def needed_steps(steps: Iterable[Step], wanted: Iterable[str]) -> list[str]:
    """Names of `wanted` steps and all that they read, in the order of `steps`."""
    rows = table(steps)
    needed, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += rows[name].inputs
    return [name for name in rows if name in needed]
