"""Batches without their padding: all but attention is computed for the tokens alone, and attention for rows of about
one length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

WORTH = 0.95
"""Share of a batch that is tokens from which on leaving out the padding costs as much as it saves."""

CALL = 20_000
"""Pairs of tokens that attention is through with in the time that one more call of it takes, about."""

MOST = 32
"""Places at most between which a batch's rows may be cut into parts."""


@dataclass(frozen=True)
class Part:
    """Some rows of a batch, one after the other, as attention takes them.

    Attributes:
        rows: which rows.
        tokens: which of the batch's tokens.
        places: (tokens,), where they stand in rows that are as long as the part's longest.
        shape: rows and places a row.
    """

    rows: slice
    tokens: slice
    places: Tensor
    shape: torch.Size

    def spread(self, x: Tensor) -> Tensor:
        """The batch's (1, n, ...) to this part's (rows, places, ...), zero at padding."""
        return (
            x.new_zeros(self.shape.numel(), *x.shape[2:])
            .index_copy(0, self.places, x[0, self.tokens])
            .unflatten(0, self.shape)
        )

    def gather(self, x: Tensor) -> Tensor:
        """This part's (rows, places, ...) to its tokens, (tokens, ...)."""
        return x.flatten(0, 1).index_select(0, self.places)


class Unpadded:
    """The n tokens of b rows of t places, padded on the right, row after row.

    Args:
        tokens: (b, t), True at tokens.
    """

    def __init__(self, tokens: Tensor) -> None:
        self.places = tokens.flatten().nonzero()[:, 0]
        columns = self.places.remainder(tokens.shape[1])
        self.positions = columns[None]
        """(1, n): each token's place in its row."""
        self.parts, lengths, begin = [], tokens.sum(dim=1).tolist(), 0
        for rows in _ranges(lengths):
            count, length = sum(lengths[rows]), max(lengths[rows])
            inside = slice(begin, begin + count)
            places = (self.places[inside].div(tokens.shape[1], rounding_mode="floor") - rows.start) * length + columns[
                inside
            ]
            self.parts.append(Part(rows, inside, places, torch.Size((rows.stop - rows.start, length))))
            begin += count

    def flat(self, x: Tensor) -> Tensor:
        """(b, t, ...) to (1, n, ...)."""
        return x.flatten(0, 1).index_select(0, self.places)[None]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Each part's (rows, places, ...) to (1, n, ...)."""
        return torch.cat([part.gather(x) for part, x in zip(self.parts, parts, strict=True)])[None]


def is_padded_on_the_right(mask: Tensor) -> bool:
    """Whether a (b, t) mask has 0 only after a row's last token, or nowhere."""
    return bool((mask[:, 1:] <= mask[:, :-1]).all())


def unpad(mask: Tensor | None, keep: Tensor) -> Unpadded | None:
    """A batch's tokens, if its padding stands on the right, is worth leaving out, and nothing of it is in `keep` (b,
    t).
    """
    if mask is None or mask.shape != keep.shape or not is_padded_on_the_right(mask):
        return None
    tokens = mask != 0
    if int(tokens.sum()) > WORTH * tokens.numel() or not bool(tokens[:, 0].all()) or bool((keep & ~tokens).any()):
        return None
    return Unpadded(tokens)


def _ranges(lengths: Sequence[int]) -> list[slice]:
    """Cut rows into runs so that attention has least to do, counting what a call of it costs; of many rows, at every so
    many only.
    """
    step = -(-len(lengths) // MOST)
    cuts = [*range(0, len(lengths), step), len(lengths)]
    longest = [max(lengths[begin:end]) for begin, end in pairwise(cuts)]
    best: list[tuple[int, int]] = [(0, 0)]  # up to cut k: what it costs, and the cut at which the last run begins
    for end in range(1, len(cuts)):
        length, options = 0, []
        for begin in range(end - 1, -1, -1):
            length = max(length, longest[begin])
            options.append((best[begin][0] + (cuts[end] - cuts[begin]) * length**2 + CALL, begin))
        best.append(min(options))
    ranges, end = [], len(cuts) - 1
    while end:
        begin = best[end][1]
        ranges.append(slice(cuts[begin], cuts[end]))
        end = begin
    return ranges[::-1]
