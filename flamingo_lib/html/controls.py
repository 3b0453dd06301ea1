"""Check boxes that show and hide groups of cards, by CSS alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .markup import Markup, element, join

_GROUP = re.compile(r"[a-z][a-z0-9-]*")


def toggles(groups: Mapping[str, str]) -> Markup:
    """One check box a group of cards, all set at first.

    Args:
        groups: a group's name as its cards carry it: what people read.

    Raises:
        ValueError: a name is not of small letters, digits and hyphens.
    """
    for name in groups:
        if not _GROUP.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a group")
    boxes = (
        element("label", element("input", type="checkbox", id=f"fl-show-{name}", checked=True), f" {words}")
        for name, words in groups.items()
    )
    hidden = "".join(f".fl:has(#fl-show-{name}:not(:checked)) .{name}{{display:none}}" for name in groups)
    return join([element("fieldset", *boxes, class_="fl-toggles"), Markup(f"<style>{hidden}</style>")])
