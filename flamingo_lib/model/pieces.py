"""Memory of gradients: those that lie side by side are put together without copying, and one may take the place of what
was saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .wide import are_plain


def lie_together(pieces: Sequence[Tensor], dim: int) -> bool:
    """Whether these, of any size along `dim` but alike otherwise, follow one another along it in the same memory."""
    first = pieces[0]
    if 0 in first.stride():  # expanded: numbers that lie in one place
        return False
    memory, place = first.untyped_storage().data_ptr(), first.storage_offset()
    for piece in pieces:
        if (
            piece.untyped_storage().data_ptr() != memory
            or piece.storage_offset() != place
            or piece.stride() != first.stride()
        ):
            return False
        place += piece.shape[dim] * piece.stride(dim)
    return True


def joined(pieces: Sequence[Tensor], dim: int) -> Tensor:
    """`torch.cat(pieces, dim)`, in their own memory where they `lie_together`."""
    if not lie_together(pieces, dim):
        return torch.cat(list(pieces), dim)
    shape = list(pieces[0].shape)
    shape[dim] = sum(piece.shape[dim] for piece in pieces)
    return pieces[0].as_strided(shape, pieces[0].stride())


def halves(x: Tensor) -> tuple[Tensor, ...]:
    """`x.chunk(2, dim=-1)`."""
    return _Halves.apply(x) if are_plain(x) else x.chunk(2, dim=-1)


class _Halves(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, ...]:
        return x.chunk(2, dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return joined(slopes, -1)


def is_kept() -> bool:
    """Within a backward pass: whether what was saved for it is to be kept, for another one (`retain_graph`,
    `create_graph`).
    """
    return torch._C._autograd._get_current_graph_task_keep_graph()
