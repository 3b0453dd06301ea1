"""A run's model as what answers questions, where and in which number format the preset says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..step import Job
from .placement import placement

if TYPE_CHECKING:
    from ...evaluation.chat_generator import ChatGenerator


def load_answerer(job: Job, model: str | Path, *, curt: bool = False) -> ChatGenerator:
    """The model of a folder, with the batch and the length of answers of `evaluation`.

    Args:
        job: of a step that declares the settings `model` and `evaluation`.
        model: its folder, or its name.
        curt: whether answers end with their line, as a base's do.
    """
    from ...evaluation.chat_generator import ChatGenerator
    from ...loading import load_model

    config, optimize = job.preset.evaluation, job.preset.model.optimize_for_cpu
    loaded = load_model(model, role="the model to examine", optimize=optimize, **placement(job.preset))
    return ChatGenerator(*loaded, batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, curt=curt)
