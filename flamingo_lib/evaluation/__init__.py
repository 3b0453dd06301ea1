"""Evaluation: eval sets, accuracy, politeness, hallucination and the rewriter's metrics, by the filters' judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .accuracy import chat_accuracy, exact_accuracy, hallucination
    from .chat_generator import ChatGenerator
    from .few_shot import BaseMetrics, ExamplePool, PromptedBase, examine_base
    from .held_out_sources import SourceQuestion, read_held_out_sources
    from .model_metrics import EvalSet, ModelMetrics, examine, make_eval_set
    from .politeness import polite_share, preferred_share, win_matrix
    from .questions import EvalItem, EvalQuestion
    from .report import write_page
    from .rewriting import answer_preserved, rewriter_figures, rewriter_hallucinated, rewriter_win_rate
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "BaseMetrics",
    "ChatGenerator",
    "EvalItem",
    "EvalQuestion",
    "EvalSet",
    "ExamplePool",
    "ModelMetrics",
    "PromptedBase",
    "SourceQuestion",
    "answer_preserved",
    "chat_accuracy",
    "exact_accuracy",
    "examine",
    "examine_base",
    "hallucination",
    "make_eval_set",
    "polite_share",
    "preferred_share",
    "read_held_out_sources",
    "rewriter_figures",
    "rewriter_hallucinated",
    "rewriter_win_rate",
    "win_matrix",
    "write_page",
]
