"""What people touch in a notebook: ipywidgets over plain HTML."""

from __future__ import annotations

from .inspector import Inspector

__all__ = ["Inspector"]
