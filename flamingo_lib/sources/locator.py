"""Where the files of a dataset lie: the official places, and how copies usually differ from them."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any

from ..errors import DataError


class BadRecord(Exception):
    """A record that cannot be used; the text says why. It never leaves a `Reader`."""


def variants(place: str) -> list[str]:
    """``a/|b/|c`` as ``a/b/c``, ``b/c``, ``c``."""
    parts = place.split("|")
    return ["".join(parts[start:]) for start in range(len(parts))]


def fill_known(place: str, values: Mapping[str, Any]) -> str:
    """`place` with those of its braces filled in that `values` knows."""
    parts = []
    for literal, field, spec, _ in Formatter().parse(place):
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if field is not None:
            brace = "{" + field + (f":{spec}" if spec else "") + "}"
            parts.append(brace.format_map(values).replace("{", "{{").replace("}", "}}") if field in values else brace)
    return "".join(parts)


def filler(place: str) -> Callable[..., str]:
    """``place.format``, quicker where one plain name in braces is all that is left to fill in."""
    parts = list(Formatter().parse(place))
    if len(parts) == 1 and parts[0][1] and parts[0][1].isidentifier() and not parts[0][2] and not parts[0][3]:
        before, field = parts[0][:2]
        return lambda **values: f"{before}{values[field]}"
    return place.format


MOST_FOLDERS = 64
"""Folders of each depth in which files are looked for."""


class Locator:
    """Finds the files of a row under `root`, in the official place or slightly off it."""

    def __init__(self, root: str | PathLike) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise DataError(
                "the folder of the dataset is missing",
                file=self.root,
                remedy="Give the folder that holds the downloaded files.",
            )
        self.prefixes = ["", *self._folders("")]
        self._best: dict[str, str] = {}

    def _folders(self, prefix: str) -> list[str]:
        """The folders in `prefix`, each with a slash at its end."""
        folders = (
            entry.name for entry in os.scandir(self.root / prefix) if entry.is_dir() and not entry.name.startswith(".")
        )
        return sorted(f"{prefix}{name}/" for name in folders)[:MOST_FOLDERS]

    @cached_property
    def _deeper(self) -> list[str]:
        """Folders of folders, for copies that keep the names of the archives they came in."""
        return [inner for prefix in self.prefixes[1:] for inner in self._folders(prefix)][:MOST_FOLDERS]

    def _is_file(self, path: str) -> bool:
        return os.path.isfile(self.root / path)  # False, where a `Path` raises, of a name that no file can have

    def _everywhere(self) -> Iterator[str]:
        yield from self.prefixes
        yield from self._deeper

    def find(self, places: Sequence[str], values: Mapping[str, Any]) -> list[str]:
        """Paths, relative to the root, of the first of `places` that exists; empty if none does, or if one lacks a
        value.
        """
        try:
            filled = [variant for place in places for variant in variants(place.format_map(values))]
        except KeyError:  # a place that depends on the record, such as one annotation file an image
            return []
        for prefix in self._everywhere():
            for variant in filled:
                path = prefix + variant
                if "*" in path:
                    pattern = "*".join(glob.escape(part) for part in path.split("*"))
                    found = sorted(PurePosixPath(match).as_posix() for match in glob.glob(pattern, root_dir=self.root))
                    if found:
                        return found
                elif self._is_file(path):
                    return [path]
        return []

    def image(self, places: Sequence[str], values: Mapping[str, Any]) -> str:
        """The path of an image, relative to the root; where the last one was found is looked first."""
        key = places[0]
        if key in self._best:
            path = self._best[key].format_map(values)
            if self._is_file(path):
                return path
        for prefix in self._everywhere():
            for place in places:
                for variant in variants(place):
                    path = prefix + variant.format_map(values)
                    if self._is_file(path):
                        self._best[key] = prefix.replace("{", "{{").replace("}", "}}") + variant
                        return path
        raise BadRecord(f"the image is missing: {variants(places[0])[0].format_map(values)}")
