"""Edit rates of a text: the shares of words and of characters deleted or inserted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .segment import characters, words


class EditRates(NamedTuple):
    """Edit rates: insertions and deletions as a share of the original's length.

    0 is unchanged, 1 everything gone, 2 everything exchanged (or more).
    """

    words: float
    characters: float


def common_subsequence(one: Sequence, two: Sequence) -> int:
    """The length of the longest common subsequence, by bit-parallel dynamic programming over Python's integers."""
    bit_masks: dict = {}
    for index, item in enumerate(one):
        bit_masks[item] = bit_masks.get(item, 0) | (1 << index)
    full = (1 << len(one)) - 1
    row = full
    for item in two:
        hits = row & bit_masks.get(item, 0)
        row = ((row + hits) | (row - hits)) & full
    return len(one) - row.bit_count()


def _rate(one: Sequence, two: Sequence) -> float:
    return (len(one) + len(two) - 2 * common_subsequence(one, two)) / max(len(one), 1)


def edit_rates(before: str, after: str) -> EditRates:
    """The rates between two texts; white space does not count."""
    return EditRates(
        _rate(words(before), words(after)),
        _rate(characters("".join(before.split())), characters("".join(after.split()))),
    )
