"""Claims of the study: from stored predictions to per-question tables, and rules that an interval is held against.

A claim reads the predictions of some models on the same questions and makes of every seed a table with one row a
question (see `bootstrap`); its rule says what the interval must exclude. The claims themselves are in `claim_table`,
their verdicts in `verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..errors import DataError
from ..evaluation.predictions import Prediction
from .bootstrap import REPLICATES, Interval, Statistic, first_column, hierarchical_bootstrap


@dataclass(frozen=True)
class StudyData:
    """What the study has stored, by (seed, model).

    Attributes:
        predictions: of each model of each seed.
        facts: what its making gave besides: training steps, supervised tokens, seconds.
    """

    predictions: Mapping[tuple[int, str], Sequence[Prediction]]
    facts: Mapping[tuple[int, str], Mapping[str, float]] = field(default_factory=dict)

    def seeds(self, models: Iterable[str]) -> list[int]:
        """Seeds that have predictions of all `models`, in order."""
        found = {seed for seed, _ in self.predictions}
        return sorted(seed for seed in found if all(self.predictions.get((seed, model)) for model in models))

    def scores(self, seed: int, model: str, pool: str, score: str, kind: str | None = None) -> dict[str, float]:
        """A score of a model's predictions by question id, where it applies; `kind` selects one question type."""
        return {
            item.id: item.scores[score]
            for item in self.predictions[seed, model]
            if item.pool == pool and score in item.scores and kind in (None, item.type)
        }


Tables = Callable[[StudyData, int], np.ndarray]
"""Data and a seed to a table (questions, columns); `Unmeasured` of a seed that lacks what it needs."""


class Unmeasured(DataError):
    """A claim cannot be measured on a seed, which is left out with these words."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an interval must show for a claim to hold.

    Attributes:
        sign: "above": the whole interval is above `bound`; "below": below it; "within": between -`bound` and `bound`.
        bound: 0, or the margin within which two models count as about equal.
    """

    sign: Literal["above", "below", "within"]
    bound: float = 0.0

    def holds(self, low: float, high: float) -> bool:
        """Whether the interval excludes the contrary."""
        if self.sign == "within":
            return low > -self.bound and high < self.bound
        return low > self.bound if self.sign == "above" else high < self.bound

    @property
    def text(self) -> str:
        """The rule in words."""
        if self.sign == "within":
            return f"the interval lies within ±{self.bound:g}"
        return f"the interval lies {self.sign} {self.bound:g}"

    def failure(self, low: float, high: float) -> str:
        """Why an interval does not show the claim."""
        if self.sign == "within":
            apart = low >= self.bound or high <= -self.bound
            return (
                f"they differ by more than {self.bound:g}" if apart else f"the interval reaches beyond ±{self.bound:g}"
            )
        opposite = high < self.bound if self.sign == "above" else low > self.bound
        return "the contrary is shown" if opposite else f"the interval includes {self.bound:g}"


@dataclass(frozen=True)
class Claim:
    """One row of the table of claims.

    Attributes:
        name: short and unique, such as ``stage2_pays.reward``.
        group: title of the claims that belong together, a row of docs/method.md's table.
        text: what is claimed, in words.
        rule: when it holds.
        models: whose predictions it reads.
        tables: those predictions to a table of each seed.
        statistic: of the table's column means.
        median: columns are reduced by medians instead.
        paper: the paper's value of the same quantity; None if it gives none.
        metrics: keys of ``metrics.json`` whose difference (or one key: whose value) is this quantity in a single run.
    """

    name: str
    group: str
    text: str
    rule: Rule
    models: tuple[str, ...]
    tables: Tables
    statistic: Statistic = first_column
    median: bool = False
    paper: float | None = None
    metrics: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """``direction`` or ``equivalence``: what is tested."""
        return "equivalence" if self.rule.sign == "within" else "direction"

    def interval(self, tables: Mapping[int, np.ndarray], replicates: int = REPLICATES) -> Interval:
        """Its interval from the tables of some seeds."""
        return hierarchical_bootstrap(tables, self.statistic, median=self.median, replicates=replicates, key=self.name)


def paired(data: StudyData, seed: int, columns: Sequence[Mapping[str, float]], what: str) -> np.ndarray:
    """Columns of scores by question id as one table, a row a question.

    Raises:
        Unmeasured: there are no questions.
        DataError: the columns are of different questions, or a score is no finite number; the first one is named.
    """
    first = columns[0]
    for other in columns[1:]:
        odd = sorted(first.keys() ^ other.keys())
        if odd:
            raise DataError(
                f"{what}: the models were not asked the same questions, {len(odd)} are of some of them only",
                record=f"seed {seed}, {odd[0]}",
                remedy="Make the predictions of this seed again, all from one eval set.",
            )
    if not first:
        raise Unmeasured("no question to measure it")
    names = sorted(first)
    table = np.array([[column[name] for column in columns] for name in names], float)
    broken = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(broken):
        raise DataError(
            f"{what}: a score is no finite number",
            record=f"seed {seed}, {names[broken[0]]}",
            remedy="Score the predictions again; a judge that gives NaN is broken.",
        )
    return table


def scores_of(models: Sequence[str], pool: str, *scores: str, kind: str | None = None, part: bool = False) -> Tables:
    """Tables of `scores` of each of `models`: the first model's scores, then the next one's.

    With `part`, the questions are those that all models have the score of: a rewriter may be given a part of the
    records, and an empty text has no CLIPScore.
    """

    def table(data: StudyData, seed: int) -> np.ndarray:
        columns = [data.scores(seed, model, pool, score, kind) for model in models for score in scores]
        if part:
            common = set.intersection(*(set(column) for column in columns))
            columns = [{name: column[name] for name in common} for column in columns]
        return paired(data, seed, columns, f"{' and '.join(models)}, {pool}")

    return table


def difference(columns: np.ndarray) -> np.ndarray:
    """First column minus the second."""
    return columns[..., 0] - columns[..., 1]


def best_of(models: Sequence[str], against: str, pool: str, score: str) -> Tables:
    """Tables of `against` and of the one of `models` that is better at `score` over all seeds that have them."""

    def table(data: StudyData, seed: int) -> np.ndarray:
        means = {model: _mean_over_seeds(data, model, pool, score) for model in models}
        return scores_of((against, max(models, key=means.__getitem__)), pool, score)(data, seed)

    return table


def _mean_over_seeds(data: StudyData, model: str, pool: str, score: str) -> float:
    """Of the seeds that have such questions; minus infinity without one."""
    found = [list(data.scores(seed, model, pool, score).values()) for seed in data.seeds([model])]
    means = [np.mean(values) for values in found if values]
    return float(np.mean(means)) if means else -np.inf


def above_commonest(model: str, pool: str, kind: str) -> Tables:
    """Tables of a model's correctness, and of always giving the commonest answer of the seed's questions of a type.

    Questions without a reference, or whose answer was not compared with it, are left out.
    """

    def table(data: StudyData, seed: int) -> np.ndarray:
        right = data.scores(seed, model, pool, "correct", kind)
        known = {
            item.id: item.references[0]
            for item in data.predictions[seed, model]
            if item.pool == pool and item.id in right and item.references
        }
        answers = list(known.values())
        commonest = max(sorted(set(answers)), key=answers.count, default="")
        guessed = {name: float(answer == commonest) for name, answer in known.items()}
        return paired(data, seed, [{name: right[name] for name in known}, guessed], f"{model}, {kind}")

    return table


def fact_ratio(model: str, other: str, fact: str) -> Tables:
    """Tables of one row: a fact of `model` over that of `other`."""

    def table(data: StudyData, seed: int) -> np.ndarray:
        values = [data.facts.get((seed, name), {}).get(fact) for name in (model, other)]
        if values[0] is None or not values[1]:
            raise Unmeasured(f"no {fact} is stored of {model} and {other}")
        return np.array([[values[0] / values[1]]])

    return table


def kendall_tau_a(measured: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Kendall's tau-a of two series of values of the same models (..., models): -1 to 1, ties count nothing.

    `evaluation.meta_evaluation` has tau-b, which is not defined where all models are equal, as in some replicates.
    """
    count = measured.shape[-1]
    first, second = np.triu_indices(count, 1)
    signs = np.sign(measured[..., first] - measured[..., second]) * np.sign(true[..., first] - true[..., second])
    return signs.mean(axis=-1)
