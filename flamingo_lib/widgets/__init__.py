"""Notebook widgets for records, attention, windows, distortion, rewriting and answers; tables, pictures, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .answer_browser import AnswerBrowser
    from .attention import AttentionViewer
    from .distortion_bench import DistortionBench
    from .inspector import Inspector
    from .rewrite_bench import RewriteBench
    from .show import pictures, plot, records, saw, table, texts
    from .stage_diff import StageDiff
    from .threshold_explorer import ThresholdExplorer
    from .windows import WindowViewer
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "AnswerBrowser",
    "AttentionViewer",
    "DistortionBench",
    "Inspector",
    "RewriteBench",
    "StageDiff",
    "ThresholdExplorer",
    "WindowViewer",
    "pictures",
    "plot",
    "records",
    "saw",
    "table",
    "texts",
]
