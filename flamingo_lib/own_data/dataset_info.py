"""LLaMA-Factory's ``dataset_info.json``: which columns and tags a dataset has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..storage import read_json

NAME = "dataset_info.json"


def find_info(data: Path, given: Path | None = None) -> Mapping[str, Any] | None:
    """The entry for the file `data`; None if there is none.

    Args:
        data: the dataset's file.
        given: the ``dataset_info.json``; by default the one beside `data`.

    Raises:
        ConfigError: a file given by name that is not there, is no such file, or doesn't speak of `data`.
    """
    path = given or data.parent / NAME
    if not path.is_file():
        if given is not None:
            raise ConfigError(f"there is no {NAME}", file=path, remedy="Give the file, or leave the option out.")
        return None
    entries = read_json(path)
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        if given is None:
            return None  # `datasets` has a file of this name as well
        raise ConfigError("not a dataset_info.json of LLaMA-Factory", file=path)
    for entry in entries.values():
        if entry.get("file_name") == data.name:
            return entry
    if given is not None:
        raise ConfigError(
            f"no entry of it has the file_name {data.name}",
            file=path,
            remedy=f"Its entries are {', '.join(entries) or 'none'}.",
        )
    return None
