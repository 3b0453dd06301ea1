"""A key-value cache with room to grow: new tokens are written in place instead of copying all earlier ones at every step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, (b, heads, t, e) each, as views of buffers with room for `room` tokens, and more when needed."""

    def __init__(self, room: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room = room
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin = self.get_seq_length()
        end = begin + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            room = max(self.room, end if begin == 0 else 2 * end)
            grown = tuple(new.new_empty(*new.shape[:-2], room, new.shape[-1]) for new in (key_states, value_states))
            for buffer, old in zip(grown, (self.keys, self.values), strict=True):
                if begin:
                    buffer[..., :begin, :] = old
            self._buffers = grown
        keys, values = self._buffers
        keys[..., begin:end, :] = key_states
        values[..., begin:end, :] = value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may be named several times."""
        if self._buffers is not None:
            end = self.get_seq_length()
            self._buffers = tuple(buffer.index_select(0, rows) for buffer in self._buffers)
            self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)

    def reorder_cache(self, beam_idx: Tensor) -> None:
        self.keep(beam_idx.to(self.device))

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.keep(torch.arange(len(self.keys), device=self.device).repeat_interleave(repeats))

    def batch_select_indices(self, indices: Tensor) -> None:
        self.keep(indices if indices.dtype != torch.bool else indices.nonzero()[:, 0])

    def crop(self, tokens_to_remove: int) -> None:
        super().crop(tokens_to_remove)
        self._buffers = None

    def reset(self) -> None:
        super().reset()
        self._buffers = None


class RoomyCache(Cache):
    """One `RoomyLayer` for each of `layers` layers, with room for `room` tokens."""

    def __init__(self, *, layers: int, room: int) -> None:
        super().__init__(layers=[RoomyLayer(room) for _ in range(layers)])

    def keep(self, rows: Tensor) -> None:
        """Keep these rows in every layer."""
        for layer in self.layers:
            layer.keep(rows)
