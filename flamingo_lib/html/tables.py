"""HTML tables: numbers are rounded and stand right, text stands left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from .markup import Markup, element

MISSING = "–"
"""Cells shown for None."""

_NUMBER = re.compile(r"[-+−]?\d[\d,]*(\.\d+)?( ?%)?|[-+−]?(nan|inf)")
_NONE = ("", MISSING)


def format_value(value: Any) -> str:
    """A value for people: whole numbers with commas, fractions with three decimals, None as a dash."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    number = float(value)
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3f}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "", total: bool = False) -> Markup:
    """A table.

    Args:
        header: the columns' names.
        rows: as many cells each; values are formatted by `format_value`, `Markup` is taken as it is.
        caption: a name above the table; left out if empty.
        total: the last row sums up the others and is set bold.

    Raises:
        ValueError: a row has more or fewer cells than the header.
    """
    shown = [[format_value(value) for value in row] for row in rows]
    for number, row in enumerate(shown, start=1):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(header)}")
    right = [_is_numeric([row[column] for row in shown]) for column in range(len(header))]
    head = element("tr", *(_cell("th", name, number, scope="col") for name, number in zip(header, right, strict=True)))
    body = [
        element(
            "tr",
            *(_cell("td", value, number) for value, number in zip(row, right, strict=True)),
            class_="fl-total" if total and row is shown[-1] else None,
        )
        for row in shown
    ]
    return element(
        "table",
        element("caption", caption) if caption else "",
        element("thead", head),
        element("tbody", *body),
        class_="fl-table",
    )


def _cell(tag: str, value: str, number: bool, **attributes: str) -> Markup:
    return element(tag, value, class_="fl-n" if number else None, **attributes)


def _is_numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds numbers and gaps only."""
    are_numbers = [_NUMBER.fullmatch(cell) is not None for cell in cells if cell not in _NONE]
    return bool(are_numbers) and all(are_numbers)
