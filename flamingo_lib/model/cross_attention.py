"""Gated cross-attention: text tokens attend to the visual latents of one image (Alayrac et al. 2022, section 2.2)."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import attention
from .resampler import feed_forward

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of one gated layer: (b, h, l, e) each, l = images * latents."""


class MaskedCrossAttention(nn.Module):
    """Queries from text, keys and values from visual latents.

    Shapes: b rows, t text tokens, d text width, m images, n latents an image, l = m * n, D vision width, h heads, e
        head width.

    Args:
        dim: d.
        dim_visual: D.
        num_slots: n if each latent's index gets a learned embedding on what keys and values are made of, else 0.
    """

    def __init__(self, *, dim: int, dim_visual: int, heads: int, dim_head: int, num_slots: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, heads * dim_head, bias=False)
        self.to_kv = nn.Linear(dim_visual, 2 * heads * dim_head, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim, bias=False)
        self.slots = nn.Parameter(0.5 * torch.randn(num_slots, dim_visual)) if num_slots else None

    def keys_values(self, latents: Tensor) -> KeysValues:
        """(b, m, n, D) to keys and values, (b, h, l, e) each."""
        if self.slots is not None:
            latents = latents + self.slots
        key, value = rearrange(self.to_kv(latents), "b m n (kv h e) -> kv b h (m n) e", kv=2, h=self.heads).unbind()
        return key, value

    def forward(self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
        """(b, t, d) to (b, t, d).

        Args:
            mask: (b, 1, t, l), True where a token may attend; None if every token may attend everywhere.
            options: of `attention`: its implementation, a list for its weights, lengths of a packed batch.
        """
        query = rearrange(self.to_q(self.norm(x)), "b t (h e) -> b h t e", h=self.heads)
        return self.to_out(rearrange(attention(self, query, key, value, mask, **options), "b t h e -> b t (h e)"))


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
        has_image: Tensor | None,
        **options: Any,
    ) -> Tensor:
        """(b, t, d) to (b, t, d).

        Args:
            latents: (b, m, n, D), used where `keys_values` is None; both None: no token attends to an image.
            keys_values: this layer's keys and values if they are known already.
            mask: see `MaskedCrossAttention`.
            has_image: (b, t, 1), 1 where a token attends to an image, 0 where it attends to none; None if all do.
            options: see `MaskedCrossAttention`.
        """
        if keys_values is None and latents is not None:
            keys_values = self.attn.keys_values(latents)
        if keys_values is not None:
            update = self.attn(x, *keys_values, mask, **options)
            x = x + (self.attn_gate.tanh() * (update if has_image is None else update * has_image)).to(x.dtype)
        return x + (self.ff_gate.tanh() * self.ff(x)).to(x.dtype)
