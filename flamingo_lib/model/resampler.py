"""The perceiver resampler: any number of patch tokens to a fixed number of visual latents (Alayrac et al. 2022, section
2.1).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .attention import attend
from .compiled import pointwise
from .pieces import halves, is_kept
from .wide import Linear, are_plain


def feed_forward(*, dim: int, mult: int) -> nn.Sequential:
    """LayerNorm, up, exact GELU, down; (..., dim) to (..., dim), without biases in the linears."""
    return nn.Sequential(
        nn.LayerNorm(dim), Linear(dim, dim * mult, bias=False), Gelu(), Linear(dim * mult, dim, bias=False)
    )


class Gelu(nn.GELU):
    """Exact GELU; where it is compiled, its slopes are made with it rather than from the input again."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(0, -2)
        if not are_plain(x) or not pointwise.applies(flat):
            return super().forward(x)
        return _Gelu.apply(flat).view(x.shape)


class _Gelu(torch.autograd.Function):
    """(n, d) to (n, d)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        slopes = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        ctx.save_for_backward(slopes)
        return pointwise.gelu(x, slopes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (slopes,) = ctx.saved_tensors
        return slope * slopes if is_kept() else slopes.mul_(slope)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(b, t, heads * e) to (b, heads, t, e)."""
    b, t, _ = x.shape
    return x.view(b, t, heads, -1).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(b, heads, t, e) to (b, t, heads * e)."""
    b, h, t, e = x.shape
    return x.transpose(1, 2).reshape(b, t, h * e)


class PerceiverAttention(nn.Module):
    """Latents ask; patch tokens and the latents themselves answer. b images, v patch tokens, n latents, d width."""

    def __init__(self, *, dim: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_media = nn.LayerNorm(dim)
        self.norm_latents = nn.LayerNorm(dim)
        self.to_q = Linear(dim, heads * dim_head, bias=False)
        self.to_kv = Linear(dim, 2 * heads * dim_head, bias=False)
        self.to_out = Linear(heads * dim_head, dim, bias=False)

    def forward(self, media: Tensor, latents: Tensor) -> Tensor:
        """(b, v, d) and (b, n, d) to (b, n, d); latents (1, n, d) are the same for all images and gone through once."""
        latents, media = self.norm_latents(latents), self.norm_media(media)
        query = self.to_q(latents)
        if len(latents) == len(media):
            answers = self.to_kv(torch.cat([media, latents], dim=1))
        else:
            query = query.expand(len(media), -1, -1)
            answers = torch.cat([self.to_kv(media), self.to_kv(latents).expand(len(media), -1, -1)], dim=1)
        query, key, value = (split_heads(x, self.heads) for x in (query, *halves(answers)))
        return self.to_out(merge_heads(attend(query, key, value)))


class PerceiverResampler(nn.Module):
    """`depth` rounds of attention and feed-forward on `num_latents` learned latents.

    Args:
        dim: width of the patch tokens and of the latents, d.
        num_positions: v if a learned position embedding is to be added to the patch tokens, else 0.
    """

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

    def forward(self, vision_tokens: Tensor) -> Tensor:
        """(b, v, d) patch tokens to (b, n, d) visual latents."""
        if self.positions is not None:
            vision_tokens = vision_tokens + self.positions
        latents = self.latents[None]  # the images tell them apart from the first round on
        for attention, ff in self.layers:
            latents = latents + attention(vision_tokens, latents)
            latents = latents + ff(latents)
        return self.norm(latents)
