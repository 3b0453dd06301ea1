"""Notebook widgets: the record inspector and tables, pictures and plots, as ipywidgets over plain HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .inspector import Inspector
    from .show import pictures, plot, records, table, texts
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Inspector",
    "pictures",
    "plot",
    "records",
    "table",
    "texts",
]
