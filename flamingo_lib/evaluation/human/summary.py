"""Everything that ratings of one set of pairs say: agreement, preferences, strengths, labels, and the judges beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import DataError
from ..bootstrap import RESAMPLES
from ..bradley_terry import strengths, strengths_with_length
from .agreement import judge_agreement, krippendorff_alpha, labels, majority, mean_kappa, preferences, words_of
from .pairs import PairSet
from .ratings import LABELS, Rating

RIGHT = ("matched", "correct")
"""Labels of answers that are right."""


def summarize(
    pairs: PairSet, ratings: Sequence[Rating], *, reward: str | None = "tiny", nli: str | None = "tiny", seed: int = 0
) -> dict[str, Any]:
    """The figures of `flamingo agreement`, plain JSON values; None where there is nothing to compute from.

    Args:
        pairs: what was rated.
        ratings: of all annotators.
        reward, nli: judges to compare with people; None leaves them out. The NLI judge needs references.
        seed: of the bootstrap over pairs.

    Raises:
        MissingAsset: a judge that is not on this machine.
        DataError: every rating skips its pair.
    """
    chosen = preferences(ratings)
    decided = majority(ratings)
    if not decided:
        raise DataError("every pair was skipped", remedy="Rate some pairs.")
    told = labels(ratings)
    found: dict[str, Any] = {
        "a": pairs.a,
        "b": pairs.b,
        "pairs": len(pairs.pairs),
        "rated": len(decided),
        "annotators": sorted(chosen),
        "preferred": _preferred(ratings),
        "cohen_kappa": _defined(mean_kappa(chosen)),
        "krippendorff_alpha": _defined(krippendorff_alpha(chosen)),
        "labels_cohen_kappa": _defined(mean_kappa(told)),
        "labels_krippendorff_alpha": _defined(krippendorff_alpha(told)),
        "labels": _labels(ratings),
        "bradley_terry": _strengths(pairs, ratings, seed),
    }
    if reward is not None:
        found["reward_agreement"] = _reward(pairs, decided, reward)
    if nli is not None and any(pair.reference for pair in pairs.pairs) and told:
        found["nli"] = _nli(pairs, ratings, nli)
    return found


def summary_rows(found: dict[str, Any]) -> list[list[str]]:
    """The figures as (what, value) rows of text."""
    a, b = found["a"], found["b"]
    rows = [
        ["pairs rated", f"{found['rated']} of {found['pairs']}, by {', '.join(found['annotators'])}"],
        *([f"more polite: {name}", f"{share:.1%}"] for name, share in _named(found["preferred"], a, b)),
        ["Cohen's kappa, politeness", _shown(found["cohen_kappa"])],
        ["Krippendorff's alpha, politeness", _shown(found["krippendorff_alpha"])],
        ["Cohen's kappa, labels", _shown(found["labels_cohen_kappa"])],
        ["Krippendorff's alpha, labels", _shown(found["labels_krippendorff_alpha"])],
    ]
    for system, counts in _named(found["labels"], a, b):
        if counts:
            rows.append([f"labels: {system}", ", ".join(f"{label} {count}" for label, count in counts.items())])
    for name, words in (("plain", "as it is"), ("length", "at equal length")):
        value, low, high = found["bradley_terry"][name]
        rows.append([f"Bradley-Terry, {b} over {a}, {words}", f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"])
    if agreed := found.get("reward_agreement"):
        rows.append(
            ["reward judge prefers what people prefer", f"{_shown(agreed['share'])} of {agreed['pairs']} pairs"]
        )
    for system, counts in _named(found.get("nli", {}), a, b):
        told = f"by people {counts['people']}, entailed by NLI {counts['nli']}, of {counts['answers']}"
        rows.append([f"right: {system}", told])
    return rows


def _named(values: dict[str, Any], a: str, b: str) -> list[tuple[str, Any]]:
    return [({"a": a, "b": b}.get(key, key), value) for key, value in values.items()]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _preferred(ratings: Sequence[Rating]) -> dict[str, float]:
    given = [rating.polite for rating in ratings if rating.polite is not None]
    return {name: given.count(name) / len(given) for name in ("a", "b", "tie")}


def _labels(ratings: Sequence[Rating]) -> dict[str, dict[str, int]]:
    return {
        system: {label: count for label in LABELS if (count := sum(r.labels[number] == label for r in ratings))}
        for number, system in enumerate("ab")
    }


def _strengths(pairs: PairSet, ratings: Sequence[Rating], seed: int) -> dict[str, list[float]]:
    """B's Bradley-Terry score over a's with its interval, as it is and at equal length; pairs are drawn anew."""
    given = [rating for rating in ratings if rating.polite is not None]
    score = {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5)}
    rewards = np.array([score[rating.polite or "tie"] for rating in given]).T
    length = words_of(pairs)
    words = np.array([length[rating.pair] for rating in given], dtype=float).T
    ids = sorted({rating.pair for rating in given})
    which = np.array([ids.index(rating.pair) for rating in given])
    draws = np.random.default_rng(seed).multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=RESAMPLES)
    weights = draws[:, which].astype(float)
    plain = strengths(("a", "b"), rewards, weights)
    equal = strengths_with_length(("a", "b"), rewards, words, weights)
    return {
        name: [2 * value for value in (fit.scores[1].value, fit.scores[1].low, fit.scores[1].high)]
        for name, fit in (("plain", plain), ("length", equal))
    }


def _reward(pairs: PairSet, decided: dict[str, str], name: str) -> dict[str, Any]:
    from ...judges.reward import RewardJudge

    judge = RewardJudge(name)
    rated = [pair for pair in pairs.pairs if pair.id in decided]
    asked = [pair.instruction for pair in rated]
    scores = [judge(asked, [pair.answer(system) for pair in rated]) for system in "ab"]
    known = {pair.id: (float(a), float(b)) for pair, a, b in zip(rated, *scores, strict=True)}
    share, count = judge_agreement(decided, known)
    return {"judge": name, "share": _defined(share), "pairs": count}


def _nli(pairs: PairSet, ratings: Sequence[Rating], name: str) -> dict[str, dict[str, Any]]:
    """For each system: answers that people call right, that NLI says the reference entails, and answers labelled."""
    from ...judges.nli import ENTAILMENT, NliJudge

    judge = NliJudge(name)
    known = {pair.id: pair for pair in pairs.pairs if pair.reference}
    found = {}
    for number, system in enumerate("ab"):
        labelled = [(known[r.pair], r.labels[number]) for r in ratings if r.pair in known and r.labels[number]]
        logits = judge(
            [pair.instruction for pair, _ in labelled],
            [pair.reference for pair, _ in labelled],
            [pair.answer(system) for pair, _ in labelled],
        )
        found[system] = {
            "people": sum(label in RIGHT for _, label in labelled),
            "nli": int((logits.argmax(1) == ENTAILMENT).sum()) if labelled else 0,
            "answers": len(labelled),
        }
    return found
