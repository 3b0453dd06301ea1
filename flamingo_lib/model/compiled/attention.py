"""The compiled attention of `attention.c`, as operations that PyTorch knows by name and counts."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_float, c_int, c_long, c_void_p
from typing import Any

import torch
from torch import Size, Tensor
from torch.utils.flop_counter import register_flop_formula

from ..pieces import lie_together
from .library import OPERATIONS, is_at_hand, library
from .product import BLOCK

LEAST = 16
"""Queries from which on it is worth bringing together the keys."""


class _Heads(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("batch", c_long), ("head", c_long), ("token", c_long))

    def __init__(self, x: Tensor) -> None:
        super().__init__(x.data_ptr(), *x.stride()[:3])


class _Attention(ctypes.Structure):
    _fields_ = (
        *((name, _Heads) for name in ("query", "key", "value", "out", "slope", "to_query", "to_key", "to_value")),
        *((name, c_void_p) for name in ("logs", "room")),
        *((name, c_long) for name in ("batch", "heads", "kv_heads", "queries", "keys", "width", "threads")),
        ("causal", c_int),
        ("scale", c_float),
    )


def applies(query: Tensor, key: Tensor, value: Tensor, scale: float) -> bool:
    """Whether `attention`, which knows no mask, is to be used for what is float32 and on the processor.

    Shapes that don't belong together are left to PyTorch.
    """
    (b, heads, queries, e), (_, kv_heads, keys, _) = query.shape, key.shape
    fits = key.shape == value.shape == (b, kv_heads, keys, e) and kv_heads > 0 and heads % kv_heads == 0
    return fits and queries >= LEAST and keys > 0 and e % BLOCK == 0 and scale > 0 and is_at_hand()


def attention(query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    """(b, heads, t, e), and twice (b, kv_heads, l, e), float32.

    Returns the result, (b, heads, t, e) as it lies when a token's heads are side by side, and the logarithms of the
    sums of exponentials, (b, heads, t), which the backward pass asks for.
    """
    out, logs = _new(query), query.new_empty(query.shape[:3])
    _call({"query": query, "key": key, "value": value, "out": out}, logs, causal, scale, gradients=False)
    return out, logs


def attention_backward(
    slope: Tensor, query: Tensor, key: Tensor, value: Tensor, logs: Tensor, causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of the result to those of query, key and value, which lie together where key and value, or all
    three, do.
    """
    given = {"query": query, "key": key, "value": value, "slope": slope}
    alone = 0 if lie_together((query, key, value), 1) else 1 if lie_together((key, value), 1) else 3
    found = *map(_new, (query, key, value)[:alone]), *_new_together((query, key, value)[alone:])
    _call(
        given | dict(zip(("to_query", "to_key", "to_value"), found, strict=True)), logs, causal, scale, gradients=True
    )
    return found


def _new(x: Tensor, heads: int | None = None) -> Tensor:
    """Room for as much as x (b, heads, t, e), or another number of heads; a token's heads side by side."""
    b, count, tokens, e = x.shape
    return x.new_empty(b, tokens, heads or count, e).transpose(1, 2)


def _new_together(pieces: Sequence[Tensor]) -> Sequence[Tensor]:
    """The same for several, their heads side by side, too."""
    counts = [x.shape[1] for x in pieces]
    return _new(pieces[0], sum(counts)).split(counts, dim=1) if pieces else ()


def _call(heads: dict[str, Tensor], logs: Tensor, causal: bool, scale: float, gradients: bool) -> None:
    functions, threads = library(), torch.get_num_threads()
    heads = {name: x if x.stride(3) == 1 else x.contiguous() for name, x in heads.items()}
    (b, count, queries, e), (kv_heads, keys) = heads["query"].shape, heads["key"].shape[1:3]
    room = logs.new_empty(threads * functions.flamingo_attention_room(keys, e))
    given = _Attention(
        **{name: _Heads(x) for name, x in heads.items()},
        logs=logs.data_ptr(),
        room=room.data_ptr(),
        batch=b,
        heads=count,
        kv_heads=kv_heads,
        queries=queries,
        keys=keys,
        width=e,
        threads=threads,
        causal=causal,
        scale=scale,
    )
    functions.flamingo_attention(ctypes.byref(given), gradients)


_heads = "Tensor query, Tensor key, Tensor value"
OPERATIONS.define(f"attention({_heads}, bool causal, float scale) -> (Tensor, Tensor)")
OPERATIONS.define(
    f"attention_backward(Tensor slope, {_heads}, Tensor logs, bool causal, float scale) -> (Tensor, Tensor, Tensor)"
)
OPERATIONS.impl("attention", attention, "CPU")
OPERATIONS.impl("attention_backward", attention_backward, "CPU")


def operations(query: Size, key: Size, causal: bool) -> int:
    """Floating point operations of a product of all queries and keys, (b, heads, t, e) and (b, kv_heads, l, e), where
    they are seen.
    """
    (b, heads, t, e), keys = query, key[2]
    return 2 * b * heads * e * (sum(min(place + 1, keys) for place in range(t)) if causal else t * keys)


@register_flop_formula(torch.ops.flamingo_lib.attention)
def _count(query: Size, key: Size, value: Size, causal: bool, *others: Any, **named: Any) -> int:
    return 2 * operations(query, key, causal)


@register_flop_formula(torch.ops.flamingo_lib.attention_backward)
def _count_backward(
    slope: Size, query: Size, key: Size, value: Size, logs: Size, causal: bool, *others: Any, **named: Any
) -> int:
    return 5 * operations(query, key, causal)  # as the scores are made anew
