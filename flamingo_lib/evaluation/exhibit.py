"""Exhibits: what a table or figure of the paper becomes here, tables and a picture made of stored predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import html
from ..html import Markup
from .bootstrap import Interval
from .figures import titles, to_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """Rows under a header; cells are text, numbers, intervals or None.

    Attributes:
        header: names of the columns.
        rows: as many cells each.
        caption: a name above the table.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""

    def markup(self) -> Markup:
        """The table as HTML."""
        return html.table(self.header, self.rows, caption=self.caption)


@dataclass(frozen=True)
class Exhibit:
    """One table or figure.

    Attributes:
        title: its name.
        tables: the values, the paper's beside ours.
        figure: the picture; None if there is nothing to draw.
        caption: what the picture shows.
        notes: what one has to know to read it, and what is missing.
    """

    title: str
    tables: tuple[Table, ...] = ()
    figure: Figure | None = None
    caption: str = ""
    notes: tuple[str, ...] = ()

    def markup(self) -> Markup:
        """Picture, tables and notes as HTML."""
        return html.join(
            [
                plot(self.figure, self.caption) if self.figure is not None else "",
                *(table.markup() for table in self.tables),
                *map(html.message, self.notes),
            ]
        )


def plot(figure: Figure, caption: str = "") -> Markup:
    """A figure as an inlined PNG with a caption; without one, its titles are its alternative text."""
    return html.figure(html.image_bytes(to_png(figure), alt=caption or titles(figure)), caption)


def missing(title: str, what: str) -> Exhibit:
    """The exhibit of predictions that are not there."""
    return Exhibit(title, notes=(f"Nothing to show: {what}.",))


def lacking(names: Iterable[str], present: Iterable[str]) -> tuple[str, ...]:
    """A note that names what was asked for and is not there; empty if all is."""
    absent = [name for name in names if name not in set(present)]
    return (f"Without stored predictions: {', '.join(absent)}.",) if absent else ()


def scaled(interval: Interval, factor: float = 100.0, digits: int = 1) -> str:
    """An interval in other units, by default in percent: ``24.3 [23.1, 25.6]``."""
    if interval.value != interval.value:
        return html.format_value(None)
    value = f"{factor * interval.value:.{digits}f}"
    if interval.low != interval.low:
        return value
    return f"{value} [{factor * interval.low:.{digits}f}, {factor * interval.high:.{digits}f}]"


def error_bars(intervals: Sequence[Interval]) -> list[list[float]]:
    """Distances to the lower and upper ends, for matplotlib; 0 where there is no interval."""
    return [
        [max(item.value - item.low, 0) if item.low == item.low else 0 for item in intervals],
        [max(item.high - item.value, 0) if item.high == item.high else 0 for item in intervals],
    ]
