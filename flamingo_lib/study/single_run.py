"""Claims of the study measured on one run: intervals over its questions only, since it is one seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..config import Preset
from ..evaluation.predictions import Prediction
from .claim_table import all_claims
from .claims import StudyData
from .models import compared_filters
from .predict import with_rouge
from .verdicts import judged_claims

REPLICATES = 1000


def single_run_data(predictions: Iterable[Prediction]) -> StudyData:
    """A run's stored predictions as the claims read them, with the scores that the study's own steps add.

    Args:
        predictions: of the steps ``evaluate`` and ``figures``; the rewrites of the latter are those that passed the
            filters.
    """
    found: dict[tuple[int, str], list[Prediction]] = {}
    for item in predictions:
        found.setdefault((item.seed, item.model), []).append(_scored(item))
    return StudyData(found)


def _scored(item: Prediction) -> Prediction:
    new, old = item.scores.get("reward"), item.scores.get("reward_raw")
    if new is None or old is None:
        return with_rouge(item)
    return replace(item, scores=item.scores | {"beats_raw": float(new > old) + 0.5 * float(new == old)})


def single_run_claims(
    predictions: Iterable[Prediction], preset: Preset, *, replicates: int = REPLICATES
) -> list[dict[str, Any]]:
    """Every claim as `judged_claims` gives it; ``holds`` is None of those whose models the run does not have.

    With one seed an interval says how far other questions could move a value, not another training.

    Args:
        predictions: see `single_run_data`.
        preset: of the run.
        replicates: of the bootstrap.
    """
    data = single_run_data(predictions)
    seeds = sorted({seed for seed, _ in data.predictions})
    return judged_claims(all_claims(compared_filters(preset)), data, seeds, replicates=replicates)
