"""The pipeline's rows, in order. A step is a function in a module of its own, so that its key counts just the code it uses."""

from __future__ import annotations

from ...config import Preset
from ..step import Step
from . import distort, scenes, sources
from .training import training_step

TITLES = {
    "stage1": "stage 1: learn to chat",
    "stage2": "stage 2: learn to see, on rewritten annotations",
    "stage3": "stage 3: chat again",
    "raw": "stage 2 on raw annotations, for comparison",
}


def build_steps(preset: Preset) -> list[Step]:
    """The pipeline of `preset`, each step behind all that it reads."""
    rewriter = training_step("rewriter", preset.rewriter, preset, title="train the rewriter", config="rewriter")
    return [scenes.STEP, sources.STEP, distort.STEP, rewriter]
