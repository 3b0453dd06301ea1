"""Wilson score interval of a share: how far the share of so few cases can be trusted."""

from __future__ import annotations

import math

from .bootstrap import NOTHING, Interval

NORMAL = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def share_interval(hits: int, n: int) -> Interval:
    """The share `hits` / `n` with its 95 % interval after Wilson (1927), good for few cases and near 0 or 1.

    Raises:
        ValueError: more hits than cases, or fewer than none.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n}")
    if not n:
        return NOTHING
    share, spread = hits / n, NORMAL**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = NORMAL * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), n)
