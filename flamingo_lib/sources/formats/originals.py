"""The publishers' own layouts of the ELEVATER sets: each function lists (picture, class names) or None if its files aren't there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..reading import Reading

Labelled = tuple[str, tuple[str, ...]]

ORIGINALS: dict[str, Callable[[Reading], Iterator[Labelled] | None]] = {}
"""Layout name -> lister."""
