"""The pipeline's rows, in order. A step is a function in a module of its own, so that its key counts just the code it uses."""

from __future__ import annotations

from ..step import Step

STEPS: tuple[Step, ...] = ()
