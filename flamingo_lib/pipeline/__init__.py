"""The whole method as steps that are cached by content, in notebooks or without."""

from __future__ import annotations

from .run_folder import Result, Workspace
from .step import Job, Step

__all__ = ["Job", "Result", "Step", "Workspace"]
