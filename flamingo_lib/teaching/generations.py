"""Checks of notebook 09: settings that differ, a paired interval, unchanged rewrites, a limit of many generations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..judges.rouge import rouge_l
from .outcome import call, exercise, number, require, shown


@exercise("09.1")
def ex_09_1(differing: Callable[[dict[str, Any], dict[str, Any]], Iterable[str]]) -> str:
    """Settings that differ between two rows of a preset.

    Args:
        differing: from two dictionaries to the names whose values differ, names that only one has among them.
    """
    cases: tuple[tuple[dict[str, Any], dict[str, Any], set[str]], ...] = (
        ({"start": None, "max_steps": 5}, {"start": "stage3", "max_steps": 5}, {"start"}),
        ({"start": "a", "rate": 0.1}, {"rate": 0.1, "start": "a"}, set()),
        ({"tunes": ["lora"], "epochs": 1}, {"tunes": ["lora"], "epochs": 2, "packing": "none"}, {"epochs", "packing"}),
        ({"seed": 0, "max_steps": None}, {"seed": 0}, {"max_steps"}),
    )
    for one, two, expected in cases:
        given = call(differing, dict(one), dict(two))
        require(isinstance(given, (set, list, tuple, frozenset)), f"return a set of names, not {shown(given)}")
        found = set(given)
        alone = {name for name in expected if name not in one or name not in two}
        require(
            not (alone - found), f"{sorted(alone - found)} stands in one of the two only, and so differs: {one}, {two}"
        )
        require(found == expected, f"between {one} and {two} {expected or 'nothing'} differs, not {found or 'nothing'}")
    return "a comparison in which one name differs tells what that one setting does."


def _rewards(seed: int, count: int) -> tuple[list[float], list[float]]:
    """Paired values that vary much from record to record and little within one."""
    random = np.random.default_rng(seed)
    record = random.normal(0, 2, count)
    first, second = record + random.normal(0, 0.2, count), record + 0.3 + random.normal(0, 0.2, count)
    return first.tolist(), second.tolist()


@exercise("09.2")
def ex_09_2(interval: Callable[[list[float], list[float], int], Sequence[float]]) -> str:
    """A paired 95 % bootstrap interval of the mean difference.

    Args:
        interval: from both generations' rewards, record by record, and a seed to (low, high) of second minus first.
    """
    for seed, count in ((1, 200), (2, 50)):
        first, second = _rewards(seed, count)
        given = call(interval, list(first), list(second), seed)
        require(
            isinstance(given, (list, tuple, np.ndarray)) and len(given) == 2, f"return two bounds, not {shown(given)}"
        )
        low, high = (number(value, "a bound") for value in given)
        require(low < high, f"the lower bound {low:.3f} is not below the upper one {high:.3f}")
        gap = np.array(second) - np.array(first)
        mean, half = float(gap.mean()), 1.96 * float(gap.std(ddof=1)) / math.sqrt(count)
        apart = 1.96 * math.hypot(np.std(first, ddof=1), np.std(second, ddof=1)) / math.sqrt(count)
        require(
            (high - low) / 2 < 0.5 * apart,
            f"your interval is {high - low:.2f} wide, as if the records were drawn for each generation by itself: draw "
            "records, and take both rewards of each",
        )
        require(
            (high - low) / 2 > 0.6 * half,
            f"your interval is only {high - low:.3f} wide: draw as many records as there are, with replacement",
        )
        require(low + high > 0, "the second generation is better here: take second minus first")
        require(
            low <= mean <= high and (high - low) / 2 < 1.5 * half,
            f"the mean difference is {mean:.3f}, and about 95 % of the means of drawn records lie within {half:.3f}; "
            f"yours are from {low:.3f} to {high:.3f}",
        )
    return "records differ much more than generations do; pairing takes that out of the interval."


TEXTS = (
    ("red", "red"),
    ("Red.", "red"),
    ("the red ring", "The red ring is at the top."),
    ("2", "There are 2."),
    ("a small blue star on the left", "A small blue star on the left."),
    ("no", "No, there is none."),
    ("left", "It is on the left."),
)


@exercise("09.3")
def ex_09_3(unchanged: Callable[[list[str], list[str]], float]) -> str:
    """The unchanged share: rewrites that say what the annotation says in the same words.

    Args:
        unchanged: from annotations and rewrites to a share, 0 to 1; Rouge-L of at least .98 counts as unchanged.
    """
    before, after = [list(column) for column in zip(*TEXTS, strict=True)]
    given = number(call(unchanged, list(before), list(after)))
    same = [rouge_l(two, one) >= 0.98 for one, two in TEXTS]
    expected, exact = sum(same) / len(same), sum(one == two for one, two in TEXTS) / len(TEXTS)
    require(
        abs(given - exact) > 1e-6,
        f"{exact:.3f} counts equal strings only: 'Red.' and 'red' are the same words, and Rouge-L says so",
    )
    require(abs(given - (1 - expected)) > 1e-6, "that is the share of those that changed")
    require(abs(given - expected) < 1e-6, f"{sum(same)} of {len(same)} are unchanged, {expected:.3f}, not {given:.3f}")
    return "an annotation with a capital letter and a full stop is still an annotation."


@exercise("09.4")
def ex_09_4(limit: Callable[[float, float, float], float | None]) -> str:
    """The limit of many generations, if each gains the same fraction of the gain before.

    Args:
        limit: from the mean rewards of annotations, first and second generation to the limit; None if the gains don't
            shrink.
    """
    for raw, first, second in ((-2.0, 0.0, 1.0), (0.0, 1.0, 0.5), (-1.0, 1.0, 1.2)):
        given = number(call(limit, raw, first, second))
        ratio = (second - first) / (first - raw)
        expected = raw + (first - raw) / (1 - ratio)
        require(
            abs(given - (second + (second - first))) > 1e-9 or abs(given - expected) < 1e-9,
            "the third generation would not gain as much as the second did, but less by the same factor",
        )
        require(
            abs(given - expected) < 1e-6,
            f"from {raw:g} over {first:g} to {second:g} the gains shrink by {ratio:.2f} each time, so the limit is "
            f"{expected:.3f}, not {given:.3f}",
        )
    try:
        endless = limit(0.0, 1.0, 3.0)
    except Exception as error:
        require(False, f"where gains grow your function raises {type(error).__name__}: return None")
    require(
        endless is None, f"from 0 over 1 to 3 the gains grow, and there is no limit: return None, not {shown(endless)}"
    )
    return "a limit under an assumption that two generations cannot test: that takes a third."
