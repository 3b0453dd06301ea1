"""Padding-free batches: tokens of all rows packed one after the other, with variable-length attention.

Everything but attention is computed for real tokens alone; attention is computed for groups of rows of about one
length. The attention function is registered with Transformers by the name `IMPLEMENTATION`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface

IMPLEMENTATION = "flamingo_padding_free"

MAX_FILL = 0.95
"""Above this fraction of real tokens, removing padding no longer pays."""

CALL_COST = 20_000
"""Pairs of tokens that attention computes in about the time that one more call of it takes."""

MAX_CUTS = 32
"""Indices at most between which a batch's rows may be cut into groups."""


@dataclass(frozen=True)
class Group:
    """Consecutive rows of a batch that attention is computed for in one call.

    Attributes:
        rows, tokens: which rows, and which of the packed tokens.
        index: (tokens,), their indices in rows padded to the group's longest.
        shape: rows and length of the longest.
    """

    rows: slice
    tokens: slice
    index: Tensor
    shape: torch.Size

    def pad(self, x: Tensor) -> Tensor:
        """The batch's packed (1, n, ...) to this group's (rows, length, ...), zero at padding."""
        padded = x.new_zeros(self.shape.numel(), *x.shape[2:]).index_copy(0, self.index, x[0, self.tokens])
        return padded.unflatten(0, self.shape)

    def unpad(self, x: Tensor) -> Tensor:
        """This group's (rows, length, ...) to its tokens, (tokens, ...)."""
        return x.flatten(0, 1).index_select(0, self.index)


class PackedRows:
    """The n tokens of b right-padded rows of length t, packed row after row.

    Args:
        tokens: (b, t), True at tokens.

    Attributes:
        cu_seq_lens: b + 1 cumulative lengths, from 0 to n.
        position_ids: (1, n), each token's index in its row.
        groups: the rows in the groups that attention is computed for.
    """

    def __init__(self, tokens: Tensor) -> None:
        self.index = tokens.flatten().nonzero()[:, 0]
        columns = self.index.remainder(tokens.shape[1])
        rows = self.index.div(tokens.shape[1], rounding_mode="floor")
        lengths = tokens.sum(dim=1)
        self.cu_seq_lens = F.pad(lengths.cumsum(0), (1, 0)).tolist()
        self.position_ids = columns[None]
        self.groups = []
        for group in _group_rows(lengths.tolist()):
            inside = slice(self.cu_seq_lens[group.start], self.cu_seq_lens[group.stop])
            shape = torch.Size((group.stop - group.start, int(lengths[group].max())))
            self.groups.append(Group(group, inside, (rows[inside] - group.start) * shape[1] + columns[inside], shape))

    def pack(self, x: Tensor) -> Tensor:
        """(b, t, ...) to (1, n, ...)."""
        return x.flatten(0, 1).index_select(0, self.index)[None]

    def join(self, groups: Sequence[Tensor]) -> Tensor:
        """Each group's (rows, length, ...) to (1, n, ...)."""
        return torch.cat([group.unpad(x) for group, x in zip(self.groups, groups, strict=True)])[None]


def is_right_padded(mask: Tensor) -> bool:
    """Whether a (b, t) mask has 0 only after a row's last token, or nowhere."""
    return bool((mask[:, 1:] <= mask[:, :-1]).all())


def pack_rows(mask: Tensor | None, keep: Tensor) -> PackedRows | None:
    """A batch's tokens packed; None if it isn't right-padded, is nearly full, or `keep` (b, t) is True at padding."""
    if mask is None or mask.shape != keep.shape or not is_right_padded(mask):
        return None
    tokens = mask != 0
    if int(tokens.sum()) > MAX_FILL * tokens.numel() or not bool(tokens[:, 0].all()) or bool((keep & ~tokens).any()):
        return None
    return PackedRows(tokens)


def padding_free_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packed_rows: PackedRows,
    is_causal: bool = True,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """(1, h, n, e) queries of packed rows to (1, n, h, e).

    Args:
        key, value: (1, kv_heads, n, e) of the same tokens with `is_causal`, else (b, kv_heads, l, e) for each row.
        attention_mask: (b, 1, t, l) of the padded batch, True where a token may attend; not with `is_causal`.
        packed_rows: where each row's tokens are.
    """
    grouped, outputs = query.shape[1] != key.shape[1], []
    for group in packed_rows.groups:
        q = group.pad(query.transpose(1, 2)).transpose(1, 2)
        if is_causal:
            k, v = (group.pad(x.transpose(1, 2)).transpose(1, 2) for x in (key, value))
        else:
            k, v = key[group.rows], value[group.rows]
        mask = None if attention_mask is None else attention_mask[group.rows, :, : group.shape[1]]
        output = F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal, scale=scaling, enable_gqa=grouped)
        outputs.append(output.transpose(1, 2))
    return packed_rows.join(outputs), None


AttentionInterface.register(IMPLEMENTATION, padding_free_attention)


def _group_rows(lengths: Sequence[int]) -> list[slice]:
    """Cut rows into runs so that attention has least to compute, counting what a call costs (dynamic programming)."""
    step = -(-len(lengths) // MAX_CUTS)
    cuts = [*range(0, len(lengths), step), len(lengths)]
    longest = [max(lengths[start:end]) for start, end in pairwise(cuts)]
    best: list[tuple[int, int]] = [(0, 0)]  # up to cut k: the least cost, and the cut at which the last run starts
    for end in range(1, len(cuts)):
        length, options = 0, []
        for start in range(end - 1, -1, -1):
            length = max(length, longest[start])
            options.append((best[start][0] + (cuts[end] - cuts[start]) * length**2 + CALL_COST, start))
        best.append(min(options))
    groups, end = [], len(cuts) - 1
    while end:
        start = best[end][1]
        groups.append(slice(cuts[start], cuts[end]))
        end = start
    return groups[::-1]
