"""Human evaluation, blind: pairs of answers on a page, ratings as JSON lines, and how far people and judges agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .agreement import cohen_kappa, krippendorff_alpha
    from .pairs import PairSet, make_pairs, read_pairs, write_pairs
    from .ratings import Rating, read_ratings
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "PairSet",
    "Rating",
    "cohen_kappa",
    "krippendorff_alpha",
    "make_pairs",
    "read_pairs",
    "read_ratings",
    "write_pairs",
]
