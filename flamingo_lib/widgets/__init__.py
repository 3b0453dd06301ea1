"""Notebook widgets over plain HTML: inspector, attention, windows, distortion, chat, cost; tables, pictures, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .attention import AttentionViewer
    from .chat_bench import ChatBench
    from .cost import CostViewer
    from .distortion_bench import DistortionBench
    from .generations import GenerationViewer
    from .inspector import Inspector
    from .show import pictures, plot, records, saw, table, texts
    from .windows import WindowViewer
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "AttentionViewer",
    "ChatBench",
    "CostViewer",
    "DistortionBench",
    "GenerationViewer",
    "Inspector",
    "WindowViewer",
    "pictures",
    "plot",
    "records",
    "saw",
    "table",
    "texts",
]
