"""A contact sheet of samples as one HTML page: pictures with their marks and boxes, instructions, raw annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..html import Markup, card, definitions, grid, page, picture
from ..records import Sample
from ..renamed import renamed

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 320
"""Longest side of a picture on the page, pixels."""


def sample_card(sample: Sample, images: Sequence[Image]) -> Markup:
    """One sample with its opened pictures."""
    shown = () if sample.meta.get("mark") else sample.boxes  # a marked region is drawn into the picture already
    pictures = [
        picture(
            image,
            shown if index == 0 else (),
            alt=sample.images[index] or f"image {index + 1} of {sample.id}",
            side=SIDE,
            encoding="jpeg",
        )
        for index, image in enumerate(images)
    ]
    rows = [
        row
        for turn in sample.dialogue
        for row in (("instruction", turn.instruction), ("raw annotation", turn.response or ""))
    ]
    return card(sample.id, definitions(rows), note=sample.task, media=pictures)


def sample_sheet(samples: Iterable[tuple[Sample, Sequence[Image]]], *, title: str, about: str = "") -> Markup:
    """The page of `samples`, each with its opened pictures."""
    return page(title, grid(sample_card(sample, images) for sample, images in samples), note=about, wide=True)


__getattr__ = renamed(__name__, to_html=sample_sheet)
