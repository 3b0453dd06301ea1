"""The catalogue: every dataset the library reads, by name."""

from __future__ import annotations

from difflib import get_close_matches

from ...errors import DataError
from . import captions, changes, classification, detection, held_out, instructions
from . import vqa as questions
from .spec import DatasetSpec

CATALOG: dict[str, DatasetSpec] = {
    row.name: row
    for module in (captions, detection, classification, changes, questions, instructions, held_out)
    for row in module.ROWS
}
"""Catalogue name -> row."""


def find_row(name: str) -> DatasetSpec:
    """The row called `name`; an unknown name is a `DataError` with the nearest known ones."""
    if name in CATALOG:
        return CATALOG[name]
    near = get_close_matches(name.lower(), CATALOG, n=3)
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise DataError(f"there is no source called {name!r}", remedy=f"{hint}`flamingo sources list` prints all names.")
