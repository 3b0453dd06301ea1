"""What the catalogue says of one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

ALIASES = (
    frozenset({"val", "valid", "validation", "dev"}),
    frozenset({"train", "training"}),
    frozenset({"test", "testing"}),
)
"""Split names that mean the same; a row lists the one its makers use."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """One dataset: where its files are, which reader understands them, and whose it is.

    A path may have optional leading parts, ended by ``|``: ``a/|b/c.json`` is looked for as ``a/b/c.json``, then
    ``b/c.json``, under the root, under its subfolders (by name) and under theirs. ``{split}`` and the values of `splits`
    are filled in. ``*`` matches several files that belong together, ``#`` such as differ by a number. ``?`` stands for
    a name that isn't known: it must match one file or folder, and is looked for after all other patterns.

    The first pattern that matches is read. Files that match other patterns are named in the log and not read; several
    files for one ``?`` are an error that asks which is meant.

    Attributes:
        name: the catalogue name, the first part of every sample id.
        title: the name its makers use.
        task: one of `flamingo_lib.records.TASKS`.
        format: the reader in `flamingo_lib.sources.formats.READERS`.
        files: role -> file patterns, the official one first.
        optional: roles that may be missing.
        splits: split name -> extra values for the paths.
        unlabelled: splits without published answers; read only when asked for by name.
        split_markers: roles whose files show that a split is there; by default those whose patterns depend on the split.
        overlapping_splits: labelled splits that overlap with others; read only when asked for by name.
        images: file patterns of an image, the official one first.
        options: settings of the reader; `load_source` may override them.
        paper_samples: samples left after filtering in the paper (docs/method.md, section 3), of the whole `group` if there is one.
        group: datasets that the paper counts as one.
        licence: as its makers state it.
        homepage: where to get it.
        citation: authors, title, venue, year.
        notes: oddities, and details that are not sure.
        max_share: the share of records that may be unusable before a run stops.
        ids_repeat: True if the makers' ids are not unique; later ones get a number.
    """

    name: str
    title: str
    task: str
    format: str
    files: Mapping[str, tuple[str, ...]]
    splits: Mapping[str, Mapping[str, str]]
    licence: str
    homepage: str
    citation: str
    optional: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    overlapping_splits: tuple[str, ...] = ()
    split_markers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    paper_samples: int | None = None
    group: str = ""
    notes: str = ""
    max_share: float = 0.1
    ids_repeat: bool = False

    def split_name(self, asked: str) -> str | None:
        """The row's own name for the split `asked` (``val`` finds ``valid``); None if it has none."""
        if asked in self.splits:
            return asked
        for names in ALIASES:
            if asked in names:
                return next((name for name in self.splits if name in names), None)
        return None


def plain(*names: str) -> Mapping[str, Mapping[str, str]]:
    """Splits that need no values of their own."""
    return MappingProxyType(dict.fromkeys(names, NOTHING))
