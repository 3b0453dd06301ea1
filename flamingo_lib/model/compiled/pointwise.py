"""The compiled activations, norm and probabilities of `pointwise.c`."""

from __future__ import annotations

import torch
from torch import Tensor

from .library import is_at_hand, library

LANES = 8
"""Numbers in a vector."""


def applies(x: Tensor) -> bool:
    """Whether what is here is to be used for x (n, d), or gate and up side by side (n, 2 f), which is then contiguous."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[1] % (2 * LANES) == 0
        and x.is_contiguous()
        and is_at_hand()
    )


def swiglu(both: Tensor) -> Tensor:
    """(n, 2 f) to (n, f): `silu(gate) * up`."""
    rows, width = both.shape
    result = both.new_empty(rows, width // 2)
    library().flamingo_swiglu(both.data_ptr(), result.data_ptr(), rows, width // 2)
    return result


def swiglu_backward(slope: Tensor, both: Tensor, result: Tensor) -> Tensor:
    """The gradient of the result, (n, f), to that of `both`, (n, 2 f), written to `result`, which may be `both`."""
    slope, (rows, width) = slope.contiguous(), both.shape
    library().flamingo_swiglu_backward(slope.data_ptr(), both.data_ptr(), result.data_ptr(), rows, width // 2)
    return result


def gelu(x: Tensor, slopes: Tensor | None = None) -> Tensor:
    """Exact GELU of x (n, d), whose slopes are written to `slopes`."""
    result = torch.empty_like(x)
    library().flamingo_gelu(x.data_ptr(), result.data_ptr(), None if slopes is None else slopes.data_ptr(), x.numel())
    return result


def normalise(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """(n, d) over the root of its mean square; and what each row was multiplied by, (n, 1)."""
    result, scales = torch.empty_like(x), x.new_empty(len(x), 1)
    library().flamingo_normalise(x.data_ptr(), result.data_ptr(), scales.data_ptr(), *x.shape, eps)
    return result, scales


def normalise_backward(slope: Tensor, x: Tensor, scales: Tensor) -> Tensor:
    """The gradient of the result to that of x, (n, d) both."""
    slope, result = slope.contiguous(), torch.empty_like(x)
    library().flamingo_normalise_backward(
        slope.data_ptr(), x.data_ptr(), scales.data_ptr(), result.data_ptr(), *x.shape
    )
    return result


def softmax_(logits: Tensor) -> Tensor:
    """Probabilities, (n, d), in the memory of the logits."""
    library().flamingo_softmax(logits.data_ptr(), *logits.shape)
    return logits
