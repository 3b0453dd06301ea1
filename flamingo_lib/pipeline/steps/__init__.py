"""The pipeline's steps, in order.

Each kind of step has a module of its own, so that its cache key counts just the code it uses.
"""

from __future__ import annotations

from ...config import Preset
from ...errors import ConfigError
from ..step import Step
from . import base, distort, figures, filter, rewrite, scenes, sources
from .evaluate import evaluation_step
from .examine import examination_step
from .packing import packing_step
from .training import training_step

TITLES = {
    "connector": "teach the connector to see",
    "stage1": "stage 1: learn to chat",
    "stage2": "stage 2: learn to see, on rewritten annotations",
    "stage3": "stage 3: chat again",
    "raw": "stage 2 on raw annotations, for comparison",
}


def build_steps(preset: Preset) -> list[Step]:
    """The pipeline of `preset`, each step behind all that it reads.

    Stages that the rewriter starts from come before it, all others after the filter; models are examined behind all
    training, or beside it where steps run at the same time.

    Raises:
        ConfigError: a stage that starts from one that does not stand before it, or an unknown mixture.
    """
    stages: dict[str, Step] = {}
    for name, stage in preset.stages.items():
        if stage.start not in ("base", *stages):
            remedy = f"Set stages.{name}.start to base or to a stage before it: {', '.join(stages) or 'there is none'}."
            raise ConfigError(
                f"stage {name!r} starts from {stage.start!r}, which does not come before it", remedy=remedy
            )
        stages[name] = training_step(
            name, stage, preset, title=TITLES.get(name, f"train {name}"), config=f"stages.{name}"
        )
    rewriter = training_step("rewriter", preset.rewriter, preset, title="train the rewriter", config="rewriter")
    early: list[Step] = []
    start = preset.rewriter.start
    while start != "base":
        if start not in stages:
            raise ConfigError(
                f"the rewriter starts from {start!r}, which is no stage",
                remedy="Set rewriter.start to base or to a stage.",
            )
        early.insert(0, stages.pop(start))
        start = preset.stages[start].start
    examined = [examination_step(name, preset) for name in (base.NAME, *preset.stages)]
    later = [packing_step(preset), *stages.values(), *examined, evaluation_step(preset), figures.STEP]
    first = [base.STEP] if base.made_here(preset) else []
    return [*first, scenes.STEP, sources.STEP, *early, distort.STEP, rewriter, rewrite.STEP, filter.STEP, *later]
