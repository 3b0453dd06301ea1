"""Images in HTML: inlined pictures with boxes, figures with captions. Every image has an alternative text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from PIL import Image as PillowImage

from ..images import data_uri, encode_image
from ..records import Box
from .markup import Markup, element
from .prose import safe_address

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 300
"""Longest side of an inlined image, pixels."""


def picture(
    image: Image,
    boxes: Iterable[Box] = (),
    *,
    alt: str,
    side: int = MAX_SIDE,
    encoding: Literal["png", "jpeg"] = "png",
) -> Markup:
    """An image with its boxes and their names drawn over it.

    Args:
        image: of any mode.
        boxes: in fractions of the image's sides.
        alt: what is on it, for those who can't see it.
        side: longest side in pixels; one of less than half of it is enlarged by a whole factor.
        encoding: ``png`` for drawings, ``jpeg`` for photographs.

    Raises:
        ValueError: there is no alternative text.
    """
    shown = image.convert("RGB")
    if max(image.size) < side // 2:
        factor = side // 2 // max(image.size) + 1
        shown = shown.resize((image.width * factor, image.height * factor), PillowImage.Resampling.NEAREST)
    else:
        shown.thumbnail((side, side), PillowImage.Resampling.LANCZOS)
    data = encode_image(shown, encoding, optimize=True)
    tag = image_bytes(data, alt=alt, encoding=encoding, width=shown.width, height=shown.height)
    return element("span", tag, *map(_box, boxes), class_="fl-picture")


def image_bytes(
    data: bytes,
    *,
    alt: str,
    encoding: Literal["png", "jpeg"] = "png",
    width: int | None = None,
    height: int | None = None,
) -> Markup:
    """An encoded image, inlined as it is.

    Raises:
        ValueError: there is no alternative text.
    """
    return element("img", src=data_uri(data, encoding), alt=_described(alt), width=width, height=height)


def image_link(address: str, *, alt: str, width: int | None = None) -> Markup:
    """An image in a file beside the page, or in a data URI; opened when it comes into view.

    Raises:
        ValueError: there is no alternative text, or the address is of another kind.
    """
    bare = address.lstrip()
    schemes = ("http:", "https:", "data:") if bare[:11].lower() == "data:image/" else ("http:", "https:")
    return element("img", src=safe_address(address, schemes=schemes), alt=_described(alt), loading="lazy", width=width)


def figure(image: Markup, caption: str = "") -> Markup:
    """An image of this module, such as a plot's `image_bytes`, with a caption under it."""
    words = element("figcaption", caption) if caption else ""
    return element("figure", image, words, class_="fl-figure")


def gallery(figures: Sequence[Markup], *, side: int = MAX_SIDE) -> Markup:
    """Figures in a row that wraps, each at most `side` pixels wide."""
    return element("div", *figures, class_="fl-gallery", style=f"--fl-side:{int(side)}px")


def _described(alt: str) -> str:
    if not alt.strip():
        raise ValueError("an image needs an alternative text")
    return alt


def _box(box: Box) -> Markup:
    """A box over a picture; its name stands outside the frame, but inside the picture."""
    modifiers = (" fl-right" if box.x1 > 0.5 else "") + (" fl-top" if box.y1 < 0.1 else "")
    left, top, width, height = (100 * float(value) for value in (box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1))
    style = f"left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%"
    return element("span", element("b", box.name), class_=f"fl-box{modifiers}", style=style)
