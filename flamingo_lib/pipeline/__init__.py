"""The whole method as steps that are cached by content, in notebooks or without."""

from __future__ import annotations

from .step import Job, Step
from .workspace import Result, Workspace

__all__ = ["Job", "Result", "Step", "Workspace"]
