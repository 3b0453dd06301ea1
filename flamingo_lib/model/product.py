"""A frozen linear for a few rows at a time, as decoding asks for it: its weight laid out for the processor's small products."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .wide import Packed, is_quicker

COLUMNS = 16
"""Outputs in a block: as many as a processor with vectors of 256 bits keeps in registers for several rows at once."""


class Product:
    """`x @ weight.t() + bias`.

    The result of n outputs has the shape (b, n / c, c), or (b, n) where the weight is packed, however it lies in memory: what reads it
    takes it up from there, element by element, or has it laid out by `reshape`.

    A product with few rows takes longest to lay out its weight. On processors with vectors of 256 bits blocks of 16 columns are laid out
    once and each is a product of its own; where `wide` is quicker, its packed weights are used. On others the transposed weight stays in
    one piece.

    Args:
        weight: (n, i).
        bias: (n,) or None.
        copy: make a copy of the weight with the fastest layout, rather than read it where it is.
        parts: the result is to be cut into so many equal parts, between blocks.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, copy: bool, parts: int = 1) -> None:
        self.columns = COLUMNS if len(weight) % (parts * COLUMNS) == 0 else 1
        self.in_blocks = copy and self.columns > 1 and weight.device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
        self.packed = None
        if copy and weight.device.type == "cpu" and weight.dtype == torch.float32 and is_quicker():
            self.packed = Packed(weight, bias)
        elif self.in_blocks:
            self.weight = weight.unflatten(0, (-1, COLUMNS)).transpose(1, 2).contiguous()
        else:
            self.weight = weight.t().contiguous() if copy else weight.t()
        self.bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        """(b, i) to (b, n / c, c) or (b, n)."""
        if self.packed is not None:
            return self.packed(x)
        if self.in_blocks:
            result = torch.bmm(x.expand(len(self.weight), -1, -1), self.weight).transpose(0, 1)
            return result if self.bias is None else result + self.bias.view(-1, self.columns)
        result = x @ self.weight if self.bias is None else torch.addmm(self.bias, x, self.weight)
        return result.unflatten(1, (-1, self.columns))

    def gelu(self, x: Tensor) -> Tensor:
        """`F.gelu` of the result."""
        return F.gelu(self(x)) if self.packed is None else self.packed.gelu(x)

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i); possibly in the memory of `total`."""
        if self.packed is not None:
            return self.packed.added(total, x)
        if not self.in_blocks and self.bias is None:
            return torch.addmm(total, x, self.weight, out=total)
        result = self(x)
        total.view(result.shape).add_(result)
        return total
