"""The table of claims: what the paper says, what the study measured, with which interval, and whether it holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from .. import html
from ..errors import DataError
from ..html import Markup, format_value
from .study_file import STUDY, read_study

REMEDY = "Make the study's result again with `flamingo study`."

REQUIRED = ("claim", "paper", "ours", "low", "high", "holds")
"""Keys of a stored claim; others, such as ``reason`` and ``group``, may stand beside them."""


def stored_claims(path: str | Path = STUDY) -> list[dict[str, Any]] | None:
    """The claims of a stored study; None if there is no such file.

    Raises:
        DataError: the file is no study of this version.
    """
    return read_study(path)["claims"] if Path(path).is_file() else None


def claims_table(claims: Sequence[Mapping[str, Any]], run: Mapping[str, Any] | None = None) -> Markup:
    """Claim, paper, ours, interval, verdict; and, where one is given, the value of this run beside the interval.

    Args:
        claims: the list of ``study.json``: each a mapping with `REQUIRED` keys, the measured value and interval as
            numbers (None where nothing was measured) and ``holds`` True, False or None; a claim that does not hold
            should have a ``reason``. Claims of one ``group`` stand under its name.
        run: figures of one run by their key in ``metrics.json``; a claim's ``metrics`` names the one that it is about,
            or the two whose difference it is about. The value is held against the range in which the study lets one
            more seed be expected (``seed_low`` to ``seed_high``), if it has one.

    Raises:
        DataError: a claim lacks a key, or its value or interval is no number.
    """
    if not claims:
        return html.message("The study holds no claims.")
    for number, claim in enumerate(claims, start=1):
        _check(claim, number)
    header = ["claim", "paper", "ours", "95 % interval", "verdict", *(["this run"] if run is not None else [])]
    rows: list[list[Any]] = []
    for group, members in groupby(claims, key=lambda claim: str(claim.get("group") or "")):
        own = list(members)
        if group:
            count = html.paragraph(f"{sum(claim['holds'] is True for claim in own)} of {len(own)}", strong=True)
            rows.append([html.paragraph(group, strong=True), "", "", "", count, *[""] * (len(header) - 5)])
        rows += [_row(claim, run) for claim in own]
    held = sum(claim["holds"] is True for claim in claims)
    against = sum(claim["holds"] is False for claim in claims)
    rest = len(claims) - held - against
    words = f"{len(claims)} claims at this size: hold {held}, do not hold {against}, not measured {rest}."
    seeds = Counter(_seeds(claim["seeds"]) for claim in claims if claim.get("seeds"))
    if len(seeds) > 1:
        told = "; ".join(f"{count} on seeds {named}" for named, count in seeds.most_common())
        words += f" Of them {told}."
    elif seeds:
        words += f" Seeds: {next(iter(seeds))}."
    return html.join([html.message(words), html.table(header, rows)])


def run_value(claim: Mapping[str, Any], run: Mapping[str, Any]) -> float | None:
    """What a run measured for a claim: the figure that its ``metrics`` names, or the first less the second of two."""
    names = claim.get("metrics") or ()
    values = [_number(run.get(name)) for name in names]
    if len(values) not in (1, 2) or any(value is None for value in values):
        return None
    return values[0] if len(values) == 1 else values[0] - values[1]  # type: ignore[operator]


def _row(claim: Mapping[str, Any], run: Mapping[str, Any] | None) -> list[Any]:
    interval = f"{format_value(claim['low'])} to {format_value(claim['high'])}" if _has_interval(claim) else None
    row = [claim["claim"], claim["paper"], claim["ours"], interval, _verdict(claim)]
    return row if run is None else [*row, _this_run(claim, run)]


def _this_run(claim: Mapping[str, Any], run: Mapping[str, Any]) -> str | None:
    value = run_value(claim, run)
    low, high = (claim.get(f"seed_{end}") for end in ("low", "high"))
    if value is None or low is None or high is None:
        return None if value is None else f"{value:.3f}"
    mark = html.badge("inside", "good") if low <= value <= high else html.badge("outside", "bad")
    return html.join([f"{value:.3f} ", mark, f" ({low:.3f} to {high:.3f})"])


def _verdict(claim: Mapping[str, Any]) -> str:
    if claim["holds"] is None:
        mark: str = html.text("not measured" if claim["ours"] is None else "no verdict")
    else:
        mark = html.badge("holds", "good") if claim["holds"] else html.badge("does not hold", "bad")
    reason = str(claim.get("reason") or "") or (
        str(claim.get("rule") or "") if claim["holds"] else "no reason is stored"
    )
    return html.join([mark, f" ({reason})"]) if reason else mark


def _check(claim: Mapping[str, Any], number: int) -> None:
    absent = [key for key in REQUIRED if key not in claim] if isinstance(claim, Mapping) else list(REQUIRED)
    if absent:
        raise DataError(f"a claim lacks {', '.join(absent)}", record=f"claim {number}", remedy=REMEDY)
    for key in ("low", "high", "ours", "seed_low", "seed_high"):
        value = claim.get(key)
        if value is not None and not (key == "ours" and isinstance(value, str)) and _number(value) is None:
            raise DataError(f"{key!r} of a claim is {value!r}, not a number", record=claim["claim"], remedy=REMEDY)
    if claim["holds"] not in (True, False, None):
        raise DataError(f"'holds' of a claim is {claim['holds']!r}", record=claim["claim"], remedy=REMEDY)


def _has_interval(claim: Mapping[str, Any]) -> bool:
    return claim["low"] is not None and claim["high"] is not None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def _seeds(seeds: Any) -> str:
    """Seeds in words: ``0 to 4`` where they follow each other, else ``0, 1, 3``."""
    if not isinstance(seeds, Sequence) or isinstance(seeds, str):
        return str(seeds)
    if (
        len(seeds) > 2
        and all(isinstance(seed, int) for seed in seeds)
        and list(seeds) == [*range(seeds[0], seeds[-1] + 1)]
    ):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
