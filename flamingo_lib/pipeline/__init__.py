"""The pipeline: the whole method as steps that are cached by content, in notebooks or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .metrics import write_metrics
    from .notebooks import run_notebooks
    from .run import run_pipeline
    from .run_folder import Result, Workspace
    from .step import Job, Step
    from .steps import build_steps
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Job",
    "Result",
    "Step",
    "Workspace",
    "build_steps",
    "run_notebooks",
    "run_pipeline",
    "write_metrics",
]
