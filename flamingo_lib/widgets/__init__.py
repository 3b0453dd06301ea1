"""Notebook widgets for records, scenes, attention, windows, rewriting, answers and chats; tables, pictures, plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .answer_browser import AnswerBrowser
    from .ask_the_scene import AskTheScene, SceneModel
    from .attention import AttentionViewer
    from .chat_bench import ChatBench
    from .cost import CostViewer
    from .distortion_bench import DistortionBench
    from .generations import GenerationViewer
    from .inspector import Inspector
    from .rewrite_bench import RewriteBench
    from .scene_editor import SceneEditor
    from .show import pictures, plot, records, saw, table, texts
    from .stage_diff import StageDiff
    from .threshold_explorer import ThresholdExplorer
    from .verdict_recorder import VerdictRecorder
    from .windows import WindowViewer
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "AnswerBrowser",
    "AskTheScene",
    "AttentionViewer",
    "ChatBench",
    "CostViewer",
    "DistortionBench",
    "GenerationViewer",
    "Inspector",
    "RewriteBench",
    "SceneEditor",
    "SceneModel",
    "StageDiff",
    "ThresholdExplorer",
    "VerdictRecorder",
    "WindowViewer",
    "pictures",
    "plot",
    "records",
    "saw",
    "table",
    "texts",
]
