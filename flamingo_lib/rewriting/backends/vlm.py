"""Loader of any image-text-to-text model of Transformers with its processor and, if there is one, a PEFT adapter."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, ConfigError
from ...hub import (
    check_device,
    check_load_report,
    check_weights,
    quiet_loading,
    refuse_remote_code,
    translate_loading_errors,
)
from ...storage import read_json
from ...weight_bounds import check_built_size, safetensors_shapes
from .chat_format import ChatFormat
from .prompt import user_text
from .settings import ADAPTER_CONFIG, BackendConfig, model_folders

ROLE = "the rewriter"
ADAPTER_REMEDY = "Give the adapter that was trained on this model."


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
        ConfigError: there is no such device.
        MissingAsset: there is no such model.
        CheckpointError: it is no image-text-to-text model, weights are missing, its processor has no chat template, or
            the adapter is another model's.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    check_device(settings.device or device)
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


def check_vlm(name: str, settings: BackendConfig, new_tokens: int) -> None:
    """Refuse a model that cannot rewrite before its weights are read.

    Args:
        name, settings: as of `load_vlm`.
        new_tokens: that a response may have.

    Raises:
        MissingAsset, CheckpointError: as `load_vlm`.
        ConfigError: there is no such device, or the context is too short for an empty prompt and `new_tokens`.
    """
    from transformers import AutoConfig

    check_device(settings.device or "cpu")
    folder, *adapters = model_folders(name, settings)
    chat = load_chat(name, settings)
    trusted = settings.trust_remote_code is not None
    with translate_loading_errors(folder, ROLE), quiet_loading():
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trusted)
    prompt = chat.render(user_text(settings.template, "", ""), 0)
    used, context = len(chat.tokenizer(prompt, add_special_tokens=False)["input_ids"]), context_of(config)
    if used + new_tokens > context:
        raise ConfigError(
            f"the model's context of {context:,} tokens is too short: its empty prompt has {used:,}, "
            f"and {new_tokens:,} new ones are to follow",
            file=folder,
            remedy="Set rewriting.max_new_tokens lower, shorten the prompt, or give a model with a longer context.",
        )
    for adapter in adapters if not trusted else ():  # code that is named for running may build what it likes
        _check_adapter(config, adapter)


def _check_adapter(config: Any, folder: Path) -> None:
    """Refuse an adapter that is not for a model of this configuration, which is built without memory."""
    import torch
    from peft import PeftConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    _check_adapter_files(folder)
    with translate_loading_errors(folder, "the adapter", ADAPTER_REMEDY), quiet_loading(), quiet_peft():
        try:
            with torch.device("meta"):
                model = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
                wrapped = get_peft_model(model, PeftConfig.from_pretrained(str(folder)))
        except NotImplementedError:
            return  # a model that reads values while it is built has none there; they are compared once it is loaded
        wanted = adapter_sizes(wrapped)
    _compare(dict(safetensors_shapes(folder)), wanted, folder)


def _check_adapter_files(folder: Path) -> None:
    if not (folder / ADAPTER_CONFIG).is_file():
        raise CheckpointError(
            "the folder holds no PEFT adapter", file=folder, remedy=f"Give one with {ADAPTER_CONFIG}."
        )
    check_weights(folder)


def adapter_sizes(model: Any) -> dict[str, int]:
    """Number of elements of each weight that the adapter of a `PeftModel` consists of; nobody is asked for its base.

    PEFT would look on the hub whether the vocabulary was changed. Embeddings and head, which it would then save, are
    not among these.
    """
    from peft import get_peft_model_state_dict

    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: weight.numel() for name, weight in weights.items()}


def _compare(stored: Mapping[str, int], wanted: Mapping[str, int], folder: Path) -> None:
    """A `CheckpointError` that names the first weight in which an adapter's file and the model don't meet."""
    from peft.utils.constants import EMBEDDING_LAYER_NAMES

    def other(names: Collection[str]) -> set[str]:
        return {name for name in names if not {*name.split(".")} & {*EMBEDDING_LAYER_NAMES}}

    differing = other(stored.keys() ^ wanted.keys())
    differing |= {name for name in stored.keys() & wanted.keys() if stored[name] != wanted[name]}
    if differing:
        raise CheckpointError(
            f"the adapter is another model's: {len(differing)} of its weights and the model's don't meet, the first "
            f"{min(differing)}",
            file=folder,
            remedy=ADAPTER_REMEDY,
        )


def add_adapter(model: Any, folder: Path, *, merge: bool) -> Any:
    """`model` with a PEFT adapter; a `CheckpointError` names what does not fit."""
    from peft import PeftModel

    _check_adapter_files(folder)
    with translate_loading_errors(folder, "the adapter", ADAPTER_REMEDY), quiet_loading(), quiet_peft():
        wrapped = PeftModel.from_pretrained(model, str(folder))
        wanted = adapter_sizes(wrapped)
    _compare(dict(safetensors_shapes(folder)), wanted, folder)
    return wrapped.merge_and_unload() if merge else wrapped


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep back what PEFT and Transformers warn of at each adapter: a replaced name, and a base in another folder."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
        warnings.filterwarnings("ignore", message=".*`base_model_name_or_path` was renamed")
        yield


def context_length(model: Any) -> int:
    """Tokens that prompt and response may have together."""
    return context_of(model.config)


def context_of(config: Any) -> int:
    """As `context_length`, from a model's configuration."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 1 << 30)


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
