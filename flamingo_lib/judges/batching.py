"""Fixed-shape batches: a text's padded shape depends on its own length alone, so that its rounding never varies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TOKENS = 512
"""Tokens per forward pass, padding included: a smaller budget re-reads the weights more often, a larger one makes a
single text wait for more padding.
"""

SHORT, STEP, LONG_STEP = 64, 8, 32
"""Lengths up to SHORT are rounded up to multiples of STEP, longer ones to multiples of LONG_STEP."""


def fixed_batches(lengths: Sequence[int], limit: int | None = None) -> Iterator[tuple[int, list[int]]]:
    """Batches over texts of these lengths, in tokens: (padded length, indices of the texts in it).

    A padded length always comes with the same number of rows. A batch with too few texts repeats its first one,
    so that a text goes through matrices of the same shape whatever its neighbours are.

    Args:
        limit: the longest padded length, if the model has one; no text is longer.
    """
    groups: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        step = STEP if length <= SHORT else LONG_STEP
        rounded = -(-length // step) * step
        groups.setdefault(min(rounded, limit) if limit else rounded, []).append(index)
    for length, members in groups.items():
        rows = max(1, TOKENS // length)
        for start in range(0, len(members), rows):
            batch = members[start : start + rows]
            yield length, batch + batch[:1] * (rows - len(batch))
