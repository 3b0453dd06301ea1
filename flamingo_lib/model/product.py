"""A frozen linear for a few rows at a time, as decoding asks for it: its weight laid out for the processor's small
products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .compiled.product import applies, in_blocks, write_product
from .wide import Packed, is_quicker

COLUMNS = {"AVX2": (16,), "AVX512": (32, 16)}
"""Outputs in a block, the best first: as many as the processor's registers hold for several rows at once, by its
vectors.
"""


def laid_out(weight: Tensor, bias: Tensor | None, copy: bool, parts: int = 1, adds: bool = False) -> Product:
    """`x @ weight.t() + bias`, to be called with x (b, i).

    A product with few rows takes longest to lay out its weight, or to have two threads share it. Blocks of columns are
    laid out once, for the `compiled` product if that is at hand, else each for a product of its own; where `wide` is
    quicker, its packed weights are used. Otherwise the transposed weight stays in one piece.

    Args:
        weight: (n, i).
        bias: (n,) or None.
        copy: make a copy of the weight with the fastest layout, rather than read it where it is.
        parts: the result is to be cut into so many equal parts, between blocks.
        adds: the result is to be `added` to something, which takes no call of its own if it is in one piece.
    """
    if copy and weight.device.type == "cpu":
        if weight.dtype == torch.float32 and is_quicker():
            return Packed(weight, bias)
        if applies(weight):
            return Compiled(weight, bias)
        capability = torch.backends.cpu.get_cpu_capability()
        columns = next((c for c in COLUMNS.get(capability, ()) if len(weight) % (parts * c) == 0), None)
        if columns is not None and not (adds and capability == "AVX512"):
            return Blocks(weight, bias, columns)
    return Transposed(weight.t().contiguous() if copy else weight.t(), bias)


class _Placed:
    """What is the same for products that write their result where they are told to.

    Attributes:
        weight: as the product lays it out.
        outputs: n, where the result is (b, n).
    """

    weight: Tensor
    outputs: int

    def place(self, rows: int) -> tuple[Tensor, Tensor]:
        """Memory for a result, and the result as it will lie there."""
        memory = self.weight.new_empty(rows, self.outputs)
        return memory, memory

    def __call__(self, x: Tensor) -> Tensor:
        """The result for x (b, i), in new memory."""
        memory, result = self.place(len(x))
        self.into(x, memory)
        return result

    def gelu(self, x: Tensor) -> Tensor:
        """`F.gelu` of the result."""
        return F.gelu(self(x))


class Transposed(_Placed):
    """One product with a weight (i, n); the result is (b, n)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias, self.outputs = weight, bias, weight.shape[1]

    def into(self, x: Tensor, memory: Tensor) -> None:
        """Write the result for x (b, i)."""
        if self.bias is None:
            torch.mm(x, self.weight, out=memory)
        else:
            torch.addmm(self.bias, x, self.weight, out=memory)

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i); possibly in the memory of `total`."""
        return torch.addmm(total, x, self.weight, out=total) if self.bias is None else total.add_(self(x))


class Blocks(_Placed):
    """A product for each block of the outputs of a weight (n, i).

    The result has the shape (b, n / c, c), however it lies in memory: what reads it takes it up from there, element by
    element, or has it laid out by `reshape`.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, columns: int) -> None:
        self.weight = in_blocks(weight, columns)
        self.bias = None if bias is None else bias.view(-1, 1, columns)

    def place(self, rows: int) -> tuple[Tensor, Tensor]:
        """Memory for a result, and the result as it will lie there."""
        memory = self.weight.new_empty(len(self.weight), rows, self.weight.shape[2])
        return memory, memory.transpose(0, 1)

    def into(self, x: Tensor, memory: Tensor) -> None:
        """Write the result for x (b, i)."""
        torch.bmm(x.expand(len(self.weight), -1, -1), self.weight, out=memory)
        if self.bias is not None:
            memory.add_(self.bias)

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i), in the memory of `total`."""
        result = self(x)
        total.view(result.shape).add_(result)
        return total


class Compiled(_Placed):
    """The `compiled` product with a weight (n, i); the result is (b, n)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias, self.outputs = in_blocks(weight), bias, len(weight)

    def into(self, x: Tensor, memory: Tensor) -> None:
        """Write the result for x (b, i)."""
        write_product(x, self.weight, memory)
        if self.bias is not None:
            memory.add_(self.bias)

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """`total` (b, n) plus the result for x (b, i), in the memory of `total`."""
        write_product(x, self.weight, total, base=total)
        return total if self.bias is None else total.add_(self.bias)


Product = Transposed | Blocks | Compiled | Packed
