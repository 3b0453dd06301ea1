"""Scaled dot-product attention by the name of its implementation (Transformers' `AttentionInterface`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

UNMASKED = ("flash", "flex", "paged")
"""In the names of implementations that take no mask over images: `sdpa` stands in for them."""


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    implementation: str = "sdpa",
    weights: list[Tensor] | None = None,
    **options: Any,
) -> Tensor:
    """(b, h, t, e) queries, (b, h, l, e) keys and values to (b, t, h, e).

    Args:
        module: the layer that attends, for the implementation to look at.
        mask: (b, 1, t, l), True where a token may attend, which each must somewhere; None: everywhere.
        implementation: a model's `config._attn_implementation`.
        weights: if given, attention is computed eagerly and its weights (b, h, t, l) are appended.
        options: keyword arguments of the implementation.
    """
    if weights is not None or implementation == "eager":
        output, probabilities = eager_attention(query, key, value, mask)
        if weights is not None:
            weights.append(probabilities)
        return output
    if any(part in implementation for part in UNMASKED):
        implementation = "sdpa"
    return ALL_ATTENTION_FUNCTIONS[implementation](module, query, key, value, mask, is_causal=False, **options)[0]


def eager_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The formula written out: the result (b, t, h, e) and the weights (b, h, t, l)."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    probabilities = scores.softmax(dim=-1)
    return (probabilities @ value).transpose(1, 2), probabilities
