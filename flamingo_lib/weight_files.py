"""Reading weights from disk, safely: safetensors, or PyTorch files without running anything that they hold."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError, DataError, FlamingoError
from .hub import check_weights_file
from .storage import read_json
from .weight_bounds import check_links, check_tensors, check_torch_file

WRAPPERS = ("model_state_dict", "state_dict", "model")
"""Keys under which training scripts put the weights beside optimizer state."""

FOLDER_FILES = (
    "model.safetensors",
    "adapter_model.safetensors",
    "pytorch_model.bin",
    "adapter_model.bin",
    "checkpoint.pt",
)


def read_state(path: str | os.PathLike) -> dict[str, Tensor]:
    """Tensors by name from a .safetensors, .pt, .pth or .bin file, or a folder.

    A folder holds one of `FOLDER_FILES` or shards.

    Raises:
        CheckpointError: missing, empty or broken files, a pickle that wants to run code or declares more than it
            holds (see `weight_bounds`), a link out of the folder, or a file that holds no tensors.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise CheckpointError("the checkpoint is missing", file=path, remedy="Check the path.")
    if check_weights_file(path) == "a safetensors file":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"not a safetensors file: {error}", file=path, remedy="Download it again; it may be cut off."
            ) from error
    return _read_pickle(path)


def read_adapter(folder: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A PEFT adapter folder's config and tensors.

    Raises:
        CheckpointError: see `read_state`; a config that is no JSON object, or a tensor with NaN or Inf.
    """
    folder = Path(folder)
    try:
        settings = read_json(folder / "adapter_config.json")
    except DataError as error:
        raise CheckpointError(f"not an adapter: {error.what}", file=folder / "adapter_config.json") from error
    if not isinstance(settings, dict):
        raise CheckpointError("not an adapter: its config is no JSON object", file=folder / "adapter_config.json")
    tensors = read_state(folder)
    bad = sorted(name for name, value in tensors.items() if not bool(value.isfinite().all()))
    if bad:
        what = f"{len(bad)} matrices of the adapter hold NaN or Inf, the first {bad[0]}"
        raise CheckpointError(what, file=folder, remedy="Train it again, or download it again.")
    return settings, tensors


def _read_folder(folder: Path) -> dict[str, Tensor]:
    check_links(folder)
    for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / name).is_file():
            index = read_json(folder / name)
            shards = index.get("weight_map") if isinstance(index, dict) else None
            if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
                raise CheckpointError("the index has no weight_map of names to files", file=folder / name)
            shards = sorted(set(shards.values()))
            if any(Path(shard).name != shard for shard in shards):
                raise CheckpointError("a shard lies outside the folder", file=folder / name)
            return {key: value for shard in shards for key, value in read_state(folder / shard).items()}
    for name in FOLDER_FILES:
        if (folder / name).is_file():
            return read_state(folder / name)
    raise CheckpointError(
        "the folder holds no weights", file=folder, remedy=f"It should hold one of {', '.join(FOLDER_FILES)}."
    )


def _read_pickle(path: Path) -> dict[str, Tensor]:
    check_torch_file(path)
    try:
        content = _load(path, mmap=True)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise _damaged(path, error) from error
        content = _load(path, mmap=False)  # files from before the zip format can't be memory-mapped
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping):
        raise CheckpointError(f"the file holds a {type(content).__name__}, not named tensors", file=path)
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError("the file holds no tensors", file=path)
    check_tensors(tensors, path)
    return tensors


def _load(path: Path, *, mmap: bool) -> Any:
    """`torch.load` without running code; a `RuntimeError` only if the file can't be memory-mapped."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        inner = error.__context__ or error  # torch adds advice to what the unpickler said
        if any(word in str(inner) for word in ("operand", "truncated", "invalid load key")):
            raise _damaged(path, inner) from error
        raise _unsafe(path, inner) from error
    except RuntimeError as error:
        if mmap:
            raise
        raise _damaged(path, error) from error
    except (MemoryError, FlamingoError):
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> CheckpointError:
    text = _first_line(error) if isinstance(error, (RuntimeError, OSError, pickle.UnpicklingError)) else "it is damaged"
    return CheckpointError(f"not a PyTorch file: {text}", file=path, remedy="Download it again; it may be cut off.")


def _unsafe(path: Path, error: BaseException) -> CheckpointError:
    return CheckpointError(
        f"the file holds more than tensors and is refused, as loading it could run code: {_first_line(error)}",
        file=path,
        remedy="Convert it to safetensors on a machine that trusts it.",
    )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
