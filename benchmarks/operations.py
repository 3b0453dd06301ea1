"""Floating point operations of a piece of work, and what this machine makes of them in a matrix product.

PyTorch's `FlopCounterMode` counts fused attention on every device but the processor, so that a model whose attention is
fused would seem to do less than one that writes it out. Here it is counted there, too: where it is causal only for what
a token may attend to, as the CPU's kernel leaves most of the rest out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Size
from torch.utils.flop_counter import FlopCounterMode

THREADS = 2

aten = torch.ops.aten


def products(query: Size, key: Size, causal: bool) -> int:
    """Operations of one of attention's products: the scores, or the sum of the values."""
    (b, heads, t, e), keys = query, key[2]
    return 2 * b * heads * e * (sum(min(index + 1, keys) for index in range(t)) if causal else t * keys)


def attention(query: Size, key: Size, value: Size, dropout: float = 0.0, causal: bool = False, **named: Any) -> int:
    """Operations of the fused kernel: two products."""
    return 2 * products(query, key, causal)


def attention_backward(
    grad_output: Size,
    query: Size,
    key: Size,
    value: Size,
    result: Size,
    summed: Size,
    dropout: float,
    causal: bool,
    **named: Any,
) -> int:
    """Operations of its backward pass: five products, as the scores are made anew."""
    return 5 * products(query, key, causal)


FORMULAS = {
    aten._scaled_dot_product_flash_attention_for_cpu: attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward,
}


def operations(work: Callable[[], object]) -> int:
    """Floating point operations of the products in `work`, fused attention included."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that all is computed on this one, the only one that is seen
    with FlopCounterMode(display=False, custom_mapping=FORMULAS) as counter:
        work()
    torch.set_num_threads(threads)
    return counter.get_total_flops()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def matrix_product() -> float:
    """This machine's floating point operations a second in a product of two 1,024 x 1,024 matrices."""
    torch.set_num_threads(THREADS)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    torch.matmul(a, b)
    count = 10
    return count * 2 * 1024**3 / seconds(lambda: [torch.matmul(a, b) for _ in range(count)])
