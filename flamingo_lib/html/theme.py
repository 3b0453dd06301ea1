"""The theme: named colours for light and dark.

A page follows the system's setting; inside JupyterLab its theme decides. Text reaches a contrast of 4.5 : 1, marks and
lines of charts 3 : 1. Colours of categories follow Okabe and Ito, darkened for light paper and lightened for dark, so
that people with colour-blindness tell neighbours apart; no colour is the only sign of anything.
"""

from __future__ import annotations

COLOURS: dict[str, tuple[str, str]] = {
    "ink": ("#24221f", "#ece8e1"),
    "soft": ("#5f5951", "#bdb6ab"),
    "line": ("#d8d2c8", "#45413c"),
    "paper": ("#f9f7f3", "#1b1a18"),
    "card": ("#ffffff", "#252320"),
    "well": ("#f2efe8", "#302d29"),
    "good": ("#00664b", "#5ccfa6"),
    "bad": ("#a33b00", "#ff9d6b"),
    "accent": ("#0b5a8f", "#7cc0ee"),
    "added": ("#d5ece4", "#1f4437"),
    "removed": ("#fbe3d6", "#5a2f1c"),
    "bar": ("#0072b2", "#56b4e9"),
}
"""Name: (on light paper, on dark)."""

SERIES = (
    ("#0072b2", "#56b4e9"),
    ("#c24f00", "#ff8a3d"),
    ("#00775a", "#35c79a"),
    ("#a84d80", "#e09ac4"),
    ("#976000", "#e6b04a"),
    ("#26759f", "#a9d6f5"),
    ("#7a6a00", "#f0e442"),
    ("#5a5a5a", "#c2c2c2"),
)
"""Fills of categories in charts, (light, dark), in rotation."""

TINTS = (
    ("#dbeafe", "#1e3a5f"),
    ("#fde2c8", "#5a3a1c"),
    ("#d6f0dc", "#1f4a2c"),
    ("#eadcf7", "#43305f"),
    ("#fbd7e3", "#5a2840"),
    ("#d5eef0", "#1f484d"),
    ("#f4edc2", "#4d4518"),
    ("#e3e3e8", "#3d3d45"),
)
"""Backgrounds of text by group, (light, dark), in rotation."""

PLOT_COLOURS = {"ink": "#30343b", "blue": "#0072b2", "orange": "#b26b00", "green": "#00815e", "red": "#d55e00"}
"""Colours for matplotlib figures, which are drawn on white in both themes."""

VARIABLES = (
    COLOURS
    | {f"series-{number}": pair for number, pair in enumerate(SERIES, start=1)}
    | {f"tint-{number}": pair for number, pair in enumerate(TINTS, start=1)}
)
"""Every colour by the name of its CSS variable, less the prefix ``--fl-``."""


def rotate(number: int, colours: tuple[tuple[str, str], ...]) -> int:
    """The colour of the `number`-th category, both counted from 1."""
    return (number - 1) % len(colours) + 1
