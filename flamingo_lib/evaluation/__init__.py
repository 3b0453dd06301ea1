"""Evaluation: eval sets, accuracy, politeness, hallucination and the rewriter's metrics, by the filters' judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .accuracy import chat_accuracy, exact_accuracy, hallucination
    from .chat_generator import ChatGenerator
    from .claims import claims_table, stored_claims
    from .exhibit import Exhibit
    from .few_shot import BaseMetrics, ExamplePool, PromptedBase, examine_base
    from .figures_judges import figure_11
    from .figures_reward import data_predictions, figure_6
    from .figures_u import figure_9
    from .figures_wins import figure_8
    from .held_out_sources import SourceQuestion, read_held_out_sources
    from .model_metrics import EvalSet, ModelMetrics, examine, make_eval_set
    from .politeness import polite_share, preferred_share, win_matrix
    from .questions import EvalItem, EvalQuestion
    from .report import report_sections, write_page
    from .rewriting import answer_preserved, rewriter_figures, rewriter_hallucinated, rewriter_win_rate
    from .tables import table_1, table_2, table_3
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "BaseMetrics",
    "ChatGenerator",
    "EvalItem",
    "EvalQuestion",
    "EvalSet",
    "ExamplePool",
    "Exhibit",
    "ModelMetrics",
    "PromptedBase",
    "SourceQuestion",
    "answer_preserved",
    "chat_accuracy",
    "claims_table",
    "data_predictions",
    "exact_accuracy",
    "examine",
    "examine_base",
    "figure_6",
    "figure_8",
    "figure_9",
    "figure_11",
    "hallucination",
    "make_eval_set",
    "polite_share",
    "preferred_share",
    "read_held_out_sources",
    "report_sections",
    "rewriter_figures",
    "rewriter_hallucinated",
    "rewriter_win_rate",
    "stored_claims",
    "table_1",
    "table_2",
    "table_3",
    "win_matrix",
    "write_page",
]
