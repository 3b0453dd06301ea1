"""Matrix products by oneDNN on processors whose widest vectors PyTorch's own library leaves unused.

On processors of other makers than its own, Intel's MKL computes with vectors of 256 bits. Where there are 512, oneDNN,
which comes with PyTorch too, is about twice as quick. It compiles a kernel for every shape it meets, so shapes that
change from batch to batch are cut.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.flop_counter import flop_registry, register_flop_formula

ROWS = 64
"""Rows come in multiples of this many, so that kernels are met again."""

SMALL = 1_000_000
"""Multiplications under which a product is too small for the way to matter."""

LARGE = 500_000_000
"""Multiplications from which on a product takes longer than a kernel's compilation by so much that it is computed as it
stands.
"""


@cache
def is_quicker() -> bool:
    """Whether this processor has vectors of 512 bits that MKL doesn't use."""
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not torch.backends.mkldnn.is_available():
        return False
    try:
        described = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        described = platform.processor()
    return "AuthenticAMD" in described


def applies(*tensors: Tensor) -> bool:
    """Whether products of these, two-dimensional, go by `rows_times` and `sum_of_rows`."""
    return is_quicker() and are_plain(*tensors)


def are_plain(*tensors: Tensor) -> bool:
    """Whether these are float32 on a processor, computed with as they stand."""
    return (
        all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
    )


def rows_times(x: Tensor, weight: Tensor, base: Tensor | None = None) -> Tensor:
    """`x @ weight.t() + base`, (m, i) and (n, i) to (m, n), without gradients."""
    (m, i), n = x.shape, len(weight)
    size = m * i * n
    if size < SMALL or m < ROWS or not applies(x, weight):
        return x @ weight.t() if base is None else torch.addmm(base, x, weight.t())
    result = _rows_times(x, weight, m % ROWS if size < LARGE else 0)
    return result if base is None else result.add_(base)


def _rows_times(x: Tensor, weight: Tensor, beyond: int) -> Tensor:
    """Without a base; `beyond` rows are over the multiple that is computed at once."""
    if not beyond:
        return by_onednn(x, weight)
    if x.shape[1] < len(weight):  # what is smaller is copied
        return by_onednn(F.pad(x, (0, 0, 0, ROWS - beyond)), weight)[: len(x)]
    return torch.cat([by_onednn(x[:-beyond], weight), x[-beyond:] @ weight.t()])


def sum_of_rows(left: Tensor, right: Tensor) -> Tensor:
    """`left.t() @ right`, (m, n) and (m, i) to (n, i), without gradients: a weight's gradient."""
    (m, n), i = left.shape, right.shape[1]
    size = m * n * i
    if size < SMALL or min(n, i) < ROWS or m < ROWS or not applies(left, right):
        return left.t() @ right
    beyond = m % ROWS if size < LARGE else 0
    a, b = (left[:-beyond], right[:-beyond]) if beyond else (left, right)
    # the first is laid out anew, so it had better be the smaller one
    result = by_onednn(a.t(), b.t()) if n <= i else by_onednn(b.t(), a.t()).t().contiguous()
    return torch.addmm(result, left[-beyond:].t(), right[-beyond:], out=result) if beyond else result


def by_onednn(x: Tensor, weight: Tensor) -> Tensor:
    """`x @ weight.t()`, (m, i) and (n, i) to (m, n), without gradients, by oneDNN whatever the processor."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


class Packed:
    """`x @ weight.t() + bias` for a few rows at a time, the weight laid out once.

    Args:
        weight: (n, i).
        bias: (n,) or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS), bias
        self.outputs = len(weight)

    def __call__(self, x: Tensor) -> Tensor:
        """(b, i) to (b, n)."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")

    def place(self, rows: int) -> tuple[Tensor, Tensor]:
        """Memory for a result, and the result as it will lie there."""
        memory = torch.empty(rows, self.outputs)
        return memory, memory

    def into(self, x: Tensor, memory: Tensor) -> None:
        """Write the result for x (b, i)."""
        memory.copy_(self(x))

    def gelu(self, x: Tensor) -> Tensor:
        """`F.gelu` of it."""
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "gelu", [], "none")

    def added(self, total: Tensor, x: Tensor) -> Tensor:
        """The same plus `total` (b, n)."""
        return torch.ops.mkldnn._linear_pointwise.binary(x, total, self.weight, self.bias, "add")


class Linear(nn.Linear):
    """`nn.Linear`, its products computed as `rows_times` and `sum_of_rows` do."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, (..., i) and (n, i) to (..., n)."""
    if bias is not None or x.numel() * len(weight) < SMALL or not applies(x, weight):
        return F.linear(x, weight, bias)
    return _Linear.apply(x.reshape(-1, x.shape[-1]), weight).view(*x.shape[:-1], -1)


class _Linear(torch.autograd.Function):
    """Arguments: (m, i) and (n, i)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return rows_times(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        return (
            rows_times(slope, weight.t()) if ctx.needs_input_grad[0] else None,
            sum_of_rows(slope, x) if ctx.needs_input_grad[1] else None,
        )


if torch.backends.mkldnn.is_available() and torch.ops.mkldnn._linear_pointwise not in flop_registry:

    @register_flop_formula(torch.ops.mkldnn._linear_pointwise)
    def operations(x: torch.Size, *others: Any, out_shape: torch.Size, **named: Any) -> int:
        """Operations of one product, for PyTorch's `FlopCounterMode`."""
        return 2 * x.numel() * out_shape[-1]
