"""Autograd functions of a Llama decoder layer with frozen weights: RMSNorm, rotary embedding, SwiGLU, linear with LoRA.

Each takes one pass where composed operations take several, and makes no gradient for what is frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class RMSNorm(torch.autograd.Function):
    """`x / rms(x)` over the last dimension, (n, d) to (n, d), without a weight; arguments x and epsilon."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        """(n, d) and epsilon to (n, d)."""
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        x, scale = ctx.saved_tensors
        along = torch.linalg.vecdot(grad_output, x)[:, None].mul_(scale**3).div_(-x.shape[-1])
        return (grad_output * scale).addcmul_(x, along), None


class FrozenLinear(torch.autograd.Function):
    """Linears that read the same input, side by side, with frozen weights and trained LoRA; (n, i) to (n, o).

    Arguments: input (n, i); weight (o, i); a residual (n, o) that is added, or None; the LoRA matrices A one below the
    other, (ranks, i), or None; each linear's LoRA scale; each linear's LoRA matrix B, (outputs, rank).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        residual: Tensor | None,
        lora_a: Tensor | None,
        scales: Sequence[float],
        *lora_b: Tensor,
    ) -> Tensor:
        """(n, i) to (n, o); the arguments are described with the class."""
        """Split into heads and rotate queries and keys in place."""
        output = x @ weight.t() if residual is None else torch.addmm(residual, x, weight.t())
        low = None
        if lora_a is not None:
            low = x @ lora_a.t()
            for scale, b, columns, ranks in _blocks(scales, lora_b):
                torch.addmm(output[:, columns], low[:, ranks], b.t(), alpha=scale, out=output[:, columns])
        ctx.scales, ctx.has_residual = scales, residual is not None
        ctx.save_for_backward(weight, None if lora_a is None else x, lora_a, low, *lora_b)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        weight, x, lora_a, low, *lora_b = ctx.saved_tensors
        grad_x = grad_output @ weight if ctx.needs_input_grad[0] else None
        grad_residual = grad_output if ctx.has_residual else None
        if lora_a is None:
            return grad_x, None, grad_residual, None, None
        grad_low, grad_b = torch.empty_like(low), []
        blocks = zip(_blocks(ctx.scales, lora_b), ctx.needs_input_grad[5:], strict=True)
        for (scale, b, columns, ranks), needs_grad in blocks:
            part = grad_output[:, columns]
            torch.addmm(grad_low[:, ranks], part, b, beta=0, alpha=scale, out=grad_low[:, ranks])
            grad_b.append((part.t() @ low[:, ranks]).mul_(scale) if needs_grad else None)
        if grad_x is not None:
            torch.addmm(grad_x, grad_low, lora_a, out=grad_x)
        grad_a = grad_low.t() @ x if ctx.needs_input_grad[3] else None
        return grad_x, None, grad_residual, grad_a, None, *grad_b


def _blocks(scales: Sequence[float], lora_b: Sequence[Tensor]) -> Iterator[tuple[float, Tensor, slice, slice]]:
    """(scale, B, its columns of the output, its ranks) of each of the linears side by side."""
    column = rank = 0
    for scale, b in zip(scales, lora_b, strict=True):
        yield scale, b, slice(column, column + b.shape[0]), slice(rank, rank + b.shape[1])
        column, rank = column + b.shape[0], rank + b.shape[1]


class RotaryEmbedding(torch.autograd.Function):
    """Splits the joint linear of queries, keys and values into heads and rotates the first two, in its memory.

    Arguments: (b, t, (heads + 2 kv_heads) * e), the heads of queries and keys `interleaved`; the rotation, (b or 1, t,
    e / 2) complex numbers; heads; kv_heads. Returns (b, heads, t, e) and twice (b, kv_heads, t, e).
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, rotation: Tensor, heads: int, kv_heads: int) -> tuple[Tensor, ...]:
        """(n, 2 f) to (n, f)."""
        ctx.sizes = [heads, kv_heads, kv_heads]
        qkv = qkv.unflatten(-1, (sum(ctx.sizes), -1))
        rotate_(qkv[:, :, : heads + kv_heads], rotation)
        ctx.save_for_backward(rotation)
        return tuple(part.transpose(1, 2) for part in qkv.split(ctx.sizes, dim=2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (rotation,) = ctx.saved_tensors
        grad = torch.cat([part.transpose(1, 2) for part in grads], dim=2)
        rotate_(grad[:, :, : sum(ctx.sizes[:2])], rotation.conj_physical())
        return grad.flatten(2), None, None, None


def rotate_(heads: Tensor, rotation: Tensor) -> None:
    """Rotate (b, t, heads, e) in place, pairs of neighbouring numbers by (b or 1, t, e / 2) complex ones."""
    torch.view_as_complex(heads.unflatten(-1, (-1, 2))).mul_(rotation[:, :, None])


def as_rotation(cos: Tensor, sin: Tensor) -> Tensor:
    """Cosine and sine as a rotary embedding gives them, (..., e) with every angle twice, to (..., e / 2) complex."""
    return torch.complex(*(part[..., : part.shape[-1] // 2] for part in (cos, sin)))


def interleaved(x: Tensor, e: int) -> Tensor:
    """(heads * e, ...) with the two halves of each head in turns: rotary pairs then lie side by side."""
    return x.unflatten(0, (-1, 2, e // 2)).transpose(1, 2).flatten(0, 2)


def deinterleaved(x: Tensor) -> Tensor:
    """(..., e) of an `interleaved` head to its two halves one after the other."""
    return x.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)


class SwiGLU(torch.autograd.Function):
    """`silu(gate) * up`, (n, 2 f) with the gate on the left to (n, f)."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        """The result; what the backward pass needs is kept."""
        gate, up = gate_up.chunk(2, dim=-1)
        active = F.silu(gate)
        ctx.save_for_backward(gate_up, active)
        return active * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        gate_up, active = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        grad = torch.empty_like(gate_up)
        grad_gate, grad_up = grad.chunk(2, dim=-1)
        torch.mul(grad_output, active, out=grad_up)
        torch.ops.aten.silu_backward.grad_input(grad_output * up, gate, grad_input=grad_gate)
        return grad
