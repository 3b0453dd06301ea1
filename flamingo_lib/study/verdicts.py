"""From claims and stored predictions to verdicts, each with its interval and what explains it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from .bootstrap import REPLICATES, Interval, prediction_range
from .claims import Claim, Rule, StudyData, Unmeasured


def judged_claims(
    claims: Iterable[Claim], data: StudyData, seeds: Sequence[int], *, replicates: int = REPLICATES
) -> list[dict[str, Any]]:
    """Every claim as a row of JSON values: ``claim paper ours low high holds seeds`` and what explains them.

    A claim is judged on those of `seeds` that have all its models and something to measure it on; without one,
    ``ours``, ``low``, ``high`` and ``holds`` are None and the reason says why. A single value has no interval, so that
    the last three are None.

    Raises:
        DataError: models were asked different questions, or a score is no finite number; the claim is named.
    """
    return [_row(claim, data, seeds, replicates) for claim in claims]


def _row(claim: Claim, data: StudyData, seeds: Sequence[int], replicates: int) -> dict[str, Any]:
    used = [seed for seed in data.seeds(claim.models) if seed in seeds]
    row: dict[str, Any] = {
        "claim": claim.text,
        "name": claim.name,
        "group": claim.group,
        "kind": claim.kind,
        "rule": claim.rule.text,
        "paper": claim.paper,
        "ours": None,
        "low": None,
        "high": None,
        "holds": None,
        "seeds": [],
        "per_seed": {},
        "seed_low": None,
        "seed_high": None,
        "questions": 0,
        "metrics": list(claim.metrics),
        "reason": "",
    }
    if not used:
        missing = [model for model in claim.models if not data.seeds([model])]
        return row | {"reason": f"not run: {', '.join(missing or claim.models)}"}
    tables, left_out = _tables(claim, data, used)
    if not tables:
        return row | {"reason": "; ".join(_left_out(left_out))}
    found = claim.interval(tables, replicates)
    values = list(found.by_seed.values())
    seed_low, seed_high = prediction_range(values) if len(values) > 1 else (None, None)
    several = found.questions > 1
    holds = claim.rule.holds(found.low, found.high) if several else None
    left_out |= dict.fromkeys(sorted(set(seeds) - set(used)), "not run")
    return row | {
        "ours": round(found.value, 4),
        "low": round(found.low, 4) if several else None,
        "high": round(found.high, 4) if several else None,
        "holds": holds,
        "seeds": list(tables),
        "per_seed": {str(seed): round(value, 4) for seed, value in found.by_seed.items()},
        "seed_low": None if seed_low is None else round(seed_low, 4),
        "seed_high": None if seed_high is None else round(seed_high, 4),
        "questions": found.questions,
        "reason": "; ".join((*_reasons(claim.rule, found, holds), *_left_out(left_out))),
    }


def _tables(claim: Claim, data: StudyData, seeds: Sequence[int]) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    """The claim's table of each seed, and why there is none of the other seeds."""
    tables, left_out = {}, {}
    for seed in seeds:
        try:
            tables[seed] = claim.tables(data, seed)
        except Unmeasured as error:
            left_out[seed] = error.what
        except DataError as error:
            what = f"claim {claim.name}: {error.what}"
            raise DataError(what, file=error.file, record=error.record, remedy=error.remedy) from error
    return tables, left_out


def _reasons(rule: Rule, found: Interval, holds: bool | None) -> Iterator[str]:
    """Why a claim does not hold, and what its interval lacks."""
    if holds is None:
        yield "one value of one seed has no interval"
        return
    if not holds:
        yield rule.failure(found.low, found.high)
    if len(found.by_seed) == 1:
        yield "one seed: the interval is over questions only"
    elif not holds and len(found.by_seed) == 2:
        yield "two seeds, whose interval reaches 12.7 standard errors to each side"


def _left_out(reasons: Mapping[int, str]) -> Iterator[str]:
    """The reasons by seed as words, those of one reason together."""
    for why in dict.fromkeys(reasons.values()):
        seeds = [str(seed) for seed, other in reasons.items() if other == why]
        yield f"{why} on seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
