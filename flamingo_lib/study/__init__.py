"""The study: every claim of the method on several seeds, with its interval and its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .bootstrap import Interval, hierarchical_bootstrap
    from .claim_table import all_claims
    from .claims import Claim, Rule, StudyData
    from .models import StudyModel, study_models, study_preset, study_steps
    from .record import write_study
    from .run import StudyPlan, run_study
    from .stored import collect
    from .verdicts import judged_claims
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Claim",
    "Interval",
    "Rule",
    "StudyData",
    "StudyModel",
    "StudyPlan",
    "all_claims",
    "collect",
    "hierarchical_bootstrap",
    "judged_claims",
    "run_study",
    "study_models",
    "study_preset",
    "study_steps",
    "write_study",
]
