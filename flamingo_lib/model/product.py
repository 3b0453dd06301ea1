"""A frozen linear for a few rows at a time, as decoding asks for it: its weight laid out for the processor's small products."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .wide import Packed, is_quicker

COLUMNS = 16
"""Outputs in a block: as many as a processor with vectors of 256 bits keeps in registers for several rows at once."""


def laid_out(weight: Tensor, bias: Tensor | None, copy: bool, parts: int = 1) -> Product:
    """`x @ weight.t() + bias`, to be called with x (b, i).

    A product with few rows takes longest to lay out its weight. On processors with vectors of 256 bits blocks of columns are laid out
    once and each is a product of its own; where `wide` is quicker, its packed weights are used. On others the transposed weight stays in
    one piece.

    Args:
        weight: (n, i).
        bias: (n,) or None.
        copy: make a copy of the weight with the fastest layout, rather than read it where it is.
        parts: the result is to be cut into so many equal parts, between blocks.
    """
    if copy and weight.device.type == "cpu":
        if weight.dtype == torch.float32 and is_quicker():
            return Packed(weight, bias)
        if len(weight) % (parts * COLUMNS) == 0 and torch.backends.cpu.get_cpu_capability() == "AVX2":
            return Blocks(weight, bias)
    return Transposed(weight.t().contiguous() if copy else weight.t(), bias)


class Transposed:
    """One product with a weight (i, n)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, x: Tensor) -> Tensor:
        """(b, i) to (b, n)."""
        return x @ self.weight if self.bias is None else torch.addmm(self.bias, x, self.weight)

    def gelu(self, x: Tensor) -> Tensor:
        """`F.gelu` of the result."""
        return F.gelu(self(x))

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i); possibly in the memory of `total`."""
        return torch.addmm(total, x, self.weight, out=total) if self.bias is None else total.add_(self(x))


class Blocks:
    """A product for each block of the outputs of a weight (n, i).

    The result has the shape (b, n / c, c), however it lies in memory: what reads it takes it up from there, element by element, or has it
    laid out by `reshape`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight.unflatten(0, (-1, COLUMNS)).transpose(1, 2).contiguous(), bias

    def __call__(self, x: Tensor) -> Tensor:
        """(b, i) to (b, n / c, c)."""
        result = torch.bmm(x.expand(len(self.weight), -1, -1), self.weight).transpose(0, 1)
        return result if self.bias is None else result + self.bias.view(-1, COLUMNS)

    def gelu(self, x: Tensor) -> Tensor:
        """`F.gelu` of the result."""
        return F.gelu(self(x))

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i), in the memory of `total`."""
        result = self(x)
        total.view(result.shape).add_(result)
        return total


Product = Transposed | Blocks | Packed
