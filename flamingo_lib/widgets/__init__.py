"""Notebook widgets: inspector, attention, windows, distortion, scenes; tables, pictures, plots; over plain HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .ask_the_scene import AskTheScene, SceneModel
    from .attention import AttentionViewer
    from .distortion_bench import DistortionBench
    from .inspector import Inspector
    from .scene_editor import SceneEditor
    from .show import pictures, plot, records, saw, table, texts
    from .windows import WindowViewer
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "AskTheScene",
    "AttentionViewer",
    "DistortionBench",
    "Inspector",
    "SceneEditor",
    "SceneModel",
    "WindowViewer",
    "pictures",
    "plot",
    "records",
    "saw",
    "table",
    "texts",
]
