"""The compiled product of `product.c`, for a few rows at a time or many."""

from __future__ import annotations

from typing import Any

import torch
from torch import Size, Tensor
from torch.utils.flop_counter import register_flop_formula

from .library import OPERATIONS, is_at_hand, library

BLOCK = 16
"""Outputs in a block of the weight."""


def applies(weight: Tensor) -> bool:
    """Whether the compiled product is to be used with a weight (n, i)."""
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and len(weight) % BLOCK == 0 and is_at_hand()


def in_blocks(weight: Tensor, columns: int = BLOCK) -> Tensor:
    """(n, i), n a multiple of `columns`, to (n / columns, i, columns), laid out in that order."""
    return weight.unflatten(0, (-1, columns)).transpose(1, 2).contiguous()


def write_product(x: Tensor, blocks: Tensor, out: Tensor, base: Tensor | None = None) -> None:
    """Write the product of x (b, i) and a weight `in_blocks`, plus `base`, to `out`, both (b, n), contiguous and
    possibly the same.
    """
    (rows, inputs), count = x.shape, len(blocks)
    places = (out,) if base is None else (out, base)
    fits = blocks.shape[1:] == (inputs, BLOCK) and all(
        place.shape == (rows, count * BLOCK) and place.is_contiguous() for place in places
    )
    if not fits or any(tensor.dtype != torch.float32 for tensor in (x, blocks, *places)):
        raise ValueError(
            f"no product of {x.dtype} {tuple(x.shape)} and {tuple(blocks.shape)} into {out.dtype} {tuple(out.shape)}"
        )
    x = x.contiguous()
    library().flamingo_product(
        x.data_ptr(), blocks.data_ptr(), None if base is None else base.data_ptr(), out.data_ptr(), rows, inputs, count
    )


def product(x: Tensor, blocks: Tensor, base: Tensor | None = None) -> Tensor:
    """The same in new memory."""
    out = x.new_empty(len(x), len(blocks) * BLOCK)
    write_product(x, blocks, out, None if base is None else base.contiguous())
    return out


OPERATIONS.define("product(Tensor x, Tensor blocks, Tensor? base=None) -> Tensor")
OPERATIONS.impl("product", product, "CPU")


@register_flop_formula(torch.ops.flamingo_lib.product)
def _count(x: Size, blocks: Size, *others: Any, **named: Any) -> int:
    return 2 * x[0] * x[1] * blocks[0] * BLOCK
