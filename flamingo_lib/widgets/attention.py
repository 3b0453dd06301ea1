"""The attention viewer: which part of the picture a token attends to, by layer and head.

`attention_view` draws one choice; `AttentionViewer` has controls for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from ..html import Markup, Token, figure, heat_map, join, message, token_strip
from .static_frame import StaticFrame

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

MEAN = -1
"""The head that stands for the mean of all."""


def attention_view(
    image: Image,
    tokens: Sequence[str],
    attended: Sequence[int],
    weights: np.ndarray,
    *,
    token: int,
    layer: int,
    head: int,
) -> Markup:
    """One token's attention over an image.

    Args:
        image: the picture.
        tokens: texts of the t tokens.
        attended: the image each token attends to (0: none).
        weights: (layers, heads, t, n): the latents' weights, where latent i stands for cell i of a square grid.
        token: index of the token.
        layer: index of the gated layer.
        head: index of the head, or `MEAN`.
    """
    strip = token_strip(
        [
            Token(text, f"attends to {f'image {seen}' if seen else 'no image'}", seen, index == token)
            for index, (text, seen) in enumerate(zip(tokens, attended, strict=True))
        ],
        group_name="image",
        trained="the chosen token",
    )
    if not attended[token]:
        return join([strip, message("This token attends to no image.")])
    rows = weights[layer, :, token]
    row = (rows.mean(0) if head == MEAN else rows[head]).tolist()
    side = round(len(row) ** 0.5)
    grid = [row[start : start + side] for start in range(0, side * side, side)]
    best = max(range(len(row)), key=row.__getitem__)
    which = "mean of all heads" if head == MEAN else f"head {head}"
    finding = f"most of it, {row[best]:.0%}, in row {best // side + 1}, column {best % side + 1}"
    caption = f"layer {layer}, {which}, from {tokens[token].strip()!r}: {finding}"
    return join([strip, figure(heat_map(image, grid, alt=f"Attention of {caption}"), caption)])


class AttentionViewer(StaticFrame):
    """Attention by token, layer and head.

    Args:
        image, tokens, attended, weights: see `attention_view`.
        token: the token chosen at first; the last by default.
    """

    def __init__(
        self, image: Image, tokens: Sequence[str], attended: Sequence[int], weights: np.ndarray, token: int = -1
    ) -> None:
        self.image, self.tokens, self.attended, self.weights = image, list(tokens), list(attended), weights
        layers, heads, count, _ = weights.shape
        self.token = widgets.Dropdown(
            description="token",
            options=[(f"{index} {text.strip()[:24]!r}", index) for index, text in enumerate(self.tokens)],
            value=token % count,
        )
        self.layer = widgets.IntSlider(description="layer", value=layers - 1, min=0, max=layers - 1)
        self.head = widgets.Dropdown(
            description="head", options=[("mean", MEAN), *((str(head), head) for head in range(heads))]
        )
        super().__init__([self.token, self.layer, self.head])

    def to_html(self) -> Markup:
        """`attention_view` of the choice."""
        return attention_view(
            self.image,
            self.tokens,
            self.attended,
            self.weights,
            token=self.token.value,
            layer=self.layer.value,
            head=self.head.value,
        )
