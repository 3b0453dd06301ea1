"""Selecting stored predictions: by model and pool, aligned over the questions that models share, scores as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..errors import DataError
from .metrics.values import score_of
from .predictions import Prediction

MODEL_TITLES = {
    "base": "base, zero-shot",
    "base_4shot": "base, four-shot",
    "stage1": "stage 1",
    "stage2": "stage 2",
    "stage2_short": "stage 2, a third of its updates",
    "stage3": "stage 3",
    "raw": "stage 2 on raw annotations",
    "no_filter": "no filter",
    "filter_none": "no filter",
    "text_only": "text-only rewriter",
    "second_generation": "second generation",
    "no_stage1": "no stage 1",
    "unfrozen_lora": "unfrozen LoRA",
    "unfrozen_vit": "unfrozen ViT",
    "twice_epochs": "twice the epochs",
    "low_resolution": "lower resolution",
    "packing_none": "one turn a window",
    "packing_random": "random multi-turn windows",
}
"""Models by the names of their stored predictions, in the order of every table, with what people read."""

SHORT = "stage2_short"
"""Stage 2 as far as the study trains its variants: what they are compared with."""

REWRITE_POOL, DATA_POOL = "rewrites", "data"
"""Pools of training data whose texts are scored as responses: outputs of a rewriter, under its name, whose first
reference is the raw annotation and whose ``reward_raw`` is that one's reward; and other data, under the data's name."""

DATA_TITLES = {
    "annotations": "raw annotations",
    "rewriter": "PF rewrites",
    "rewriter_second_generation": "PF rewrites, second generation",
    "rewriter_text_only": "rewrites without the image",
    "rewriter_other_image": "rewrites with another image",
    "dialogues": "dialogues",
    "text_dialogues": "text dialogues",
}
"""Rewriters and data by name, in order."""

VISUAL_POOLS = ("held_in", "held_out", "held_out_source")
"""Pools of questions about images."""


def title_of(model: str) -> str:
    """What people read for a model or data set of stored predictions."""
    if model in MODEL_TITLES or model in DATA_TITLES:
        return MODEL_TITLES.get(model) or DATA_TITLES[model]
    return f"filter: {model.removeprefix('filter_')}" if model.startswith("filter_") else model.replace("_", " ")


def select(
    predictions: Iterable[Prediction],
    *,
    models: Sequence[str] | None = None,
    pools: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
    score: str | None = None,
) -> dict[str, list[Prediction]]:
    """Predictions by model, in the order of `MODEL_TITLES`, then of `DATA_TITLES`, then of the alphabet.

    Args:
        predictions: of any models.
        models, pools, sources: only of these; None for all, of `pools` all but those of data.
        score: only those that have this score.
    """
    found: dict[str, list[Prediction]] = {}
    for item in predictions:
        if (
            (models is None or item.model in models)
            and (item.pool in pools if pools is not None else item.pool not in (REWRITE_POOL, DATA_POOL))
            and (sources is None or item.source in sources)
            and (score is None or score in item.scores)
        ):
            found.setdefault(item.model, []).append(item)
    order = {name: number for number, name in enumerate([*MODEL_TITLES, *DATA_TITLES])}
    return {name: found[name] for name in sorted(found, key=lambda name: (order.get(name, len(order)), name))}


def values_of(predictions: Iterable[Prediction], score: str) -> np.ndarray:
    """A stored score of each prediction (n,).

    Raises:
        DataError: one has none, or one that is no finite number.
    """
    values = []
    for item in predictions:
        value = score_of(item, score)
        if value is None:
            raise DataError(
                f"{item.model!r} has no score {score!r} of this question",
                record=item.id,
                remedy="Score these predictions again, with all judges.",
            )
        values.append(value)
    return np.asarray(values, dtype=float)


def shared_pools(
    groups: Mapping[str, Sequence[Prediction]], pools: Sequence[str]
) -> tuple[dict[str, list[Prediction]], tuple[str, ...]]:
    """The predictions of the pools in which every model has some, and a note that names the others, if any."""
    found = {name: {item.pool for item in items} for name, items in groups.items()}
    shared = [pool for pool in pools if all(pool in own for own in found.values())]
    dropped = [pool for pool in pools if pool not in shared and any(pool in own for own in found.values())]
    notes = tuple(
        f"Left out: the pool {pool}, of which {', '.join(title_of(name) for name in found if pool not in found[name])} "
        "has no such predictions."
        for pool in dropped
    )
    return {name: [item for item in items if item.pool in shared] for name, items in groups.items()}, notes


def question_key(item: Prediction) -> tuple[int, str, str]:
    """What two models' predictions of one question have in common: seed, pool and id."""
    return item.seed, item.pool, item.id


def aligned(groups: Mapping[str, Sequence[Prediction]]) -> dict[str, list[Prediction]]:
    """The predictions of each model in one order of questions, so that column i is the same question for all.

    Raises:
        DataError: a model answers a question twice, or the models answer different questions.
    """
    if not groups:
        return {}
    by_key: dict[str, dict[tuple[int, str, str], Prediction]] = {}
    for name, items in groups.items():
        by_key[name] = {question_key(item): item for item in items}
        if len(by_key[name]) != len(items):
            counts = Counter(question_key(item) for item in items)
            twice = next(item for item in items if counts[question_key(item)] > 1)
            raise DataError(
                f"{name!r} answers this question twice",
                record=twice.id,
                remedy="Store one prediction for each model, seed and question.",
            )
    first, *others = by_key
    for other in others:
        differing = by_key[first].keys() ^ by_key[other].keys()
        if differing:
            raise DataError(
                f"{first!r} and {other!r} answer different questions: {len(differing)} were put to one of them only",
                record=min(differing)[-1],
                remedy="Evaluate both on the same pools with the same seed.",
            )
    keys = sorted(by_key[first])
    return {name: [items[key] for key in keys] for name, items in by_key.items()}
