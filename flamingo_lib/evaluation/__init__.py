"""Evaluation: eval sets, accuracy, politeness, hallucination and the rewriter's metrics, by the filters' judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .accuracy import chat_accuracy, exact_accuracy, hallucination
    from .chat_generator import ChatGenerator
    from .model_metrics import EvalSet, ModelMetrics, examine, make_eval_set
    from .politeness import polite_share, preferred_share, win_matrix
    from .questions import EvalQuestion
    from .report import write_page
    from .rewriting import answer_preserved, rewriter_figures, rewriter_hallucinated, rewriter_win_rate
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "ChatGenerator",
    "EvalQuestion",
    "EvalSet",
    "ModelMetrics",
    "answer_preserved",
    "chat_accuracy",
    "exact_accuracy",
    "examine",
    "hallucination",
    "make_eval_set",
    "polite_share",
    "preferred_share",
    "rewriter_figures",
    "rewriter_hallucinated",
    "rewriter_win_rate",
    "win_matrix",
    "write_page",
]
