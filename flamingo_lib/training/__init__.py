"""Training: examples, packed windows, the stages of the method, and estimates of what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .chat_files import read_examples
    from .collate import Collator
    from .examples import pair_examples, sample_example
    from .feature_cache import FeatureCache
    from .packing.dataset import WindowDataset
    from .packing.plan import PackingReport, WindowPlan
    from .packing.strategies import plan_windows
    from .packing.tokenized import TokenTable, build_table
    from .resource_plan import StagePlan, plan_stage
    from .results import StageResult, TrainingResult
    from .run import run_stage
    from .stages import load_base, train_stage
    from .trainer import StageTrainer
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "Collator",
    "FeatureCache",
    "PackingReport",
    "StagePlan",
    "StageResult",
    "StageTrainer",
    "TokenTable",
    "TrainingResult",
    "WindowDataset",
    "WindowPlan",
    "build_table",
    "load_base",
    "pair_examples",
    "plan_stage",
    "plan_windows",
    "read_examples",
    "run_stage",
    "sample_example",
    "train_stage",
]
