"""Filters of rewrites: rules and judges that keep or drop a record, the chain of them, its funnel and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .chain import Chain, RewardScores, build_filters
    from .claims import ClaimsFilter
    from .filter_metrics import filter_quality
    from .funnel import Funnel
    from .nli import NliFilter
    from .paragraphs import ParagraphFilter
    from .rules import ChangeFilter, LengthFilter, PreambleFilter, RepetitionFilter
    from .sts import StsFilter
    from .verdict import Filter, Outcome
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Chain",
    "ChangeFilter",
    "ClaimsFilter",
    "Filter",
    "Funnel",
    "LengthFilter",
    "NliFilter",
    "Outcome",
    "ParagraphFilter",
    "PreambleFilter",
    "RepetitionFilter",
    "RewardScores",
    "StsFilter",
    "build_filters",
    "filter_quality",
]
