"""ELEVATER's registry of sets, ``vision_datasets.json``: it says which label map belongs to which index."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ..images import leaves
from ..reader import BadRecord, Reader

SPLITS = ("train", "val", "test")


def label_map(reader: Reader, index: str) -> str | None:
    """The file, relative to the root, that the registry names as the label map of the set to which `index` belongs.

    The registry's paths begin at the folder of all sets, which may lie above the root or below it: an entry is that of
    `index` if its own path of an index is the end of the whole path of `index`. None without a registry, such an entry
    or such a file.
    """
    whole = (reader.root.resolve() / index).as_posix()
    for file in reader.files("registry"):
        for _, key, entry in reader.items(file):
            with reader.keep(file, entry.get("name", key) if isinstance(entry, dict) else key, part=True):
                found = _named_by(entry, index, whole)
                if found is None:
                    continue
                if leaves(found):
                    raise BadRecord(f"the label map leaves the root: {found}")
                if not (reader.root / found).is_file():
                    raise BadRecord(f"the label map is missing: {found}")
                return found
    return None


def _named_by(entry: dict[str, Any], index: str, whole: str) -> str | None:
    """The label map of `entry` if `index` is its index and is there, with the set's folder, at the root or below."""
    labels = entry.get("labelmap")
    for split in SPLITS:
        index_path = (entry.get(split) or {}).get("index_path")
        if not (labels and index_path):
            continue
        if whole.endswith("/" + PurePosixPath(entry.get("root_folder") or "", index_path).as_posix()):
            return index.removesuffix(index_path) + labels if index.endswith(index_path) else None
    return None
