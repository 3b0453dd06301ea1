"""A training step's rows in two parts, a thread each: two cores then wait for each other once a pass, not in every
operation.

A part's numbers follow from its rows alone and gradients are added in one order, so that they are the same in every
run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

PARTS = 2
"""Parts and threads: with more, Python's lock would be waited for instead."""

WORTH = 1500
"""Tokens of a batch from which on it is worth cutting."""

_pools: list[ThreadPoolExecutor] = []
os.register_at_fork(after_in_child=_pools.clear)  # a fork has none of the threads


def loss_in_parts(
    compute: Callable[..., Tensor], weights: Sequence[nn.Parameter], batch: Mapping[str, Tensor | None], **options: Any
) -> Tensor:
    """The sum of `compute(**part, **options)` over the parts of a batch; both passes run on a thread a part.

    Args:
        compute: to the summed loss of some rows, without randomness.
        weights: all that get gradients.
        batch: tensors with the rows first, or None.
    """
    rows = len(batch["input_ids"])
    parts = [
        {name: None if value is None else value[first::PARTS] for name, value in batch.items()}
        for first in range(min(PARTS, rows))
    ]
    return _InParts.apply(lambda part: compute(**part, **options), parts, *weights)


def is_worth_parts(ids: Tensor, mask: Tensor | None) -> bool:
    """Whether a batch of ids (b, t), of which a mask counts, gains from being cut: on a processor with as many threads
    as parts.
    """
    return (
        ids.device.type == "cpu"
        and torch.get_num_threads() == PARTS
        and torch.is_grad_enabled()
        and len(ids) >= PARTS
        and (ids.numel() if mask is None or mask.shape != ids.shape else int(mask.sum())) >= WORTH
    )


class _InParts(torch.autograd.Function):
    """Arguments: a part to its loss, the parts, and the weights. Returns the sum of the losses."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[[Any], Tensor], parts: Sequence[Any], *weights: Tensor) -> Tensor:
        ctx.losses, ctx.weights = _on_threads(torch.enable_grad()(compute), parts), weights
        return torch.stack([loss.detach() for loss in ctx.losses]).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        losses, weights = ctx.losses, ctx.weights
        slopes = _on_threads(lambda loss: torch.autograd.grad(loss, weights, slope, allow_unused=True), losses)
        return None, None, *(_sum([slope for slope in some if slope is not None]) for some in zip(*slopes, strict=True))


def _sum(slopes: Sequence[Tensor]) -> Tensor | None:
    total = slopes[0] if slopes else None
    for slope in slopes[1:]:
        total = total + slope
    return total


def _on_threads(work: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """`work` of each part, on threads that use one core each."""
    if not _pools:
        threads, together = torch.get_num_threads(), Barrier(PARTS)
        pool = ThreadPoolExecutor(PARTS, "flamingo-part", initializer=_use_one_core)
        list(pool.map(lambda part: together.wait(), range(PARTS)))
        torch.set_num_threads(threads)  # threads that begin later take what was set last
        _pools.append(pool)
    return list(_pools[0].map(work, parts))


def _use_one_core() -> None:
    """Have this thread's operations run on itself alone."""
    torch.set_num_threads(1)
    # a thread that never asked takes up, with its first operation, what another has set by then
    torch.get_num_threads()
