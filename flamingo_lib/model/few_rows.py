"""The compiled product of `few_rows.c`, for processors with vectors of 256 bits; it is there if a C compiler was at installation."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch
from torch import Tensor

COLUMNS = 16
"""Outputs in a block of the compiled product."""

_log = logging.getLogger(__name__)


def is_at_hand() -> bool:
    """Whether products of few rows may be computed by `write_product`: never decided by timing."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2" and _compiled() is not None


def in_blocks(weight: Tensor, columns: int = COLUMNS) -> Tensor:
    """(n, i), n a multiple of `columns`, to (n / columns, i, columns), laid out in that order."""
    return weight.unflatten(0, (-1, columns)).transpose(1, 2).contiguous()


def write_product(x: Tensor, blocks: Tensor, out: Tensor, adds: bool = False) -> None:
    """Write the product of x (b, i) and a weight `in_blocks` to `out` (b, n), contiguous and float32, or add it to what is there."""
    (rows, inputs), count = x.shape, len(blocks)
    fits = blocks.shape[1] == inputs and out.shape == (rows, count * COLUMNS) and out.is_contiguous()
    if not fits or not x.dtype == out.dtype == torch.float32:
        raise ValueError(f"no product of {x.dtype} {tuple(x.shape)} and {tuple(blocks.shape)} into {out.dtype} {tuple(out.shape)}")
    x = x.contiguous()
    _compiled()(x.data_ptr(), blocks.data_ptr(), out.data_ptr(), rows, inputs, count, adds)


@cache
def _compiled() -> Callable[..., None] | None:
    """The function; None, and why in the log, if it wasn't built or can't be loaded."""
    for suffix in EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"_few_rows{suffix}")
        if path.exists():
            try:
                function = ctypes.CDLL(str(path)).flamingo_few_rows
            except (OSError, AttributeError) as error:
                _log.warning("%s can't be used, so that decoding on this processor is slower: %s", path.name, error)
                return None
            function.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long] * 3 + [ctypes.c_int]
            function.restype = None
            return function
    _log.info("few_rows.c isn't built; with a C compiler, installing the package once more makes decoding on this processor faster")
    return None
