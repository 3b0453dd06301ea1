"""Agreement between annotators, and between people and judges.

Cohen's kappa for two annotators (Cohen, 1960), Krippendorff's alpha for nominal values, any number of annotators and
missing ratings (Krippendorff, 2011, "Computing Krippendorff's Alpha-Reliability").
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

import numpy as np

from ...judges.reward import win_rate
from .pairs import PairSet
from .ratings import Rating

Values = Mapping[str, Mapping[str, Hashable]]
"""Annotator -> item -> value; an item that an annotator left out is absent."""


def cohen_kappa(first: Mapping[str, Hashable], second: Mapping[str, Hashable]) -> float:
    """Cohen's kappa over the items that both rated: 1 full agreement, 0 what chance gives; NaN without such items.

    Where both always give one and the same value, chance alone explains the agreement and kappa is not defined: NaN.
    """
    common = sorted(first.keys() & second.keys())
    if not common:
        return math.nan
    observed = sum(first[item] == second[item] for item in common) / len(common)
    counts = [Counter(values[item] for item in common) for values in (first, second)]
    expected = sum(counts[0][value] * counts[1][value] for value in counts[0]) / len(common) ** 2
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(values: Values) -> float:
    """Krippendorff's alpha for nominal values; NaN if no item has two ratings, or if all ratings are of one value."""
    items: dict[str, list[Hashable]] = defaultdict(list)
    for rated in values.values():
        for item, value in rated.items():
            items[item].append(value)
    pairable = [rated for rated in items.values() if len(rated) > 1]
    total = sum(map(len, pairable))
    if not total:
        return math.nan
    overall = Counter(value for rated in pairable for value in rated)
    observed = sum(
        (len(rated) ** 2 - sum(count**2 for count in Counter(rated).values())) / (len(rated) - 1) for rated in pairable
    )
    expected = (total**2 - sum(count**2 for count in overall.values())) / (total - 1)
    return math.nan if expected == 0 else 1 - observed / expected


def preferences(ratings: Sequence[Rating]) -> dict[str, dict[str, Hashable]]:
    """Each annotator's preferences, skips left out."""
    found: dict[str, dict[str, Hashable]] = defaultdict(dict)
    for rating in ratings:
        if rating.polite is not None:
            found[rating.annotator][rating.pair] = rating.polite
    return dict(found)


def labels(ratings: Sequence[Rating]) -> dict[str, dict[str, Hashable]]:
    """Each annotator's labels of single answers, an item being a pair and a system."""
    found: dict[str, dict[str, Hashable]] = defaultdict(dict)
    for rating in ratings:
        for system, label in zip("ab", rating.labels, strict=True):
            if label is not None:
                found[rating.annotator][f"{rating.pair}\0{system}"] = label
    return dict(found)


def mean_kappa(values: Values) -> float:
    """The mean of Cohen's kappa over all pairs of annotators; NaN of fewer than two."""
    found = [cohen_kappa(values[one], values[other]) for one, other in combinations(sorted(values), 2)]
    defined = [value for value in found if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan


def majority(ratings: Sequence[Rating]) -> dict[str, str]:
    """What most annotators say of each pair: ``"a"``, ``"b"`` or ``"tie"``; equal counts of a and b are a tie."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for rating in ratings:
        if rating.polite is not None:
            counts[rating.pair][rating.polite] += 1
    found = {}
    for pair, votes in counts.items():
        (first, most), *rest = votes.most_common()
        found[pair] = "tie" if rest and rest[0][1] == most else first
    return found


def judge_agreement(decided: Mapping[str, str], scores: Mapping[str, tuple[float, float]]) -> tuple[float, int]:
    """How often a judge prefers what people prefer, and over how many pairs; people's ties are left out.

    Args:
        decided: what people say of each pair (`majority`).
        scores: the judge's scores of a's and b's answer to each pair; its ties count half.
    """
    pairs = [pair for pair, winner in decided.items() if winner != "tie" and pair in scores]
    if not pairs:
        return math.nan, 0
    a, b = (np.array([scores[pair][index] for pair in pairs]) for index in (0, 1))
    wins = np.array([decided[pair] == "a" for pair in pairs])
    return win_rate(np.where(wins, a, b), np.where(wins, b, a)), len(pairs)


def words_of(pairs: PairSet) -> dict[str, tuple[int, int]]:
    """Words of a's and b's answer to each pair."""
    return {pair.id: (len(pair.answer("a").split()), len(pair.answer("b").split())) for pair in pairs.pairs}
