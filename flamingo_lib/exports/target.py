"""What a target module has: settings, and a function that writes records into a folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .record import ExportRecord


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an export goes, and what it holds.

    Attributes:
        folder: to write into; it gets its name when it is complete.
        final: the absolute path that it will have, for formats that need one.
        scores: names of the scores that records have.
        preference: records are preference pairs.
    """

    folder: Path
    final: Path
    scores: tuple[str, ...] = ()
    preference: bool = False


class Target(Protocol):
    """A module of this package for one training framework.

    Attributes:
        TITLE: the framework's or format's name.
        FILES: pattern of the files that hold the records, inside the export.
        PREFERENCES: it has a form for preference pairs.
        STYLES: how it takes both styles of an answer, see `styles`.
        USE: how to load it, for the card; ``{folder}`` stands for the export.
    """

    TITLE: str
    FILES: str
    PREFERENCES: bool
    STYLES: str
    USE: str

    def write(self, records: Iterable[ExportRecord], to: Destination) -> int:
        """Write all records; returns how many."""
        ...
