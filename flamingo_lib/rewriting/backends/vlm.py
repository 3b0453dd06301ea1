"""Loader of any image-text-to-text model of Transformers with its processor and, if there is one, a PEFT adapter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, ConfigError
from ...hub import check_load_report, check_weights, quiet_loading, refuse_remote_code, translate_loading_errors
from ...storage import read_json
from ...weight_bounds import check_built_size
from .chat_format import ChatFormat
from .settings import ADAPTER_CONFIG, BackendConfig, model_folders

ROLE = "the rewriter"


def load_vlm(
    name: str, settings: BackendConfig, device: str = "cpu", *, merge: bool = True, role: str = ROLE
) -> tuple[Any, ChatFormat]:
    """Model (in evaluation mode) and chat format; nothing is fetched, and no code of the folder is run unless named.

    Args:
        name: a model's folder, its name in the hub's cache, or a PEFT adapter's folder, which names its base model.
        settings: number format, adapter, system message, device, and whether the folder's own code may run.
        device: unless the settings say.
        merge: add an adapter to the weights; else the model is a `PeftModel`.
        role: what the model is for, in words, for messages.

    Raises:
        MissingAsset: there is no such model.
        CheckpointError: it is no image-text-to-text model, weights are missing, its processor has no chat template, or
            the adapter is another model's.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    folder, *adapters = model_folders(name, settings, role)
    chat = load_chat(name, settings, role)
    with translate_loading_errors(folder, role), quiet_loading():
        trusted = settings.trust_remote_code is not None
        if not trusted:  # code that is named for running may build what it likes
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            check_built_size(folder, lambda: AutoModelForImageTextToText.from_config(config, trust_remote_code=False))
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=getattr(torch, settings.dtype),
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # they are in the report
            output_loading_info=True,
            local_files_only=True,
            trust_remote_code=trusted,
        )
    check_load_report(report, folder)
    for adapter in adapters:
        model = add_adapter(model, adapter, merge=merge)
    with translate_loading_errors(folder, role, "Give a device that is there."):
        return model.eval().to(settings.device or device), chat


def load_chat(name: str, settings: BackendConfig, role: str = ROLE) -> ChatFormat:
    """The chat format of a model, whose folder is checked; its weights are not loaded. Errors as `load_vlm`."""
    from transformers import AutoProcessor

    folder = model_folders(name, settings, role)[0]
    trusted = settings.trust_remote_code is not None
    if trusted and settings.trust_remote_code not in (name, folder.name, str(folder)):
        raise ConfigError(
            f"trust_remote_code names {settings.trust_remote_code!r}, but the model is {name!r}",
            remedy="Name the very model whose code is to run, or leave it out.",
        )
    if not trusted:
        refuse_remote_code(folder)
        _check_kind(folder, role)
    check_weights(folder)
    with translate_loading_errors(folder, role), quiet_loading():
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=trusted)
    return ChatFormat(processor, settings.system, folder.name)


def add_adapter(model: Any, folder: Path, *, merge: bool) -> Any:
    """`model` with a PEFT adapter; a `CheckpointError` names what does not fit."""
    from peft import PeftModel, get_peft_model_state_dict, load_peft_weights

    if not (folder / ADAPTER_CONFIG).is_file():
        raise CheckpointError(
            "the folder holds no PEFT adapter", file=folder, remedy=f"Give one with {ADAPTER_CONFIG}."
        )
    check_weights(folder)
    remedy = "Give the adapter that was trained on this model."
    with translate_loading_errors(folder, "the adapter", remedy), quiet_loading(), quiet_peft():
        wrapped = PeftModel.from_pretrained(model, str(folder))
        stored, wanted = set(load_peft_weights(str(folder), device="cpu")), set(get_peft_model_state_dict(wrapped))
    if stored != wanted:
        first = min(stored ^ wanted)
        raise CheckpointError(
            f"the adapter is another model's: {len(stored ^ wanted)} of its weights and the model's don't meet, "
            f"the first {first}",
            file=folder,
            remedy=remedy,
        )
    return wrapped.merge_and_unload() if merge else wrapped


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep back PEFT's use of a name that Transformers has replaced, of which both warn at each adapter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        yield


def context_length(model: Any) -> int:
    """Tokens that prompt and response may have together."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)


def model_type(folder: Path) -> str | None:
    """The ``model_type`` that a model's folder states; raises `DataError` where its configuration can't be read."""
    values = read_json(folder / "config.json")
    return values.get("model_type") if isinstance(values, dict) else None


def _check_kind(folder: Path, role: str) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    kind = model_type(folder)
    if kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise CheckpointError(
            f"{role} is no image-text-to-text model of Transformers (its model_type is {kind!r})",
            file=folder,
            remedy="Give one that AutoModelForImageTextToText loads; our own Flamingo has the backend `flamingo`.",
        )
