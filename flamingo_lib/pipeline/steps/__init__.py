"""The pipeline's rows, in order. A step is a function in a module of its own, so that its key counts just the code it uses."""

from __future__ import annotations

from . import distort, scenes, sources

STEPS = (scenes.STEP, sources.STEP, distort.STEP)
