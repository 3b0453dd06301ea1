"""Metric values: a mean, median or share with its n, over all predictions and by question type."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import DataError
from ..predictions import Prediction

NAN = float("nan")


@dataclass(frozen=True)
class MetricValue:
    """A metric's value with the number of predictions it rests on.

    Attributes:
        value: NaN if n is 0.
        n: predictions (of CHAIR and boxes: objects) that were measured.
        left_out: predictions to which the metric does not apply: no reference, no such score.
        by_type: question type to (value, n).
    """

    value: float
    n: int
    left_out: int = 0
    by_type: dict[str, tuple[float, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a NaN, which JSON lacks, is null."""

        def plain(value: float) -> float | None:
            return None if math.isnan(value) else float(value)

        values: dict[str, Any] = {"value": plain(self.value), "n": self.n, "left_out": self.left_out}
        if self.by_type:
            values["by_type"] = {name: {"value": plain(value), "n": n} for name, (value, n) in self.by_type.items()}
        return values


def summarize(
    values: Sequence[float],
    types: Sequence[str],
    *,
    left_out: int = 0,
    how: Callable[[Sequence[float]], Any] = np.mean,
) -> MetricValue:
    """The mean (or another summary) of `values`, over all and by type; types without a name are not listed."""
    grouped: dict[str, list[float]] = defaultdict(list)
    for value, kind in zip(values, types, strict=True):
        grouped[kind].append(value)
    return MetricValue(
        float(how(values)) if len(values) else NAN,
        len(values),
        left_out,
        {kind: (float(how(grouped[kind])), len(grouped[kind])) for kind in sorted(grouped) if kind},
    )


def ratio(parts: Sequence[float], wholes: Sequence[float], types: Sequence[str], *, left_out: int = 0) -> MetricValue:
    """``sum(parts) / sum(wholes)``, over all and by type; n is ``sum(wholes)``; NaN where that is 0."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for part, whole, kind in zip(parts, wholes, types, strict=True):
        sums[kind][0] += part
        sums[kind][1] += whole
    part, whole = float(sum(parts)), int(sum(wholes))
    by_type = {kind: (p / w if w else NAN, int(w)) for kind, (p, w) in sorted(sums.items()) if kind}
    return MetricValue(part / whole if whole else NAN, whole, left_out, by_type)


def score_of(prediction: Prediction, name: str) -> float | None:
    """A stored score; None if the prediction has none of that name.

    Raises:
        DataError: it is NaN, infinite or no number.
    """
    score = prediction.scores.get(name)
    if score is None and name not in prediction.scores:
        return None
    if isinstance(score, (int, float)) and math.isfinite(score):
        return float(score)
    raise DataError(
        f"the score {name!r} of {prediction.model!r} is {score!r}, not a finite number",
        record=prediction.id,
        remedy="Score these predictions again: the judge that gave it is broken, or its text was empty.",
    )


def mean_score(
    predictions: Iterable[Prediction], name: str, *, how: Callable[[Sequence[float]], Any] = np.mean
) -> MetricValue:
    """Mean of a stored score over the predictions that have it.

    Raises:
        DataError: a score is no finite number.
    """
    values, types, left_out = [], [], 0
    for prediction in predictions:
        score = score_of(prediction, name)
        if score is None:
            left_out += 1
        else:
            values.append(score)
            types.append(prediction.type)
    return summarize(values, types, left_out=left_out, how=how)


def median_score(predictions: Iterable[Prediction], name: str) -> MetricValue:
    """Median of a stored score over the predictions that have it; raises as `mean_score`."""
    return mean_score(predictions, name, how=np.median)


def pair_up(first: Iterable[Prediction], second: Iterable[Prediction]) -> list[tuple[Prediction, Prediction]]:
    """The two models' predictions of the same questions, in the order of `first`.

    Raises:
        DataError: a question is answered twice by one of them, or by one of them only: predictions of another set.
    """
    left, right = _by_question(first), _by_question(second)
    for one, other in ((left, right), (right, left)):
        missing = [key for key in one if key not in other]
        if missing:
            model = next((prediction.model for prediction in other.values()), "the other model")
            raise DataError(
                f"{model!r} has no answer to {len(missing)} of {len(one)} questions: predictions of another set"
                if other
                else "there are no predictions to compare with",
                record=missing[0][0],
                remedy="Evaluate both models on the same source, split, limit and seed.",
            )
    return [(left[key], right[key]) for key in left]


def _by_question(predictions: Iterable[Prediction]) -> dict[tuple[str, int], Prediction]:
    found: dict[tuple[str, int], Prediction] = {}
    for prediction in predictions:
        key = (prediction.id, prediction.seed)
        if key in found:
            raise DataError(
                f"{found[key].model!r} and {prediction.model!r} both answer this question in one list",
                record=prediction.id,
                remedy="Give the predictions of one model at a time.",
            )
        found[key] = prediction
    return found
