"""Gated cross-attention: text tokens look at the visual latents of one image (Alayrac et al. 2022, section 2.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import attend
from .pieces import halves
from .resampler import feed_forward, merge_heads, split_heads
from .unpadded import Unpadded
from .wide import Linear, are_plain, linear

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of one gated layer: (b, heads, l, e) each, l = images * latents."""


class MaskedCrossAttention(nn.Module):
    """Queries from text, keys and values from visual latents.

    Shapes: b rows, t text tokens, d text width, m images, n latents an image, l = m * n, D vision width, e width of a
        head.

    Args:
        dim: d.
        dim_visual: D.
        num_slots: n if each latent's index gets a learned embedding on what keys and values are made of, else 0.
    """

    def __init__(self, *, dim: int, dim_visual: int, heads: int, dim_head: int, num_slots: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = Linear(dim, heads * dim_head, bias=False)
        self.to_kv = Linear(dim_visual, 2 * heads * dim_head, bias=False)
        self.to_out = Linear(heads * dim_head, dim, bias=False)
        self.slots = nn.Parameter(0.5 * torch.randn(num_slots, dim_visual)) if num_slots else None

    def keys_values(self, latents: Tensor) -> KeysValues:
        """(b, m, n, D) to keys and values, (b, heads, l, e) each."""
        if self.slots is not None:
            latents = latents + self.slots
        key, value = halves(self.to_kv(latents.flatten(1, 2)))
        return split_heads(key, self.heads), split_heads(value, self.heads)

    def forward(
        self,
        x: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        gate: Tensor | None = None,
        weights: list[Tensor] | None = None,
        rows: Unpadded | None = None,
    ) -> Tensor:
        """(b, t, d) to (b, t, d), times `gate` (1,) if there is one.

        Args:
            mask: (b, 1, t, l), True where a token may look; None if every token may look everywhere.
            weights: if given, this layer's attention weights (b, heads, t, l) are appended to it.
            rows: if given, x and the result are (1, n, d), the tokens of the batch without its padding; not with
                `weights`.
        """
        query = linear_of_norm(self.to_q, self.norm, x)
        if rows is not None and weights is None:
            seen = rows.join(
                [
                    self._attend(
                        part.spread(query),
                        key[part.rows],
                        value[part.rows],
                        None if mask is None else mask[part.rows, :, : part.shape[1]],
                    )
                    for part in rows.parts
                ]
            )
            return gated_linear(self.to_out, seen, gate)
        if weights is None:
            return gated_linear(self.to_out, self._attend(query, key, value, mask), gate)
        query = split_heads(query, self.heads)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        attention = (scores if mask is None else scores.masked_fill(~mask, float("-inf"))).softmax(dim=-1)
        weights.append(attention)
        return gated_linear(self.to_out, merge_heads(attention @ value), gate)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        return merge_heads(attend(split_heads(query, self.heads), key, value, mask))


class GatedCrossAttention(GradientCheckpointingLayer):
    """Cross-attention and a feed-forward, each added through a tanh gate."""

    def __init__(
        self,
        *,
        dim: int,
        dim_visual: int,
        heads: int,
        dim_head: int,
        ff_mult: int,
        gate_init: float = 0.0,
        num_slots: int = 0,
    ) -> None:
        super().__init__()
        self.gate_init = gate_init
        self.attn = MaskedCrossAttention(
            dim=dim, dim_visual=dim_visual, heads=heads, dim_head=dim_head, num_slots=num_slots
        )
        self.attn_gate = nn.Parameter(torch.full((1,), float(gate_init)))
        self.ff = feed_forward(dim=dim, mult=ff_mult)
        self.ff_gate = nn.Parameter(torch.full((1,), float(gate_init)))

    def forward(
        self,
        x: Tensor,
        latents: Tensor | None,
        keys_values: KeysValues | None,
        mask: Tensor | None,
        looks: Tensor | None,
        weights: list[Tensor] | None = None,
        rows: Unpadded | None = None,
    ) -> Tensor:
        """(b, t, d) to (b, t, d).

        Args:
            latents: (b, m, n, D), used where `keys_values` is None; both None: no token looks at an image.
            keys_values: this layer's keys and values if they are known already.
            mask: see `MaskedCrossAttention`.
            looks: (b, t, 1), 1 where a token looks at an image, 0 where it looks at none; None if all do.
            rows: if given, x, looks and the result are (1, n, ...), the tokens of the batch without its padding.
        """
        if keys_values is None and latents is not None:
            keys_values = self.attn.keys_values(latents)
        if keys_values is not None:
            seen = self.attn(x, *keys_values, mask, self.attn_gate.tanh(), weights, rows)
            x = x + (seen if looks is None else seen * looks)
        norm, up, activation, down = self.ff
        return x + gated_linear(down, activation(up(norm(x))), self.ff_gate.tanh())


def gated_linear(layer: nn.Linear, x: Tensor, gate: Tensor | None) -> Tensor:
    """(b, t, i) to (b, t, d): `layer(x) * gate`, with the gate in the weight where there are more tokens than inputs."""
    if gate is None:
        return layer(x)
    if type(layer) is Linear and layer.bias is None and x.shape[0] * x.shape[1] > layer.in_features:
        return linear(x, layer.weight * gate)
    return layer(x) * gate


def linear_of_norm(layer: nn.Linear, norm: nn.LayerNorm, x: Tensor) -> Tensor:
    """(..., d) to (..., n): `layer(norm(x))`.

    Where x needs no gradient, as in the first layer of a frozen language model, the norm's weights are taken into the
    layer's: their gradients then come from that of the weight, not from the tokens by one more product.
    """
    learns = torch.is_grad_enabled() and norm.weight.requires_grad
    if x.requires_grad or not learns or type(layer) is not Linear or layer.bias is not None or not are_plain(x):
        return layer(norm(x))
    normal = F.layer_norm(x, norm.normalized_shape, eps=norm.eps)
    return linear(normal, layer.weight * norm.weight) + layer.weight @ norm.bias
