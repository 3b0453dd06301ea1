"""The key-value cache of `generate_batch`: written in place, rows can leave it."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class PreallocatedLayer(DynamicLayer):
    """Keys and values of one layer, (b, heads, t, e) each, as views of one buffer with room for `room` tokens."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self._buffer: Any = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append keys and values; returns all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, (b, heads, t, e) = self.get_seq_length(), key_states.shape
        if self._buffer is None:
            self._buffer = key_states.new_empty(2, b, heads, self.room, e)
        self._buffer[0, ..., start : start + t, :] = key_states
        self._buffer[1, ..., start : start + t, :] = value_states
        self.keys, self.values = self._buffer.narrow(3, 0, start + t).unbind()
        return self.keys, self.values

    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        length = self.get_seq_length()
        self._buffer = self._buffer.index_select(1, rows)
        self.keys, self.values = self._buffer.narrow(3, 0, length).unbind()


class KVCache(Cache):
    """Key-value cache with room for `room` tokens: new ones are written in place, earlier ones never copied."""

    def __init__(self, *, layers: int, room: int) -> None:
        super().__init__(layers=[PreallocatedLayer(room) for _ in range(layers)])

    def keep(self, rows: Tensor) -> None:
        """Keep these rows in every layer."""
        for layer in self.layers:
            layer.keep(rows)
