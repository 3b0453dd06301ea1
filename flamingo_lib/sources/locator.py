"""File lookup for datasets: the official paths, and the usual ways in which copies differ from them."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any

from ..errors import DataError

log = logging.getLogger(__name__)


class BadRecord(Exception):
    """A record that cannot be used; the text says why. It never leaves a `Reader`."""


def variants(pattern: str) -> list[str]:
    """``a/|b/|c`` as ``a/b/c``, ``b/c``, ``c``."""
    parts = pattern.split("|")
    return ["".join(parts[start:]) for start in range(len(parts))]


def fill_known(pattern: str, values: Mapping[str, Any]) -> str:
    """`pattern` with the fields that `values` has filled in."""
    parts = []
    for literal, field, spec, _ in Formatter().parse(pattern):
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if field is not None:
            brace = "{" + field + (f":{spec}" if spec else "") + "}"
            parts.append(brace.format_map(values).replace("{", "{{").replace("}", "}}") if field in values else brace)
    return "".join(parts)


def filler(pattern: str) -> Callable[..., str]:
    """``pattern.format``, faster if only one plain field is left to fill in."""
    parts = list(Formatter().parse(pattern))
    if len(parts) == 1:
        before, field, spec, conversion = parts[0]
        if field and field.isidentifier() and not spec and not conversion:
            return lambda **values: f"{before}{values[field]}"
    return pattern.format


WILD = {"*": "[^/]*", "#": "[0-9]+", "?": "([^/]*)"}
"""The wildcards of a pattern and the regular expression of each: see `catalog.spec.DatasetSpec`."""

MOST_FOLDERS = 64
"""Folders searched at each depth."""


class Locator:
    """Finds the files of a row under `root`, at the official path or slightly off it.

    Args:
        splits: the row's splits and their values. A folder named after another split (``val`` when looking for the
            files of ``train``) is left out unless the pattern itself names a split.
    """

    def __init__(self, root: str | PathLike, splits: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.root = Path(root)
        self.splits = {name: {"split": name, **values} for name, values in (splits or {}).items()}
        if not self.root.is_dir():
            raise DataError(
                "the folder of the dataset is missing",
                file=self.root,
                remedy="Give the folder that holds the downloaded files.",
            )
        self.prefixes = ["", *self._folders("")]
        self._best: dict[str, str] = {}
        self._told: set[str] = set()

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

    def find(self, patterns: Sequence[str], values: Mapping[str, Any]) -> list[str]:
        """The files of the first of `patterns` that matches, as paths relative to the root.

        Empty if none matches, or if a pattern lacks a value. Patterns with a `?` come after all others.

        Raises:
            DataError: several files or folders for a `?`.
        """
        return next(self._candidates(patterns, values), [])

    def others(self, patterns: Sequence[str], values: Mapping[str, Any], found: Sequence[str]) -> list[list[str]]:
        """What else matches `patterns` (those with a `?` left out) and is not one of the `found` files."""
        named = [pattern for pattern in patterns if "?" not in pattern]
        groups = [group for group in self._candidates(named, values) if group != found]
        if not groups:
            return []
        known = {os.path.realpath(self.root / path) for path in found}
        groups = [[path for path in group if os.path.realpath(self.root / path) not in known] for group in groups]
        return [group for group in groups if group]

    def _candidates(self, patterns: Sequence[str], values: Mapping[str, Any]) -> Iterator[list[str]]:
        """The files of each pattern that matches, the first pattern first."""
        filled: list[tuple[str, set[str]]] = []
        try:
            for pattern in patterns:
                known, templates = variants(pattern.format_map(values)), variants(pattern)
                if len(known) > len(templates):  # a value has optional parts of its own
                    templates = [pattern] * len(known)
                filled += [
                    (variant, self._foreign(patterns, template, values))
                    for variant, template in zip(known, templates, strict=True)
                ]
        except KeyError:  # a pattern that depends on the record, such as one annotation file an image
            return
        tried = set()
        for group in ([item for item in filled if "?" not in item[0]], [item for item in filled if "?" in item[0]]):
            for prefix in self._everywhere():
                for variant, foreign in group:
                    if prefix + variant in tried or not foreign.isdisjoint(prefix.split("/")):
                        continue
                    tried.add(prefix + variant)
                    found = self._matches(prefix, variant, patterns[0])
                    if found:
                        yield found

    def _foreign(self, patterns: Sequence[str], variant: str, values: Mapping[str, Any]) -> set[str]:
        """Names of folders that belong to other splits, by those values that the patterns know and `variant` lacks."""
        own = self.splits.get(values.get("split", ""), {})
        return {
            str(other[key])
            for other in self.splits.values()
            for key in own.keys() & other.keys()
            if other[key] != own[key]
            and f"{{{key}}}" not in variant
            and any(f"{{{key}}}" in pattern for pattern in patterns)
        } - set(map(str, own.values()))

    def _matches(self, prefix: str, variant: str, official: str) -> list[str]:
        """The files that a pattern matches: ``*`` any, ``#`` any by number, ``?`` the only one."""
        if self._is_file(prefix + variant):  # a file of this very name, signs and all
            return [prefix + variant]
        if not any(sign in variant for sign in WILD):
            return []
        parts = re.split("([*#?])", variant)
        pattern = "".join("*" if part in WILD else glob.escape(part) for part in parts)
        test = re.compile(re.escape(prefix) + "".join(WILD.get(part) or re.escape(part) for part in parts))
        found: dict[tuple[str, ...], list[str]] = {}
        for path in glob.glob(glob.escape(prefix) + pattern, root_dir=self.root):
            path = PurePosixPath(path).as_posix()
            if (match := test.fullmatch(path)) and self._is_file(path):
                found.setdefault(match.groups(), []).append(path)
        if len(found) > 1:
            names = sorted(path for paths in found.values() for path in sorted(paths)[:1])
            raise DataError(
                f"several files could be meant: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}",
                file=self.root,
                remedy=f"Leave the right one there, or give it the official name, {variants(official)[-1]}.",
            )
        return sorted(path for paths in found.values() for path in paths)

    def image(self, patterns: Sequence[str], values: Mapping[str, Any]) -> str:
        """The path of an image, relative to the root; the folder of the last one found is tried first."""
        key = patterns[0]
        if key in self._best:
            path = self._best[key].format_map(values)
            if self._is_file(path):
                return path
        for prefix in self._everywhere():
            for pattern in patterns:
                for variant in variants(pattern):
                    path = prefix + variant.format_map(values)
                    if self._is_file(path):
                        self._tell_of_others(prefix, path, patterns, values)
                        self._best[key] = prefix.replace("{", "{{").replace("}", "}}") + variant
                        return path
        raise BadRecord(f"the image is missing: {variants(patterns[0])[0].format_map(values)}")

    def _tell_of_others(self, prefix: str, path: str, patterns: Sequence[str], values: Mapping[str, Any]) -> None:
        """Log, once for each folder, that an image of this name lies in other folders of the same rank as well."""
        if not prefix or prefix in self._told:
            return
        self._told.add(prefix)
        here = os.path.realpath(self.root / path)
        beside = self._deeper if prefix.count("/") > 1 else self.prefixes[1:]
        for other in beside:
            for variant in (variant for pattern in patterns for variant in variants(pattern)):
                found = other + variant.format_map(values)
                if other != prefix and self._is_file(found) and os.path.realpath(self.root / found) != here:
                    log.warning("reading the images from %s; of the same name, and not read: %s", path, found)
                    return
