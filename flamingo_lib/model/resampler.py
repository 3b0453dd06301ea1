"""The perceiver resampler: patch tokens to a fixed number of latents (Alayrac et al. 2022, section 2.1)."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from .attention import attention


def feed_forward(*, dim: int, mult: int) -> nn.Sequential:
    """LayerNorm, up, exact GELU, down; (..., dim) to (..., dim), no biases in the linears."""
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, dim * mult, bias=False), nn.GELU(), nn.Linear(dim * mult, dim, bias=False)
    )


class PerceiverAttention(nn.Module):
    """Cross-attention from the latents to the patch tokens and the latents themselves.

    Shapes: b images, v patch tokens, n latents, d width, h heads, e head width.
    """

    def __init__(self, *, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_media = nn.LayerNorm(dim)
        self.norm_latents = nn.LayerNorm(dim)
        self.to_q = nn.Linear(dim, heads * dim_head, bias=False)
        self.to_kv = nn.Linear(dim, 2 * heads * dim_head, bias=False)
        self.to_out = nn.Linear(heads * dim_head, dim, bias=False)

    def forward(self, media: Tensor, latents: Tensor, **options: Any) -> Tensor:
        """(b, v, d) patch tokens and (b, n, d) latents to (b, n, d); options are those of `attention`."""
        media, latents = self.norm_media(media), self.norm_latents(latents)
        query = rearrange(self.to_q(latents), "b n (h e) -> b h n e", h=self.heads)
        both = self.to_kv(torch.cat([media, latents], dim=1))
        key, value = rearrange(both, "b l (kv h e) -> kv b h l e", kv=2, h=self.heads).unbind()
        return self.to_out(rearrange(attention(self, query, key, value, **options), "b n h e -> b n (h e)"))


class PerceiverResampler(nn.Module):
    """`depth` rounds of attention and feed-forward on `num_latents` learned latents.

    Args:
        dim: width of the patch tokens and of the latents, d.
        num_positions: v if a learned position embedding is to be added to the patch tokens, else 0.
    """

    layers: Any  # pairs of attention and feed-forward

    def __init__(
        self, *, dim: int, depth: int, num_latents: int, heads: int, dim_head: int, ff_mult: int, num_positions: int = 0
    ) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(num_latents, dim))
        self.positions = nn.Parameter(0.5 * torch.randn(num_positions, dim)) if num_positions else None
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [PerceiverAttention(dim=dim, heads=heads, dim_head=dim_head), feed_forward(dim=dim, mult=ff_mult)]
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, vision_tokens: Tensor, **options: Any) -> Tensor:
        """(b, v, d) patch tokens to (b, n, d) visual latents; options are those of `attention`."""
        if self.positions is not None:
            vision_tokens = vision_tokens + self.positions
        latents = self.latents.expand(len(vision_tokens), -1, -1)
        for attend, feed in self.layers:
            latents = latents + attend(vision_tokens, latents, **options)
            latents = latents + feed(latents)
        return self.norm(latents)
