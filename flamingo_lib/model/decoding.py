"""Decoding with the weights of a `LeanStep`: what every step writes to, and the ways to look at it, are made once a
batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .cache import RoomyCache
from .generate import VisualMemory
from .lean import Layer, LeanStep


class _Seen(NamedTuple):
    """A layer's buffer of the cache as decoding uses it: where a token's keys and values go, and all of them, heads in
    a row.

    Attributes:
        slots: for each new token (2, b, kv_heads, *as the product of queries, keys and values gives a head).
        keys: (b * kv_heads, e, room).
        values: (b * kv_heads, room, e).
    """

    slots: tuple[Tensor, ...]
    keys: Tensor
    values: Tensor


class LeanDecoding:
    """One batch's decoding, a token a row and call.

    Args:
        step: the weights.
        cache: holds everything before.
        steps: new tokens a row at the most.
        positions: (b, 1) of the first new token.
        mask: (b, 1, 1, tokens before + steps), added to the scores; None where no row is padded.
        memory: the images that new tokens look at; None where there are none.
        looks: (b, 1), 1 for rows that look at their image, 0 for the others; None if all do.
    """

    def __init__(
        self,
        step: LeanStep,
        cache: RoomyCache,
        steps: int,
        positions: Tensor,
        mask: Tensor | None = None,
        memory: VisualMemory | None = None,
        looks: Tensor | None = None,
    ) -> None:
        self.step, self.cache, self.mask, self.looks = step, cache, mask, looks
        self.memory = None if memory is None or not memory.images else memory.contiguous()
        self.begin = self.length = cache.get_seq_length()
        self.end = self.begin + steps
        ahead = torch.arange(steps, device=positions.device)
        self.rotations = step.rotations(int(positions.max()) + steps)[positions + ahead]
        self._lay_out()

    def _lay_out(self) -> None:
        """Make room for the rows as they are now."""
        step, rows, e = self.step, len(self.rotations), self.step.head_dim
        first = step.layers[0]
        self.qkv, result = first.qkv.place(rows)
        c = e if result.ndim == 2 else result.shape[-1]
        pairs = result.view(rows, -1, e // c, c // 2, 2)
        self.rotated = torch.view_as_complex(pairs[:, : step.heads + step.kv_heads])
        self.turns = self.rotations.view(rows, -1, 1, *self.rotated.shape[2:]).unbind(1)
        halves = pairs.movedim(-1, 2)  # as in the cache: the first of all pairs, then the second
        self.given = halves[:, step.heads :].unflatten(1, (2, step.kv_heads)).transpose(0, 1)
        self.asked = halves[:, : step.heads]
        self.queries = result.new_empty(
            rows * step.kv_heads, step.heads // step.kv_heads, e
        )  # heads that share keys stand in a row
        self.places = self.queries.view(self.asked.shape)
        self.both, result = first.gate_up.place(rows)
        self.gate, self.up = result.chunk(2, dim=1)
        self.active = result.new_empty(self.gate.shape)
        self.hidden = self.active.view(rows, -1)
        self.seen = [self._look(layer.reserve(self.end), self.given.shape[3:]) for layer in self.cache.layers]
        self.shown = {}
        if self.memory is not None:
            images = self.memory.keys_values.items()
            self.shown = {
                index: (keys.flatten(0, 1).transpose(1, 2), values.flatten(0, 1)) for index, (keys, values) in images
            }
        self.padding = None
        if self.mask is not None:
            self.padding = self.mask.expand(-1, step.kv_heads, self.queries.shape[1], -1).flatten(0, 1)

    def _look(self, buffer: Tensor, head: torch.Size) -> _Seen:
        keys, values = buffer.flatten(1, 2).unbind()
        slots = buffer[:, :, :, self.begin : self.end].unflatten(-1, head).unbind(3)
        return _Seen(slots, keys.transpose(1, 2), values)

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        for layer in self.cache.layers:
            layer.lengthen(self.length)
        self.cache.keep(rows)
        self.rotations = self.rotations[rows]
        self.mask = None if self.mask is None else self.mask[rows]
        self.memory = None if self.memory is None else self.memory.keep(rows)
        self.looks = None if self.looks is None else self.looks[rows]
        self._lay_out()

    def __call__(self, tokens: Tensor) -> Tensor:
        """Logits (b, vocabulary) after one more token (b,) of each row."""
        step, rows, place = self.step, len(tokens), self.length - self.begin
        self.length += 1
        turn = self.turns[place]
        padding = None if self.padding is None else self.padding.narrow(2, 0, self.length)
        x = F.embedding(tokens, step.embedding)
        for layer in step.layers:
            if layer.gated is not None:
                x = self._cross(layer, x)
            layer.qkv.into(step.normalised(x), self.qkv)
            self.rotated.mul_(turn)
            seen = self.seen[layer.index]
            seen.slots[place].copy_(self.given)
            self.places.copy_(self.asked)
            keys, values = seen.keys.narrow(2, 0, self.length), seen.values.narrow(1, 0, self.length)
            x = layer.out.added(x, attend(self.queries, keys, values, padding).view(rows, -1))
            layer.gate_up.into(step.normalised(x), self.both)
            torch.mul(step.activation(self.gate), self.up, out=self.active)
            x = layer.down.added(x, self.hidden)
        return step.head(step.normalised(x).mul_(step.final_norm)).reshape(rows, -1)

    def _cross(self, layer: Layer, x: Tensor) -> Tensor:
        """x (b, d) with what a gated layer adds to it."""
        gated, rows = layer.gated, len(x)
        if layer.index in self.shown:
            query = gated.query(gated.norm(x)).reshape(rows * self.step.cross_heads, 1, -1)
            seen = attend(query, *self.shown[layer.index]).view(rows, -1)
            x = gated.out.added(x, seen if self.looks is None else seen * self.looks)
        return gated.down.added(x, gated.up.gelu(gated.ff_norm(x)).reshape(rows, -1))


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention of a few scaled queries (n, q, e) to keys (n, e, t) and values (n, t, e), with a mask (n, q, t) added
    to the scores.

    Two products: one query a head is too little for a fused kernel to be worth its work in blocks.
    """
    scores = torch.bmm(query, keys) if mask is None else torch.baddbmm(mask, query, keys)
    return torch.bmm(scores.softmax(dim=-1), values)
