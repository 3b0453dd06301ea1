"""Differentiable pieces of a Llama-like decoder layer with frozen weights: one pass where composed operations take
several.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .compiled import pointwise
from .compiled.product import applies, in_blocks
from .pieces import is_kept, joined
from .unpadded import Unpadded
from .wide import rows_times


class Normalise(torch.autograd.Function):
    """`x / rms(x)` over the last dimension, (n, d) to (n, d), as RMSNorm does before its weight; arguments x and
    epsilon.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        if pointwise.applies(x):
            result, scale = pointwise.normalise(x, eps)
            ctx.save_for_backward(x, scale)
            return result
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        x, scale = ctx.saved_tensors
        if pointwise.applies(x):
            return pointwise.normalise_backward(slope, x, scale), None
        along = torch.linalg.vecdot(slope, x)[:, None].mul_(scale**3).div_(-x.shape[-1])
        return (slope * scale).addcmul_(x, along), None


class FrozenWeight:
    """A weight (o, i) that doesn't change, for products with many rows; laid out once where the `compiled` product is
    at hand.
    """

    def __init__(self, weight: Tensor) -> None:
        self._is_compiled = applies(weight) and applies(weight.t())
        self._weight = in_blocks(weight) if self._is_compiled else weight
        self._turned: Tensor | None = None

    def times(self, x: Tensor, base: Tensor | None = None) -> Tensor:
        """`x @ weight.t() + base`, (n, i) to (n, o), without gradients."""
        return (
            torch.ops.flamingo_lib.product(x, self._weight, base)
            if self._is_compiled
            else rows_times(x, self._weight, base)
        )

    def slopes(self, slope: Tensor) -> Tensor:
        """`slope @ weight`, (n, o) to (n, i): the gradient of `x` from that of the result."""
        if not self._is_compiled:
            return rows_times(slope, self._weight.t())
        if self._turned is None:  # where nothing learns, it isn't asked for
            self._turned = in_blocks(self._weight.transpose(1, 2).flatten(0, 1).t())
        return torch.ops.flamingo_lib.product(slope, self._turned)


class FrozenLinear(torch.autograd.Function):
    """Linears that read the same input, side by side, their weights frozen, with LoRA.

    (n, i) to (n, o). Arguments: input; weight, (o, i); what is added to the result, (n, o), or None; the LoRA matrices
    A one below the other, (r, i), or None; for each linear how much its LoRA counts; and its B (outputs, rank) as it
    stands.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: FrozenWeight, base: Tensor | None, down: Tensor | None, scales: tuple, *ups: Tensor
    ) -> Tensor:
        result = weight.times(x, base)
        low = None
        if down is not None:
            low = x @ down.t()
            for scale, up, columns, ranks in _places(scales, ups):
                torch.addmm(result[:, columns], low[:, ranks], up.t(), alpha=scale, out=result[:, columns])
        ctx.weight, ctx.scales, ctx.has_base = weight, scales, base is not None
        ctx.save_for_backward(None if down is None else x, down, low, *ups)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, down, low, *ups = ctx.saved_tensors
        to_x = ctx.weight.slopes(slope) if ctx.needs_input_grad[0] else None
        to_base = slope if ctx.has_base else None
        if down is None:
            return to_x, None, to_base, None, None
        to_low, to_ups = torch.empty_like(low), []
        for (scale, up, columns, ranks), wanted in zip(_places(ctx.scales, ups), ctx.needs_input_grad[5:], strict=True):
            torch.addmm(to_low[:, ranks], slope[:, columns], up, beta=0, alpha=scale, out=to_low[:, ranks])
            to_ups.append((slope[:, columns].t() @ low[:, ranks]).mul_(scale) if wanted else None)
        if to_x is not None:
            torch.addmm(to_x, to_low, down, out=to_x)
        return to_x, None, to_base, to_low.t() @ x if ctx.needs_input_grad[3] else None, None, *to_ups


def _places(scales: tuple, ups: Any) -> Any:
    """(scale, B, its columns of the result, its ranks) for each of the linears side by side."""
    column = rank = 0
    for scale, up in zip(scales, ups, strict=True):
        yield scale, up, slice(column, column + up.shape[0]), slice(rank, rank + up.shape[1])
        column, rank = column + up.shape[0], rank + up.shape[1]


class Rotate(torch.autograd.Function):
    """Queries, keys and values from their common product, in whose memory the first two are turned by rotary positions.

    Arguments: product (b, t, (heads + 2 kv_heads) * e), the heads of queries and keys `interleaved`; the rotation, (b
        or 1, t, e / 2)
    complex numbers; heads; kv_heads; where the tokens stand if the product is (1, n, ...) of a batch without its
    padding, or None. Returns (b, heads, t, e), (b, kv_heads, t, e), (b, kv_heads, t, e); without padding, these for
    each part of the batch.
    """

    @staticmethod
    def forward(
        ctx: Any, product: Tensor, rotation: Tensor, heads: int, kv_heads: int, rows: Unpadded | None
    ) -> tuple[Tensor, ...]:
        sizes = [heads, kv_heads, kv_heads]
        given = product.view(*product.shape[:2], sum(sizes), -1)
        _turn(given[:, :, : heads + kv_heads], rotation)
        ctx.save_for_backward(rotation)
        ctx.rows, ctx.sizes = rows, sizes
        parts = [given] if rows is None else [part.spread(given) for part in rows.parts]
        return tuple(piece.transpose(1, 2) for part in parts for piece in part.split(sizes, dim=2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        (rotation,) = ctx.saved_tensors
        given = [slope.transpose(1, 2) for slope in slopes]
        if ctx.rows is not None:
            given = [ctx.rows.join(given[which::3]) for which in range(3)]
        result = joined(given, 2)
        _turn(result[:, :, : sum(ctx.sizes[:2])], rotation.conj_physical())
        return result.flatten(2), None, None, None, None


def _turn(heads: Tensor, rotation: Tensor) -> None:
    """Turn (b, t, heads, e), pairs of numbers next to each other, in place."""
    torch.view_as_complex(heads.unflatten(-1, (-1, 2))).mul_(rotation[:, :, None])


def as_rotation(cos: Tensor, sin: Tensor) -> Tensor:
    """Cosine and sine as a rotary embedding gives them, (..., e) with every angle twice, as (..., e / 2) complex
    numbers.
    """
    cos, sin = (part[..., : part.shape[-1] // 2] for part in (cos, sin))
    return torch.complex(cos, sin)


def interleaved(x: Tensor, e: int) -> Tensor:
    """(heads * e, ...) with the two halves of each head in turns: the pairs that rotary positions turn, as complex
    numbers lie.
    """
    return x.unflatten(0, (-1, 2, e // 2)).transpose(1, 2).flatten(0, 2)


def in_halves(x: Tensor) -> Tensor:
    """(..., e) of an `interleaved` head to the two halves one after the other."""
    return x.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)


class SwiGlu(torch.autograd.Function):
    """`silu(gate) * up`, (n, 2 f) with the gate on the left to (n, f).

    What it is given is its own: the backward pass writes the gradient into that memory, unless it `is_kept`.
    """

    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        if pointwise.applies(both):
            ctx.save_for_backward(both)
            return pointwise.swiglu(both)
        gate, up = both.chunk(2, dim=-1)
        active = F.silu(gate)
        ctx.save_for_backward(both, active)
        return active * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        both, *active = ctx.saved_tensors
        if not active:
            return pointwise.swiglu_backward(slope, both, torch.empty_like(both) if is_kept() else both)
        gate, up = both.chunk(2, dim=-1)
        result = torch.empty_like(both)
        to_gate, to_up = result.chunk(2, dim=-1)
        torch.mul(slope, *active, out=to_up)
        torch.ops.aten.silu_backward.grad_input(slope * up, gate, grad_input=to_gate)
        return result
