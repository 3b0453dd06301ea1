"""Heat maps in HTML: an image under a grid of weights, bright where the weight is, with the percentage in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .figures import MAX_SIDE, picture
from .markup import Markup, element

if TYPE_CHECKING:
    from PIL.Image import Image

DARKEST = 0.78
"""Opacity of the shade over a cell of weight 0."""


def heat_map(image: Image, weights: Sequence[Sequence[float]], *, alt: str, side: int = MAX_SIDE) -> Markup:
    """An image whose cells are shaded the more, the less weight they have.

    Args:
        image: of any mode.
        weights: rows of cells from the top left, 0 to 1 each; the heaviest cell is not shaded.
        alt: what it shows, for those who can't see it.
        side: longest side in pixels.

    Raises:
        ValueError: there is no alternative text, no cell, or rows of different lengths.
    """
    if not weights or len({len(row) for row in weights}) != 1 or not weights[0]:
        raise ValueError("weights are rows of the same length, at least one cell")
    heaviest = max(max(row) for row in weights) or 1.0
    high, wide = 100 / len(weights), 100 / len(weights[0])
    cells = []
    for top, row in enumerate(weights):
        for left, weight in enumerate(row):
            shade = DARKEST * (1 - max(weight, 0.0) / heaviest)
            style = (
                f"left:{left * wide:.2f}%;top:{top * high:.2f}%;width:{wide:.2f}%;height:{high:.2f}%;"
                f"background:rgba(17,17,17,{shade:.2f})"
            )
            cells.append(element("span", element("b", f"{100 * weight:.0f}"), class_="fl-heat", style=style))
    return element("span", picture(image, alt=alt, side=side), *cells, class_="fl-heat-map")
