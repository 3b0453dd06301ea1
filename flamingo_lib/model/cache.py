"""A key-value cache with room to grow: new tokens are written in place instead of copying all earlier ones at every
step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, (b, heads, t, e) each, as views of one buffer with room for `room` tokens, and more
    when needed.
    """

    def __init__(self, room: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room = room
        self._buffer: Tensor | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        b, heads, t, e = key_states.shape
        begin = self.get_seq_length()
        end = begin + t
        if self._buffer is None or end > self._buffer.shape[-2]:
            self._move(key_states.new_empty(2, b, heads, max(self.room, end if begin == 0 else 2 * end), e))
        self._buffer[0, ..., begin:end, :] = key_states
        self._buffer[1, ..., begin:end, :] = value_states
        self._look(end)
        return self.keys, self.values

    def reserve(self, tokens: int) -> Tensor:
        """The buffer (2, b, heads, room, e) of keys and values, with room for so many tokens in all."""
        if self._buffer is None or tokens > self._buffer.shape[-2]:
            b, heads, _, e = self.keys.shape
            self._move(self.keys.new_empty(2, b, heads, tokens, e))
        return self._buffer

    def lengthen(self, tokens: int) -> None:
        """Hold so many tokens, the last of which were written into the buffer that `reserve` gave."""
        self._look(tokens)

    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may be named several times."""
        if self._buffer is not None:
            end = self.get_seq_length()
            self._buffer = self._buffer.index_select(1, rows)
            self._look(end)

    def _move(self, buffer: Tensor) -> None:
        """Go on in another buffer with what is held."""
        held = self.get_seq_length()
        if held:
            buffer[0, ..., :held, :], buffer[1, ..., :held, :] = self.keys, self.values
        self._buffer = buffer
        self._look(held)

    def _look(self, end: int) -> None:
        self.keys, self.values = self._buffer.narrow(3, 0, end).unbind()

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.keep(beam_idx.to(self.device))

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.keep(torch.arange(len(self.keys), device=self.device).repeat_interleave(repeats))

    def batch_select_indices(self, indices: Tensor) -> None:
        self.keep(indices if indices.dtype != torch.bool else indices.nonzero()[:, 0])

    def crop(self, tokens_to_remove: int) -> None:
        super().crop(tokens_to_remove)
        self._buffer = None

    def reset(self) -> None:
        super().reset()
        self._buffer = None


class RoomyCache(Cache):
    """One `RoomyLayer` for each of `layers` layers, with room for `room` tokens."""

    def __init__(self, *, layers: int, room: int) -> None:
        super().__init__(layers=[RoomyLayer(room) for _ in range(layers)])

    def keep(self, rows: Tensor) -> None:
        """Keep these rows in every layer."""
        for layer in self.layers:
            layer.keep(rows)
