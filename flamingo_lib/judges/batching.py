"""Batches whose shapes depend on a text's own length alone, for computations that round otherwise in another shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TOKENS = 512
"""Of one forward pass, filler included. Fewer cost more a token, since the weights are read once a pass; more, and a
text alone waits longer for its filler.
"""

SHORT, STEP, LONG_STEP = 64, 8, 32
"""Lengths up to SHORT are rounded up to multiples of STEP, longer ones to multiples of LONG_STEP."""


def fixed_batches(lengths: Sequence[int], limit: int | None = None) -> Iterator[tuple[int, list[int]]]:
    """Batches over texts of these lengths, in tokens: (padded length, indices of the texts in it).

    A padded length always comes with the same number of rows. Where texts are too few for a batch its first one is
    repeated, so that a text goes through matrices of the same shape whoever its neighbours are.

    Args:
        limit: the longest padded length, where the model has one; no text is longer.
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
