"""A beginning that many prompts share, such as the system message: gone through once, then only read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .cache import RoomyCache
from .flamingo import FlamingoForConditionalGeneration

SHORTEST = 8
"""Tokens under which going through them again costs less than leaving them out."""

TOLERANCE = 1e-3
"""Relative difference of logits at which the numbers count as the same: rounding, also in half precision's larger
steps.
"""


class SharedPrefix:
    """Keys and values of the first s tokens of many prompts, none of which looks at an image.

    A batch of rows padded on the left is read with the prefix first, then each row's padding, then the rest of the row;
    positions count tokens, not padding. That needs a language model whose attention knows nothing of the padding
    between.

    Attributes:
        ids: (s,).
        layers: each layer's keys and values, (1, heads, s, e) each.
    """

    def __init__(self, ids: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.ids, self.layers = ids, layers

    def __len__(self) -> int:
        return len(self.ids)

    def begins(self, input_ids: Tensor, mask: Tensor, attended: Tensor | None) -> bool:
        """Whether every row (b, t), padded on the left, begins with the prefix, goes on after it, and looks at no image
        in it.
        """
        if input_ids.shape[1] - int((mask == 0).sum(dim=1).max()) <= len(self):
            return False
        places = (mask == 0).sum(dim=1, keepdim=True) + torch.arange(len(self), device=mask.device)
        if attended is not None and bool((attended.gather(1, places) > 0).any()):
            return False
        return bool((input_ids.gather(1, places) == self.ids).all())

    def mask_behind(self, mask: Tensor) -> Tensor:
        """(b, t) of such rows to (b, t) of the order in which they are read."""
        places = torch.arange(mask.shape[1], device=mask.device)
        padding = (mask == 0).sum(dim=1, keepdim=True)
        return ((places < len(self)) | (places >= len(self) + padding)).to(mask.dtype)

    def fill(self, cache: RoomyCache, rows: int) -> None:
        """Begin the empty `cache` of a batch."""
        for layer, (keys, values) in zip(cache.layers, self.layers, strict=True):
            layer.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1))


@torch.inference_mode()
def share_prefix(model: FlamingoForConditionalGeneration, ids: Sequence[int]) -> SharedPrefix | None:
    """`ids` as a shared prefix; None where they are too few to pay, or the language model sees the padding behind them."""
    if len(ids) < SHORTEST or model.config.image_token_id in ids:
        return None
    start = torch.tensor(list(ids), device=model.device)
    cache = _empty(model, len(ids))
    model(input_ids=start[None], past_key_values=cache, use_cache=True, logits_to_keep=1)
    prefix = SharedPrefix(start, [(layer.keys, layer.values) for layer in cache.layers])
    return prefix if _same_numbers(model, prefix) else None


def _empty(model: FlamingoForConditionalGeneration, room: int) -> RoomyCache:
    return RoomyCache(layers=model.config.text_config.num_hidden_layers, room=room)


def _same_numbers(model: FlamingoForConditionalGeneration, prefix: SharedPrefix) -> bool:
    """Go on with two tokens, once right behind the prefix and once with padding between."""
    size, rest = len(prefix), prefix.ids[:2]
    expected = model(input_ids=torch.cat([prefix.ids, rest])[None], logits_to_keep=1).logits[0, -1].float()
    cache = _empty(model, size + 5)
    prefix.fill(cache, 1)
    mask = torch.tensor([[1] * size + [0] * 3 + [1] * 2], device=model.device)
    found = model(
        input_ids=torch.cat([prefix.ids[:3], rest])[None],
        attention_mask=mask,
        position_ids=(mask.cumsum(dim=1) - 1)[:, size:],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[0, -1]
    return bool((found.float() - expected).abs().max() <= TOLERANCE * expected.abs().max().clamp(min=1.0))
