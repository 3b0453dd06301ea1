"""Loader of the model behind the endpoint or a chat: our Flamingo, or any image-text-to-text model of Transformers."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Literal, get_args

from ..errors import ConfigError
from ..hub import resolve
from ..rewriting.backends.settings import BackendConfig, adapter_base, model_folders
from ..rewriting.backends.vlm import model_type
from .backend import Backend
from .memory import check_memory

DType = Literal["float32", "bfloat16", "float16"]
DTYPES = get_args(DType)


def load_backend(
    model: str | PathLike,
    *,
    name: str | None = None,
    role: str = "the model to serve",
    device: str = "cpu",
    dtype: DType = "float32",
    optimize: bool = True,
) -> Backend:
    """The model of a folder, of which kind its configuration says.

    Args:
        model: a folder, a shipped checkpoint's name, a name in the hub's cache, or the folder of a PEFT adapter of a
            model of Transformers.
        name: under which the endpoint offers it; by default its folder's.
        role: what the model is for, in words, for messages.
        device: such as ``cpu`` or ``cuda:0``.
        dtype: of the weights.
        optimize: make a small Flamingo fast on a CPU.

    Raises:
        ConfigError: the model does not fit into memory.
        MissingAsset, CheckpointError: as `loading.load_model` and `rewriting.backends.vlm.load_vlm`.
    """
    import torch

    folder, settings = resolve(model, role=role), BackendConfig(kind="transformers", dtype=dtype)
    ours = adapter_base(folder) is None and (
        not (folder / "config.json").is_file() or model_type(folder) in (None, "flamingo")
    )
    folders = [folder] if ours else model_folders(fspath(model), settings, role)
    check_memory(folders, device, getattr(torch, dtype).itemsize)
    try:
        if ours:
            from .flamingo_backend import FlamingoBackend

            return FlamingoBackend.load(
                folder, name=name, role=role, optimize=optimize, device=device, dtype=getattr(torch, dtype)
            )
        from .transformers_backend import TransformersBackend

        return TransformersBackend.load(fspath(model), settings, name=name, device=device, role=role)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ConfigError(
            f"the model does not fit into the memory of {device}", file=folder, remedy="Give a smaller model."
        ) from error
