"""LoRA on the language model: added in place, saved with the model or as a PEFT adapter, merged."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import CheckpointError, ConfigError
from ..storage import atomic_folder
from ..weight_files import read_adapter

if TYPE_CHECKING:
    from .flamingo import FlamingoForConditionalGeneration

ADAPTER = "default"
PEFT_PREFIX = "base_model.model."
"""What PEFT puts before every name in a saved adapter."""

HONOURED = {
    *("r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "layers_pattern", "runtime_config"),
    *(
        "peft_type",
        "peft_version",
        "task_type",
        "auto_mapping",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
    ),
}
"""Settings of an adapter's config that are read, or that don't change what it computes."""


def lora_targets(model: FlamingoForConditionalGeneration) -> str:
    """A pattern for PEFT's `target_modules`: every linear of the decoder layers, none of the gated ones."""
    inside = {
        name.removesuffix(".base_layer")
        for layer in model.layers
        for name, module in layer.decoder_layer.named_modules()
        if isinstance(module, nn.Linear) and ".lora_" not in f".{name}"
    }
    return rf"lang_encoder\..*\.decoder_layer\.({'|'.join(map(re.escape, sorted(inside)))})"


def peft_config(model: FlamingoForConditionalGeneration, settings: dict[str, Any]) -> Any:
    """The `peft.LoraConfig` for ``{"rank": r, "alpha": a, "dropout": p}``; also good for `peft.get_peft_model`."""
    from peft import LoraConfig

    return LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings.get("dropout", 0.0),
        target_modules=lora_targets(model),
        bias="none",
    )


def add_lora(
    model: FlamingoForConditionalGeneration, rank: int, alpha: int, dropout: float = 0.0
) -> FlamingoForConditionalGeneration:
    """Give the language model fresh LoRA (A random, B zero) and freeze everything else; returns the same model.

    It becomes part of the model and of its folder when it is saved.

    Raises:
        ConfigError: it has LoRA already, or a rank under 1.
    """
    if model.config.lora:
        raise ConfigError("the model has LoRA already", remedy="Merge it first (merge_lora), or go on training it.")
    if rank < 1:
        raise ConfigError(f"LoRA rank {rank}", remedy="Use 1 or more.")
    model.config.lora = {"rank": rank, "alpha": alpha, "dropout": dropout}
    return inject_lora(model, model.config.lora)


def inject_lora(model: FlamingoForConditionalGeneration, settings: dict[str, Any]) -> FlamingoForConditionalGeneration:
    """Put LoRA layers in place without a word to the config; `add_lora` is what you want."""
    from peft import inject_adapter_in_model

    inject_adapter_in_model(peft_config(model, settings), model, adapter_name=ADAPTER)
    return model


def adopt_lora(model: FlamingoForConditionalGeneration, settings: dict[str, Any], folder: str | os.PathLike) -> None:
    """Give the model the LoRA that an adapter's config asks for, if it has none.

    Raises:
        CheckpointError: the config is not LoRA's, has a setting that this library doesn't honour, or another rank or
            alpha than the LoRA that the model has, or a value that LoRA cannot have.
    """
    from peft import LoraConfig

    file, plain = Path(folder) / "adapter_config.json", LoraConfig().to_dict()
    kind = settings.get("peft_type") or "LORA"
    if kind != "LORA":
        raise CheckpointError(f"the adapter is of the type {kind}", file=file, remedy="Only LoRA is read.")
    for key in ("r", "lora_alpha"):
        if settings.get(key) is None:
            raise CheckpointError(f"the adapter's config has no {key}", file=file, remedy="Only LoRA is read.")
        value = settings[key]
        if type(value) not in (int, float) or not float(value).is_integer() or value < 1:
            raise CheckpointError(f"{key} of the adapter is {value!r}", file=file, remedy="Use a whole number over 0.")
    dropout = settings.get("lora_dropout") or 0.0
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise CheckpointError(f"lora_dropout of the adapter is {dropout!r}", file=file, remedy="Use 0 to under 1.")
    for key, value in settings.items():
        unset = value is None or value is False or value == [] or value == {}  # 0 is none: it names a layer
        if key not in HONOURED and not unset and value != plain.get(key):
            what = f"the adapter's setting {key} is {value!r}, which is not supported"
            remedy = "Merge the adapter with PEFT, or train one that has the default here."
            raise CheckpointError(what, file=file, remedy=remedy)
    given = {"rank": int(settings["r"]), "alpha": int(settings["lora_alpha"])}
    own = model.config.lora
    if not own:
        add_lora(model, **given, dropout=dropout)
    elif any(own[name] != value for name, value in given.items()):
        raise CheckpointError(
            f"the model's LoRA has rank {own['rank']} and alpha {own['alpha']}, the adapter {given['rank']} and "
            f"{given['alpha']}",
            file=file,
            remedy="Load it into a model without LoRA.",
        )


def merge_lora(model: FlamingoForConditionalGeneration) -> FlamingoForConditionalGeneration:
    """Add each LoRA product to its base weight and take the LoRA layers away; returns the same model."""
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge(safe_merge=True)
            model.set_submodule(name, module.get_base_layer())
    model.config.lora = None
    return model


def lora_state(model: FlamingoForConditionalGeneration) -> dict[str, Tensor]:
    """The LoRA matrices by their names in the model."""
    return {name: weight for name, weight in model.named_parameters() if ".lora_" in name}


def save_adapter(model: FlamingoForConditionalGeneration, folder: str | os.PathLike) -> None:
    """Write the LoRA matrices as a PEFT adapter: `peft.PeftModel.from_pretrained(base, folder)` reads it.

    Raises:
        ConfigError: the model has no LoRA.
    """
    if not model.config.lora:
        raise ConfigError("the model has no LoRA to save", remedy="Add it with add_lora.")
    weights = {
        PEFT_PREFIX + name.replace(f".{ADAPTER}.", "."): weight.detach().contiguous()
        for name, weight in lora_state(model).items()
    }
    with atomic_folder(folder) as path:
        save_file(weights, path / "adapter_model.safetensors", metadata={"format": "pt"})
        config = peft_config(model, model.config.lora)
        config.inference_mode = True
        config.save_pretrained(path)


def load_adapter(
    model: FlamingoForConditionalGeneration, folder: str | os.PathLike
) -> FlamingoForConditionalGeneration:
    """Add the LoRA of a PEFT adapter that `save_adapter` wrote; returns the same model.

    An adapter of a plain language model is for `checkpoints.load_plain_lora`.

    Raises:
        CheckpointError: a matrix is missing, unknown, or of another shape, or see `adopt_lora`.
    """
    settings, given = read_adapter(folder)
    adopt_lora(model, settings, folder)
    wanted = {PEFT_PREFIX + name.replace(f".{ADAPTER}.", "."): weight for name, weight in lora_state(model).items()}
    for names, what in ((wanted.keys() - given.keys(), "lacks"), (given.keys() - wanted.keys(), "holds the unknown")):
        if names:
            what = f"the adapter {what} {len(names)} matrices, the first {min(names)}"
            raise CheckpointError(what, file=folder, remedy="Is it for this model?")
    with torch.no_grad():
        for name, weight in wanted.items():
            if weight.shape != given[name].shape:
                raise CheckpointError(f"{name} is {tuple(given[name].shape)}, not {tuple(weight.shape)}", file=folder)
            weight.copy_(given[name])
    return model
