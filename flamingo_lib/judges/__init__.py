"""Judges: models that score text and images (STS, NLI, reward, CLIPScore), ROUGE-L, and their training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .clipscore import ClipScoreJudge
    from .nli import NliJudge, contradiction_margin
    from .panel import Judges, find_judges, load_judges
    from .reward import RewardJudge, win_rate
    from .rouge import rouge_l, rouge_l_batch, rouge_l_best
    from .sts import StsJudge
    from .train import JudgeTraining, train_nli, train_reward
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "ClipScoreJudge",
    "JudgeTraining",
    "Judges",
    "NliJudge",
    "RewardJudge",
    "StsJudge",
    "contradiction_margin",
    "find_judges",
    "load_judges",
    "rouge_l",
    "rouge_l_batch",
    "rouge_l_best",
    "train_nli",
    "train_reward",
    "win_rate",
]
