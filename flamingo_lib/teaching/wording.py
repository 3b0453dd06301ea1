"""Wording of measured changes in the notebooks: what an interval says, so that no sentence outlives its figures."""

from __future__ import annotations

from ..evaluation.bootstrap import Interval


def change(interval: Interval, digits: int = 3) -> str:
    """A difference in words: ``rises by 0.031 (0.010 to 0.052)``, or that it does not move beyond chance.

    Args:
        interval: of the later value less the earlier one.
        digits: decimals.
    """
    value, low, high = (f"{number:+.{digits}f}" for number in (interval.value, interval.low, interval.high))
    if interval.value != interval.value or interval.low != interval.low:
        return "can't be judged from so few questions"
    if not interval.excludes():
        return f"does not move beyond chance ({value}; {low} to {high})"
    bounds = sorted((abs(interval.low), abs(interval.high)))
    size = f"{abs(interval.value):.{digits}f} ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})"
    return f"{'rises' if interval.value > 0 else 'falls'} by {size}"


def listed(words: list[str], nothing: str = "none") -> str:
    """Names in a sentence: ``a``, ``a and b``, ``a, b and c``; `nothing` of none."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or nothing
