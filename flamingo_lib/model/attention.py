"""Attention by what is quickest on a processor: plain products where there are few keys, the compiled pieces, PyTorch's
fused kernel.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .compiled.attention import applies
from .wide import are_plain

FEW = 2500
"""Keys times a head's width up to which a processor is quicker without the fused kernel, which works in blocks that are
larger.
"""


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """`F.scaled_dot_product_attention`: (b, heads, t, e) and twice (b, kv_heads, l, e) to (b, heads, t, e).

    Args:
        mask: (b or 1, 1, t, l), True where a token may look, which each must somewhere; None: everywhere.
        causal: the first token may look at the first key, each later one at one more; not with a mask.
        scale: of the scores; by default `e ** -0.5`.
    """
    heads, (keys, e) = query.shape[1], key.shape[2:]
    scale = e**-0.5 if scale is None else scale
    plain = are_plain(query, key, value)
    if plain and mask is None and applies(query, key, value, scale):
        return _Compiled.apply(query, key, value, causal, scale)
    if not plain or keys * e > FEW or key.shape[1] != heads:
        return F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=causal, scale=scale, enable_gqa=heads != key.shape[1]
        )
    hidden = None if mask is None else ~mask
    if causal:
        hidden = torch.ones(query.shape[2], keys, dtype=torch.bool).triu_(1)
    return _FewKeys.apply(query, key, value, hidden, scale)


class _Compiled(torch.autograd.Function):
    """Arguments: (b, heads, t, e), twice (b, kv_heads, l, e), whether it is causal, and the scale."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float) -> Tensor:
        result, logs = torch.ops.flamingo_lib.attention(query, key, value, causal, scale)
        ctx.save_for_backward(query, key, value, logs)
        ctx.options = causal, scale
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return *torch.ops.flamingo_lib.attention_backward(slope, *ctx.saved_tensors, *ctx.options), None, None


class _FewKeys(torch.autograd.Function):
    """Arguments: (b, h, t, e), twice (b, h, l, e), where not to look or None, and the scale. Every token must look
    somewhere.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None, scale: float) -> Tensor:
        q, k, v = (x.reshape(-1, *x.shape[2:]) for x in (query, key, value))
        scores = torch.bmm(q, k.transpose(1, 2)).mul_(scale)
        if hidden is not None:
            scores.view(*query.shape[:3], -1).masked_fill_(hidden, -torch.inf)
        weights = torch.softmax(scores, dim=-1, out=scores)
        ctx.save_for_backward(q, k, v, weights)
        ctx.shapes, ctx.scale = (query.shape, key.shape), scale
        return torch.bmm(weights, v).view(query.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, weights = ctx.saved_tensors
        of_query, of_key = ctx.shapes
        slope = slope.reshape(q.shape)
        to_scores = torch._softmax_backward_data(torch.bmm(slope, v.transpose(1, 2)), weights, -1, weights.dtype).mul_(
            ctx.scale
        )
        return (
            torch.bmm(to_scores, k).view(of_query) if ctx.needs_input_grad[0] else None,
            torch.bmm(to_scores.transpose(1, 2), q).view(of_key) if ctx.needs_input_grad[1] else None,
            torch.bmm(weights.transpose(1, 2), slope).view(of_key) if ctx.needs_input_grad[2] else None,
            None,
            None,
        )
