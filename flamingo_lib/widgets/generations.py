"""The generation viewer: one record rewritten by two generations of the rewriter, the difference marked.

`generation_view` shows one record; `GenerationViewer` turns pages over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from ..html import Markup, definitions, gallery, join, message, picture
from ..pipeline.record_html import marked_difference
from ..scenes.graph import Scene
from ..scenes.render import render
from .static_frame import StaticFrame

SIDE = 150
"""Pixels of a picture."""

ORDERS = ("as drawn", "gained most", "lost most")


def generation_view(example: Mapping[str, Any]) -> Markup:
    """One record.

    Args:
        example: as `study.generations` stores it: ``instruction``, ``raw``, ``first``, ``second``, ``reward`` (of
            both), ``scenes``.
    """
    _, second = marked_difference(example["first"], example["second"])
    one, two = example["reward"]
    images = [
        picture(render(Scene.from_json(scene)), alt=f"picture {number} of {example['id']}", side=SIDE)
        for number, scene in enumerate(example["scenes"], start=1)
    ]
    rows = [
        ("instruction", example["instruction"]),
        ("raw annotation", example["raw"]),
        (f"first, reward {one:+.2f}", example["first"]),
        (f"second, reward {two:+.2f}", second),
    ]
    return join([gallery(images, side=SIDE), definitions(rows)])


class GenerationViewer(StaticFrame):
    """Both generations record by record; the order puts the largest gains or losses of reward first.

    Args:
        examples: see `generation_view`.
    """

    def __init__(self, examples: Sequence[Mapping[str, Any]]) -> None:
        self.examples = list(examples)
        self.order = widgets.Dropdown(description="order", options=ORDERS)
        self.position = widgets.IntSlider(
            description="record", value=1, min=1, max=max(1, len(self.examples)), continuous_update=False
        )
        super().__init__([self.order, self.position])

    def to_html(self) -> Markup:
        """`generation_view` of the choice."""
        if not self.examples:
            return message("There is no record to show.")
        return generation_view(self._ordered()[self.position.value - 1])

    def _ordered(self) -> list[Mapping[str, Any]]:
        if self.order.value == ORDERS[0]:
            return self.examples
        return sorted(self.examples, key=_gain, reverse=self.order.value == ORDERS[1])


def _gain(example: Mapping[str, Any]) -> float:
    return float(example["reward"][1] - example["reward"][0])
